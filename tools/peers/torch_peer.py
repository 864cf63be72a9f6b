#!/usr/bin/env python3
"""torch_peer: PyTorch doing what hone bench does: the same nets and operators at the same shapes, synthetic data on
the device, median of five.

Reads one JSON request a line, writes one JSON answer a line, so that one process answers many requests between runs
of others (tools/peers/compare). By hand:

    echo '{"net": "resnet18", "mode": "train", "batch": 8, "size": 224}' | python3 tools/peers/torch_peer.py

Requests:
    {"net": NAME, "mode": "train"|"infer", "batch": N, "size": PIXELS}   -> ms, images_per_second, peak_bytes
    {"op": NAME, "shape": {"h": 56, ...}}                                -> ms, gflops, gbs
    {"export": NAME, "batch": N, "size": PIXELS, "file": PATH}           -> writes an ONNX file
    {"about": true}                                                      -> version, device, threads
Training is forward, cross-entropy, backward and AdamW over every weight, batch norms in training mode. Operators have
the names and keys of `hone bench --ops`, and count operations and bytes as hone does.
"""
import argparse
import json
import os
import statistics
import sys
import time

import torch
import torch.nn.functional as F
import torchvision

SAMPLE_SECONDS = 0.05


def median_ms(step, sync):
    """Median of five samples, each of as many steps as a short while holds, after two to warm up."""
    for _ in range(2):
        start = time.perf_counter()
        step()
        sync()
        once = time.perf_counter() - start
    count = max(1, min(1000, int(SAMPLE_SECONDS / max(once, 1e-7)) + 1))
    samples = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(count):
            step()
        sync()
        samples.append((time.perf_counter() - start) / count)
    return statistics.median(samples) * 1e3


class Peak:
    """Peak memory of the process (CPU: resident pages above what was there before) or of the device."""

    def __init__(self, device):
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
            return
        try:
            with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
                file.write("5")  # the high-water mark starts anew
            self.before = self.read("VmRSS:")
        except OSError:
            self.before = None

    @staticmethod
    def read(key):
        with open("/proc/self/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith(key))

    def bytes(self):
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated()
        return None if self.before is None else self.read("VmHWM:") - self.before


class Peer:
    def __init__(self, args):
        self.device = torch.device(args.device)
        self.amp = {"off": None, "f16": torch.float16, "bf16": torch.bfloat16}[args.amp]
        self.layout = torch.channels_last if args.channels_last else torch.contiguous_format
        self.compile = args.compile
        torch.set_num_threads(args.threads)

    def sync(self):
        if self.device.type == "cuda":  # ROCm, too
            torch.cuda.synchronize()
        elif self.device.type == "xpu":
            torch.xpu.synchronize()

    def about(self):
        name = "CPU"
        if self.device.type in ("cuda", "xpu"):
            name = getattr(torch, self.device.type).get_device_name()
        blas = set()  # matrix products are no faster than the library behind them
        with open("/proc/self/maps", encoding="utf-8") as file:
            for line in file:
                path = line.split()[-1]
                if "blas" in os.path.basename(path) or "mkl" in os.path.basename(path):
                    blas.add(os.path.realpath(path))
        return {"version": torch.__version__, "device": name, "threads": torch.get_num_threads(),
                "blas": " ".join(sorted(blas)),
                "hip": getattr(torch.version, "hip", None), "cuda": torch.version.cuda}

    def autocast(self):
        return torch.autocast(self.device.type, dtype=self.amp, enabled=self.amp is not None)

    def net(self, request):
        peak = Peak(self.device)
        batch, size = request["batch"], request["size"]
        net = getattr(torchvision.models, request["net"])().to(self.device, memory_format=self.layout)
        train = request["mode"] == "train"
        net.train(train)
        pictures = torch.randn(batch, 3, size, size, device=self.device).to(memory_format=self.layout)
        labels = torch.arange(batch, device=self.device) % 5
        loss = torch.nn.CrossEntropyLoss()
        run = torch.compile(net) if self.compile else net
        optimizer = torch.optim.AdamW(net.parameters(), 1e-4) if train else None
        scaler = torch.cuda.amp.GradScaler(enabled=self.amp == torch.float16)

        def train_step():
            optimizer.zero_grad(set_to_none=True)
            with self.autocast():
                value = loss(run(pictures), labels)
            scaler.scale(value).backward()
            scaler.step(optimizer)
            scaler.update()

        def infer_step():
            with torch.inference_mode(), self.autocast():
                run(pictures)

        ms = median_ms(train_step if train else infer_step, self.sync)
        return {"ms": ms, "images_per_second": batch / ms * 1e3,
                "peak_bytes": peak.bytes()}  # of a fresh process: memory kept from earlier requests is not counted

    def tensor(self, *shape):
        x = torch.rand(shape, device=self.device) * 2 - 1
        return x.to(memory_format=self.layout) if len(shape) == 4 else x

    def op(self, request):
        name, v = request["op"], dict(request["shape"])
        if name == "matmul":
            m, n, k = v.get("m", 512), v.get("n", 512), v.get("k", 512)
            a, b = self.tensor(m, k), self.tensor(n, k) if v.get("tb") else self.tensor(k, n)
            b = b.t() if v.get("tb") else b
            ms = median_ms(lambda: a @ b, self.sync)
            flops, moved = 2 * m * n * k, 4 * (m * n + m * k + n * k)
        else:
            ms, flops, moved = self.conv(name, v)
        return {"ms": ms, "gflops": flops / ms * 1e-6, "gbs": moved / ms * 1e-6}

    def conv(self, name, v):
        n, h, c, r = v.get("n", 1), v.get("h", 56), v.get("c", 64), v.get("r", 3)
        w, stride = v.get("w", h), v.get("stride", 1)
        pad = v.get("pad", (r - 1) // 2)
        depthwise = name.startswith("depthwise")
        k, groups = (c, c) if depthwise else (v.get("k", c), v.get("groups", 1))
        x, weight = self.tensor(n, c, h, w), self.tensor(k, c // groups, r, r)
        y = F.conv2d(x, weight, None, stride, pad, 1, groups)
        kind = name.replace("depthwise", "conv2d")
        masks = {"conv2d_bwd_x": [True, False, False], "conv2d_bwd_w": [False, True, False]}

        def step():
            if kind == "conv2d":
                F.conv2d(x, weight, None, stride, pad, 1, groups)
            else:
                torch.ops.aten.convolution_backward(y, x, weight, None, [stride] * 2, [pad] * 2, [1, 1], False,
                                                    [0, 0], groups, masks[kind])

        with torch.inference_mode():
            ms = median_ms(step, self.sync)
        return ms, 2 * y.numel() * r * r * (c // groups), 4 * (x.numel() + y.numel() + weight.numel())

    def export(self, request):
        net = getattr(torchvision.models, request["export"])().eval()
        picture = torch.randn(request["batch"], 3, request["size"], request["size"])
        torch.onnx.export(net, picture, request["file"], opset_version=13)
        return {}

    def answer(self, request):
        for kind in ("about", "net", "op", "export"):
            if kind in request:
                method = getattr(self, kind)
                return method() if kind == "about" else method(request)
        raise ValueError("about, net, op or export")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu", help="cpu, cuda (ROCm, too), xpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--amp", choices=["off", "f16", "bf16"], default="off")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--compile", action="store_true", help="torch.compile the nets")
    peer = Peer(parser.parse_args())
    for line in sys.stdin:
        try:
            answer = peer.answer(json.loads(line))
        except Exception as error:  # the asker decides what a failure means
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

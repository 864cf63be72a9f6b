#!/usr/bin/env python3
"""pytorch_net: how fast PyTorch trains and runs a torchvision net on this machine, beside hone's own figure.

    python3 tools/peers/pytorch_net.py [--net mobilenet_v2] [--batch 8] [--size 224] [--device cpu]

Synthetic pictures on the device; AdamW, cross-entropy; median of five timed steps after two warm ones. Prints one
line a mode: net, mode, batch, size, pictures a second, version, device, threads.
"""
import argparse
import os
import statistics
import time

import torch
import torchvision


def timed(step, sync):
    for _ in range(2):
        step()
    sync()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        step()
        sync()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="mobilenet_v2")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    net = getattr(torchvision.models, args.net)().to(args.device)
    pictures = torch.randn(args.batch, 3, args.size, args.size, device=args.device)
    labels = torch.arange(args.batch, device=args.device) % 5
    optimizer = torch.optim.AdamW(net.parameters(), 1e-4)
    loss = torch.nn.CrossEntropyLoss()

    def sync():
        if args.device.startswith("cuda"):
            torch.cuda.synchronize()

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss(net(pictures), labels).backward()
        optimizer.step()

    def infer():
        with torch.inference_mode():
            net(pictures)

    for mode, step in (("train", train), ("infer", infer)):
        net.train(mode == "train")
        rate = args.batch / timed(step, sync)
        print(f"{args.net},{mode},batch {args.batch},{args.size},{rate:.1f} img/s,"
              f"PyTorch {torch.__version__},{args.device},{torch.get_num_threads()} threads", flush=True)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""pytorch_memory: the most memory that PyTorch's tensors take in a training step on the CPU, beside hone's plan.

    python3 tools/peers/pytorch_memory.py [--net mobilenet_v2] [--batch 32] [--size 224]

What stays (weights, statistics, moments of AdamW, the batch) plus the highest sum of what a step allocates and has
not freed yet, by PyTorch's own profiler; scratch of the libraries below it is not in there. Beside it the growth of
the process's resident memory over what it was before the net existed, which holds everything, code pages too. hone's
figure is in the test unit_memory and in the line "training step" of a run.
"""
import argparse
import os

import torch
import torchvision
from torch.profiler import ProfilerActivity, profile


def resident(field):
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(field):
                return int(line.split()[1]) * 1024
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--net", default="mobilenet_v2")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    args = parser.parse_args()
    torch.set_num_threads(len(os.sched_getaffinity(0)))

    before = resident("VmRSS")
    net = getattr(torchvision.models, args.net)()
    optimizer = torch.optim.AdamW(net.parameters(), 1e-4)
    loss = torch.nn.CrossEntropyLoss()
    pictures = torch.randn(args.batch, 3, args.size, args.size)
    labels = torch.arange(args.batch) % 5

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(net(pictures), labels).backward()
        optimizer.step()

    net.train()
    step()  # the moments exist now, and so do gradients, which the next step frees first
    weights = sum(p.numel() * p.element_size() for p in net.parameters())
    stays = 3 * weights + sum(b.numel() * b.element_size() for b in net.buffers()) + pictures.numel() * 4
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda e: e.start_us()):
        now += event.nbytes()
        peak = max(peak, now)
    grown = resident("VmHWM") - before
    print(f"{args.net}, batch {args.batch}, {args.size} x {args.size}, PyTorch {torch.__version__}: stays {stays / 1e6:.1f} MB, "
          f"a step {peak / 1e6:.1f} MB, together {(stays + peak) / 1e6:.1f} MB; resident memory grew by "
          f"{grown / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

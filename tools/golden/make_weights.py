#!/usr/bin/env python3
"""make_weights.py DIR: small weight files as PyTorch writes them, for tests/unit/test_weights.c.

net.pth (zip), legacy.pth (one pickle), wrapped.pth (a training script's dict around it, names with module.),
whole.pth (a pickled module: code, which hone refuses), evil.pth (a call of os.system), net.safetensors is
written by the test itself. Every file has the same tensors; expected values follow a formula:
element i of tensor number k is (i * 37 + k * 11) % 64 / 8 - 4, exact in every type used."""
import argparse
import collections
import os
import sys

import torch


def numbers(k, shape, dtype):
    count = 1
    for s in shape:
        count *= s
    i = torch.arange(count)
    return ((i * 37 + k * 11) % 64).to(torch.float32).div(8).sub(4).reshape(shape).to(dtype)


class Evil:
    def __reduce__(self):
        return (os.system, ("touch /nonexistent/hone-ran-code",))


def main():
    out = sys.argv[1]
    os.makedirs(out, exist_ok=True)
    net = collections.OrderedDict()
    net["conv.weight"] = numbers(0, (4, 3, 3, 3), torch.float32)
    net["conv.bias"] = torch.nn.Parameter(numbers(1, (4,), torch.float32))
    net["half"] = numbers(2, (5, 2), torch.float16)
    net["brain"] = numbers(3, (7,), torch.bfloat16)
    net["double"] = numbers(4, (2, 3), torch.float64)
    net["turned"] = numbers(5, (3, 4), torch.float32).t()
    net["part"] = numbers(6, (6, 4), torch.float32)[2:4, 1:3]
    net["tracked"] = torch.tensor(7)
    net["empty"] = torch.zeros(0, 3)
    torch.save(net, os.path.join(out, "net.pth"))
    torch.save(net, os.path.join(out, "legacy.pth"), _use_new_zipfile_serialization=False)
    wrapped = {"epoch": 3, "best": 0.5, "args": argparse.Namespace(lr=0.1, name="x"),
               "optimizer": {"state": {0: {"momentum_buffer": numbers(9, (4,), torch.float32)}}},
               "state_dict": collections.OrderedDict(("module." + n, t) for n, t in net.items())}
    torch.save(wrapped, os.path.join(out, "wrapped.pth"))
    torch.save(wrapped, os.path.join(out, "wrapped_legacy.pth"), _use_new_zipfile_serialization=False)
    repeated = {"huge": torch.ones(1).expand(1 << 28)}
    torch.save(repeated, os.path.join(out, "repeated.pth"))
    torch.save(repeated, os.path.join(out, "repeated_legacy.pth"), _use_new_zipfile_serialization=False)
    torch.save(torch.nn.Linear(2, 2), os.path.join(out, "whole.pth"))
    torch.save({"state_dict": Evil()}, os.path.join(out, "evil.pth"))
    torch.save({"state_dict": Evil()}, os.path.join(out, "evil_legacy.pth"), _use_new_zipfile_serialization=False)


main()

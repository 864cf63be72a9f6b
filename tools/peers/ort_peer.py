#!/usr/bin/env python3
"""ort_peer: ONNX Runtime answering pictures, as torch_peer does: one JSON request a line, one JSON answer a line.

    {"file": PATH, "batch": N, "size": PIXELS}   -> ms, images_per_second; median of five
    {"about": true}                              -> version, providers, threads
"""
import argparse
import json
import os
import statistics
import sys
import time

import numpy
import onnxruntime

SAMPLE_SECONDS = 0.05


def median_ms(step):
    for _ in range(2):
        start = time.perf_counter()
        step()
        once = time.perf_counter() - start
    count = max(1, min(1000, int(SAMPLE_SECONDS / max(once, 1e-7)) + 1))
    samples = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(count):
            step()
        samples.append((time.perf_counter() - start) / count)
    return statistics.median(samples) * 1e3


def answer(request, args):
    if "about" in request:
        return {"version": onnxruntime.__version__, "providers": [args.provider], "threads": args.threads}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(request["file"], options, providers=[args.provider])
    shape = (request["batch"], 3, request["size"], request["size"])
    pictures = numpy.random.default_rng(1).standard_normal(shape, dtype=numpy.float32)
    name = session.get_inputs()[0].name
    if args.provider != "CPUExecutionProvider":
        kind = "cuda" if "CUDA" in args.provider or "ROCM" in args.provider else "cpu"
        binding = session.io_binding()
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(pictures, kind, 0))
        binding.bind_output(session.get_outputs()[0].name, kind)
        ms = median_ms(lambda: session.run_with_iobinding(binding))
    else:
        ms = median_ms(lambda: session.run(None, {name: pictures}))
    return {"ms": ms, "images_per_second": request["batch"] / ms * 1e3}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--provider", default="CPUExecutionProvider")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args = parser.parse_args()
    for line in sys.stdin:
        try:
            result = answer(json.loads(line), args)
        except Exception as error:  # the asker decides what a failure means
            result = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()

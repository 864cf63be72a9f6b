#!/usr/bin/env python3
"""Compares a model.onnx that hone wrote with another runtime, picture by picture.

    compare_runtime.py HONE MODEL PICTURE... [-- OPTIONS OF hone predict]

ONNX Runtime (else PyTorch, operator by operator) and Pillow do here what a user's own program would: they read class
names and preprocessing from the file's metadata, and nothing else is known. Prints the largest difference of a
probability; ends with code 1 where it is above 1e-4, and with 77 where this Python lacks what it takes.
test_runtime.c runs it.
"""
import json
import subprocess
import sys

try:
    import numpy as np
    from PIL import Image, ImageOps
    try:
        import onnxruntime
    except ImportError:
        onnxruntime = None
        import onnx
        import torch  # noqa: F401 (with_torch needs it)
        from make_forward import with_torch
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

BOUND = 1e-4


def preprocess(path, rule):
    """The picture as the net wants it: (1,3,H,W), by the metadata 'hone.preprocess'."""
    if rule["fit"] != "stretch":
        raise SystemExit(f"fit '{rule['fit']}' is not known here")
    picture = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    picture = picture.resize((rule["width"], rule["height"]), Image.BILINEAR)
    x = np.asarray(picture, np.float32)
    if rule["order"] == "BGR":
        x = x[:, :, ::-1]
    x = (x - np.array(rule["mean"], np.float32)) / np.array(rule["std"], np.float32)
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None])


def open_model(path):
    """The file's metadata, and a function from input to output."""
    if onnxruntime:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return session.get_modelmeta().custom_metadata_map, lambda x: session.run(None, {name: x})[0]
    props = onnx.load(path).metadata_props
    return {p.key: p.value for p in props}, lambda x: with_torch(path, x)


def softmax(y):
    e = np.exp(y.astype(np.float64) - y.max())
    return e / e.sum()


def main():
    words = sys.argv[1:]
    options = words[words.index("--") + 1:] if "--" in words else []
    hone, model, *pictures = words[:words.index("--")] if "--" in words else words
    meta, run = open_model(model)
    names, rule = json.loads(meta["hone.classes"]), json.loads(meta["hone.preprocess"])
    said = subprocess.run([hone, "predict", model, *pictures, "--json", "--top", "100", *options],
                          stdout=subprocess.PIPE, check=True).stdout
    answers = {answer["path"]: answer["classes"] for answer in json.loads(said)}
    most = 0.0
    for path in pictures:
        output = run(preprocess(path, rule)).reshape(-1)
        # The file may end in logits or in probabilities.
        p = output if abs(output.sum() - 1) < 1e-3 and output.min() >= 0 else softmax(output)
        for row in answers[path]:
            if names[row["index"]] != row["class"]:
                raise SystemExit(f"class {row['index']} is '{names[row['index']]}' in the file")
            most = max(most, abs(float(p[row["index"]]) - row["probability"]))
    print(f"{'ONNX Runtime' if onnxruntime else 'PyTorch'}: {len(pictures)} pictures, {len(names)} classes: largest difference {most:.1e} (at most {BOUND:.0e})")
    return 0 if most <= BOUND else 1


if __name__ == "__main__":
    sys.exit(main())

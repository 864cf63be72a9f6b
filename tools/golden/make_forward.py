#!/usr/bin/env python3
"""What another runtime makes of an ONNX file: writes golden arrays x (N,H,W,3) and y (N,outputs), the first output.

    make_forward.py MODEL SIZE BATCH OUT

ONNX Runtime where this Python has it and onnx, else PyTorch, operator by operator, for the operators of the usual nets.
test_onnx_forward.c runs it while it tests.
"""
import sys

import numpy as np

from tensors import save


def with_runtime(path, x):
    import onnx
    import onnxruntime

    model = onnx.load(path)
    for dim in model.graph.input[0].type.tensor_type.shape.dim[2:]:
        dim.dim_param = "any"  # files fixed to one size run at others too
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def node_of(op, attrs, a, torch, F):
    """One operator on torch tensors; integers are tensors too, so that shape arithmetic needs nothing more."""
    pads = attrs.get("pads", [0, 0, 0, 0])
    if op == "Conv":
        x = F.pad(a[0], (pads[1], pads[3], pads[0], pads[2]))
        return F.conv2d(x, a[1], a[2] if len(a) > 2 else None, attrs.get("strides", 1), 0, attrs.get("dilations", 1),
                        attrs.get("group", 1))
    if op == "MaxPool":
        x = F.pad(a[0], (pads[1], pads[3], pads[0], pads[2]), value=-np.inf)
        return F.max_pool2d(x, attrs["kernel_shape"], attrs["strides"], ceil_mode=bool(attrs.get("ceil_mode", 0)))
    if op == "BatchNormalization":
        return F.batch_norm(a[0], a[3], a[4], a[1], a[2], eps=attrs.get("epsilon", 1e-5))
    if op == "Gemm":
        return a[0] @ (a[1].T if attrs.get("transB") else a[1]) + a[2]
    if op == "Pad":
        n = a[0].dim()
        p = a[1].tolist()
        return F.pad(a[0], [v for d in reversed(range(n)) for v in (p[d], p[n + d])])
    if op == "Clip":
        return a[0].clamp(a[1], a[2])
    if op == "Slice":
        starts, ends = a[1].flatten().tolist(), a[2].flatten().tolist()
        axes = a[3].flatten().tolist() if len(a) > 3 else range(len(starts))
        steps = a[4].flatten().tolist() if len(a) > 4 else [1] * len(starts)
        x = a[0]
        for start, end, axis, step in zip(starts, ends, axes, steps):
            picked = np.arange(x.shape[axis])[start:end:step]
            x = x.index_select(axis, torch.tensor(picked.copy()))
        return x
    if op == "Div" and not a[0].is_floating_point():
        return torch.div(a[0], a[1], rounding_mode="trunc")
    simple = {
        "Relu": lambda: a[0].relu(),
        "Add": lambda: a[0] + a[1],
        "Sub": lambda: a[0] - a[1],
        "Mul": lambda: a[0] * a[1],
        "Div": lambda: a[0] / a[1],
        "Neg": lambda: -a[0],
        "Concat": lambda: torch.cat(a, attrs["axis"]),
        "GlobalAveragePool": lambda: a[0].mean((2, 3), keepdim=True),
        "Flatten": lambda: a[0].flatten(1),
        "Softmax": lambda: a[0].softmax(attrs.get("axis", -1)),
        "Shape": lambda: torch.tensor(a[0].shape),
        "Gather": lambda: a[0][a[1]],
        "Cast": lambda: a[0].long() if attrs["to"] == 7 else a[0].float(),
        "Unsqueeze": lambda: a[0].unsqueeze(int(a[1])),
        "Reshape": lambda: a[0].reshape([n or a[0].shape[i] for i, n in enumerate(a[1].tolist())]),
        "ReduceSum": lambda: a[0].sum(a[1].tolist(), keepdim=bool(attrs.get("keepdims", 1))),
        "Transpose": lambda: a[0].permute(attrs["perm"]),
        "ConstantOfShape": lambda: torch.zeros(a[0].tolist(), dtype=torch.long),
    }
    return simple[op]()


def with_torch(path, x):
    import onnx
    import onnx.numpy_helper
    import torch
    import torch.nn.functional as F

    graph = onnx.load(path).graph
    known = {t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy()) for t in graph.initializer}
    known[graph.input[0].name] = torch.from_numpy(x)
    with torch.no_grad():
        for node in graph.node:
            attrs = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                value = torch.from_numpy(onnx.numpy_helper.to_array(attrs["value"]).copy())
            else:
                value = node_of(node.op_type, attrs, [known[i] for i in node.input if i], torch, F)
            known[node.output[0]] = value
    return known[graph.output[0].name].numpy()


def main():
    path, size, batch, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    x = np.random.RandomState(3).randn(batch, 3, size, size).astype("float32")
    try:
        y = with_runtime(path, x)
    except ImportError:
        y = with_torch(path, x)
    save(out, {"x": x.transpose(0, 2, 3, 1), "y": y.reshape(batch, -1)})


if __name__ == "__main__":
    main()

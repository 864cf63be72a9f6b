#!/usr/bin/env python3
"""Makes tests/golden/data/onnx/*.onnx and onnx.safetensors: tiny nets, one for each way of saying things in ONNX
that hone reads, and what ONNX Runtime makes of them. test_onnx_forward.c loads each and compares.

Needs onnx and onnxruntime. Run from the root of the tree: python3 tools/golden/make_onnx.py
"""
import os

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from tensors import save

FOLDER = "tests/golden/data/onnx"
H, W = 13, 11
rng = np.random.RandomState(5)
x_nchw = (rng.rand(2, 3, H, W) * 2 - 1).astype("float32")
out = {"x": x_nchw.transpose(0, 2, 3, 1)}


def weight(*shape):
    return (rng.rand(*shape) - 0.5).astype("float32")


class Net:
    """Nodes in a chain unless inputs are named; `t` is the name of the last result."""

    def __init__(self, name, opset=13, shape=("N", 3, H, W)):
        self.name, self.opset, self.shape = name, opset, shape
        self.nodes, self.tensors, self.t, self.made = [], [], "x", 0

    def const(self, value, name=None):
        name = name or f"{self.name}.w{len(self.tensors)}"
        self.tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def ints(self, *values):
        return self.const(np.array(values, "int64"))

    def floats(self, value):
        return self.const(np.array(value, "float32"))

    def op(self, kind, *inputs, **attrs):
        self.made += 1
        name = f"{kind.lower()}{self.made}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attrs))
        self.t = name
        return name

    def conv(self, x, k, c, r, bias=True, **attrs):
        inputs = [x, self.const(weight(k, c, r, r))] + ([self.const(weight(k))] if bias else [])
        return self.op("Conv", *inputs, **attrs)

    def done(self, flatten=True):
        if flatten:
            self.op("Flatten", self.t)
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(self.shape))]
        outputs = [helper.make_tensor_value_info(self.t, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, self.name, inputs, outputs, self.tensors)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)])
        model.ir_version = 8
        path = f"{FOLDER}/{self.name}.onnx"
        onnx.save(model, path)
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        fed = x_nchw.transpose(0, 2, 3, 1) if self.shape[3] == 3 else x_nchw
        runs = [fed] if self.shape[0] == "N" else [fed[i:i + 1] for i in range(len(fed))]
        y = np.concatenate([session.run(None, {"x": part})[0] for part in runs])
        assert np.abs(y).max() > 1e-3, self.name  # a net that says nothing tests nothing
        out[f"{self.name}.y"] = y.reshape(y.shape[0], -1)


def convolutions():
    n = Net("conv_forms")
    t = n.conv("x", 6, 3, 3, strides=[2, 1], pads=[0, 1, 2, 1])
    t = n.conv(t, 6, 1, 3, group=6, dilations=[2, 1], pads=[2, 0, 2, 1])
    n.conv(t, 4, 3, 1, bias=False, group=2)
    n.done()
    for pad in ["SAME_UPPER", "SAME_LOWER", "VALID"]:
        n = Net("conv_" + pad.lower())
        t = n.conv("x", 4, 3, 3, strides=[2, 2], auto_pad=pad)
        n.conv(t, 2, 4, 2, strides=[2, 3], auto_pad=pad, dilations=[1, 1])
        n.done()
    n = Net("conv_add_bias")
    t = n.conv("x", 4, 3, 3, bias=False)
    n.op("Add", t, n.const(weight(1, 4, 1, 1)))
    n.done()
    n = Net("half_weights")
    w16 = n.const(weight(4, 3, 3, 3).astype("float16"))
    b64 = n.const(weight(4).astype("float64"))
    n.op("Conv", "x", n.op("Cast", w16, to=TensorProto.FLOAT), n.op("Cast", b64, to=TensorProto.FLOAT))
    n.done()


def linear():
    n = Net("gemm_forms")
    t = n.op("Flatten", n.op("GlobalAveragePool", "x"))
    t = n.op("Gemm", t, n.const(weight(3, 5)), n.const(weight(1, 5)), alpha=0.5, beta=2.0)
    t = n.op("Gemm", t, n.const(weight(6, 5)), n.floats([0.25]), transB=1)
    n.op("Gemm", t, n.const(weight(4, 6)), transB=1)
    n.done(flatten=False)
    n = Net("matmul_add")
    t = n.op("Flatten", n.op("GlobalAveragePool", "x"))
    t = n.op("Add", n.op("MatMul", t, n.const(weight(3, 7))), n.const(weight(7)))
    n.op("MatMul", n.op("Sigmoid", t), n.const(weight(7, 2)))
    n.done(flatten=False)
    n = Net("transposed_weight")
    t = n.op("Flatten", n.op("GlobalAveragePool", "x"))
    w = n.op("Transpose", n.const(weight(7, 3)), perm=[1, 0])
    n.op("MatMul", t, w)
    n.done(flatten=False)


def norm():
    n = Net("norm_residual")
    t = n.conv("x", 4, 3, 3, bias=False, pads=[1, 1, 1, 1])
    var = n.const(rng.rand(4).astype("float32") + 0.5)
    t = n.op("BatchNormalization", t, n.const(weight(4)), n.const(weight(4)), n.const(weight(4)), var, epsilon=1e-3)
    r = n.op("Relu", t)
    u = n.conv(r, 4, 4, 1)
    n.op("Add", u, t)
    n.done()
    n = Net("norm_vector")
    t = n.op("Flatten", n.op("GlobalAveragePool", "x"))
    var = n.const(rng.rand(3).astype("float32") + 0.5)
    n.op("BatchNormalization", t, n.const(weight(3)), n.const(weight(3)), n.const(weight(3)), var)
    n.done(flatten=False)


def activations():
    n = Net("clip_attributes", opset=7)
    t = n.op("Clip", "x", min=-0.25, max=0.5)
    n.op("Clip", n.conv(t, 3, 3, 1), min=0.0)
    n.done()
    n = Net("clip_inputs")
    t = n.op("Clip", "x", n.floats(-0.5), "")
    t = n.op("Clip", n.op("Relu", n.conv(t, 3, 3, 1)), n.floats(0.0), n.floats(0.4))
    n.op("Clip", t, "", n.floats(0.3))
    n.done()
    n = Net("activations", opset=14)
    a = n.op("Mul", "x", n.op("Sigmoid", "x"))
    b = n.op("HardSwish", "x")
    c = n.op("Mul", n.op("HardSigmoid", "x", alpha=1 / 6, beta=0.5), "x")
    d = n.op("HardSigmoid", "x")
    e = n.op("Div", n.op("Mul", "x", n.op("Clip", n.op("Add", "x", n.floats(3.0)), n.floats(0.0), n.floats(6.0))),
             n.floats(6.0))
    n.op("Concat", a, b, c, d, e, n.op("Sigmoid", "x"), axis=1)
    n.done()
    n = Net("squeeze_excite")
    t = n.conv("x", 8, 3, 3)
    g = n.conv(n.op("Relu", n.conv(n.op("GlobalAveragePool", t), 4, 8, 1)), 8, 4, 1)
    n.op("Mul", t, n.op("Sigmoid", g))
    n.done()


def arithmetic():
    n = Net("constants")
    t = n.op("Mul", "x", n.const(weight(1, 3, 1, 1)))
    t = n.op("Add", t, n.const(weight(H, W)))
    t = n.op("Sub", n.const(weight(3, 1, 1)), t)
    t = n.op("Div", t, n.const(weight(3, H, 1) + 2))
    t = n.op("Sub", t, n.const(weight(W)))
    t = n.op("Mul", n.floats(0.5), t)
    t = n.op("Add", t, n.floats([0.125]))
    t = n.op("Sub", n.floats(1.0), t)
    n.op("Neg", t)
    n.done()
    n = Net("sums")
    a, b = n.conv("x", 3, 3, 1), n.op("Relu", "x")
    n.op("Sub", n.op("Sum", a, b, "x"), n.op("Sigmoid", "x"))
    n.done()


def pads():
    n = Net("pad_attribute", opset=10)
    t = n.op("Pad", "x", pads=[0, 1, 2, 0, 0, 2, 1, 3], value=0.5)
    n.conv(n.op("Pad", t, pads=[0, 0, 1, 1, 0, 0, 0, 2]), 2, 6, 3)
    n.done()
    n = Net("pad_axes", opset=18)
    t = n.op("Pad", "x", n.ints(1, 2, 3, 0), "", n.ints(2, -1))
    n.op("MaxPool", t, kernel_shape=[3, 3], strides=[2, 2])
    n.done()
    n = Net("pad_pool")
    t = n.op("AveragePool", n.op("Pad", "x", n.ints(0, 0, 1, 1, 0, 0, 2, 0)), kernel_shape=[3, 2], strides=[2, 2])
    n.op("AveragePool", n.op("Pad", t, n.ints(0, 0, 3, 1, 0, 0, 2, 3)), kernel_shape=[2, 2])
    n.done()


def pools():
    n = Net("max_pool")
    t = n.op("MaxPool", "x", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 0, 1, 1])
    n.op("MaxPool", t, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    n.done()
    n = Net("max_pool_ceil")
    n.op("MaxPool", "x", kernel_shape=[3, 2], strides=[3, 5], ceil_mode=1, pads=[1, 0, 0, 0])
    n.done()
    n = Net("max_pool_same")
    n.op("MaxPool", "x", kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_UPPER")
    n.done()
    n = Net("average_pool")
    t = n.op("AveragePool", "x", kernel_shape=[3, 3], strides=[2, 1], pads=[1, 1, 0, 1], count_include_pad=1)
    t = n.op("AveragePool", t, kernel_shape=[3, 2], strides=[1, 2], pads=[0, 1, 1, 0])
    n.op("AveragePool", t, kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    n.done()


def shapes():
    n = Net("reduce_mean")
    t = n.op("ReduceMean", n.conv("x", 4, 3, 1), axes=[2, 3], keepdims=1)
    n.op("ReduceMean", n.conv(t, 5, 4, 1), axes=[-1, -2], keepdims=0)
    n.done(flatten=False)
    n = Net("reduce_mean_input", opset=18)
    n.op("ReduceMean", "x", n.ints(3, 2), keepdims=0)
    n.done(flatten=False)
    n = Net("flatten_gemm")
    t = n.op("MaxPool", n.conv("x", 2, 3, 3), kernel_shape=[3, 3], strides=[3, 3])
    n.op("Gemm", n.op("Flatten", t), n.const(weight(2 * 3 * 3, 4)))
    n.done(flatten=False)
    n = Net("reshapes")
    t = n.op("Reshape", "x", n.ints(0, -1, W))
    t = n.op("Reshape", t, n.ints(-1, 3, H, W))
    t = n.op("Transpose", n.conv(t, 4, 3, 1), perm=[0, 2, 3, 1])
    t = n.op("Reshape", t, n.ints(0, H, 2, -1))
    n.op("Transpose", t, perm=[0, 3, 1, 2])
    n.done()
    n = Net("view_by_shape")
    t = n.op("MaxPool", "x", kernel_shape=[4, 4], strides=[4, 4])
    b = n.op("Unsqueeze", n.op("Gather", n.op("Shape", t), n.const(np.array(0, "int64")), axis=0), n.ints(0))
    n.op("Reshape", t, n.op("Concat", b, n.ints(-1), axis=0))
    n.done(flatten=False)
    n = Net("squeezes", opset=11)
    t = n.op("Squeeze", n.op("GlobalAveragePool", "x"), axes=[2, 3])
    t = n.conv(n.op("Unsqueeze", t, axes=[2, 3]), 5, 3, 1)
    n.op("Squeeze", t, axes=[-1, 2])
    n.done(flatten=False)
    n = Net("nhwc_input", shape=("N", H, W, 3))
    t = n.op("Div", "x", n.floats(2.0))
    t = n.op("Sub", t, n.const(weight(3)))
    t = n.conv(n.op("Transpose", t, perm=[0, 3, 1, 2]), 4, 3, 3, strides=[2, 2])
    t = n.op("Transpose", t, perm=[0, 2, 3, 1])
    t = n.op("Add", t, n.const(weight(4)))
    n.op("ReduceMean", t, axes=[1, 2], keepdims=0)
    n.done(flatten=False)
    n = Net("slices")
    t = n.op("Slice", "x", n.ints(1, -7), n.ints(3, 2**31), n.ints(1, 3))
    n.op("Slice", t, n.ints(0), n.ints(-2), n.ints(2), n.ints(1))
    n.done()
    n = Net("slice_attributes", opset=9)
    n.op("Slice", "x", starts=[0, 2], ends=[9, 9], axes=[1, 2])
    n.done()
    n = Net("drops", opset=12)
    t = n.op("Dropout", n.op("Identity", "x"), n.floats(0.5))
    n.op("Cast", n.conv(t, 2, 3, 1), to=TensorProto.FLOAT)
    n.done()


def ends():
    n = Net("softmax_end")
    t = n.op("Flatten", n.op("GlobalAveragePool", n.conv("x", 10, 3, 3)))
    n.op("Softmax", t, axis=-1)
    n.done(flatten=False)
    n = Net("softmax_map", opset=9)
    n.op("Softmax", n.op("GlobalAveragePool", n.op("Relu", n.conv("x", 10, 3, 3))), axis=1)
    n.done(flatten=False)
    n = Net("softmax_inside")
    t = n.op("Softmax", n.conv("x", 4, 3, 3), axis=1)
    n.conv(t, 2, 4, 1)
    n.done()


def parts():
    n = Net("gather_split")
    planes = [n.op("Unsqueeze", n.op("Gather", "x", n.const(np.array(k, "int64")), axis=1), n.ints(1)) for k in (2, 0, -2)]
    t = n.conv(n.op("Concat", *planes, axis=1), 7, 3, 1)
    n.nodes.append(helper.make_node("Split", [t, n.ints(2, 4, 1)], ["a", "b", "c"], axis=1))
    t = n.op("Mul", n.op("Gather", "b", n.ints(1, 2), axis=1), "a")
    n.op("Concat", t, "c", n.op("Gather", "b", n.ints(-1), axis=-3), axis=1)
    n.done()
    n = Net("channel_shuffle")
    t = n.conv("x", 12, 3, 3, strides=[2, 2])
    for groups in (3, 2):
        t = n.op("Reshape", t, n.ints(0, groups, 12 // groups, 6, 5))
        t = n.op("Transpose", t, perm=[0, 2, 1, 3, 4])
        t = n.op("Reshape", t, n.ints(0, 12, 6, -1))
        t = n.conv(t, 12, 1, 1, group=12)
    n.done()
    n = Net("concat_long")
    t = n.conv("x", 30, 3, 3, strides=[3, 3])
    n.nodes.append(helper.make_node("Split", [t], [f"s{k}" for k in range(15)], axis=1))
    n.op("Concat", *[f"s{k * 7 % 15}" for k in range(15)], *[f"s{k * 2 % 15}" for k in range(15)], axis=1)
    n.conv(n.t, 2, 60, 1)
    n.done()


def functions():
    n = Net("functions", opset=16)
    t = n.conv("x", 6, 3, 3, strides=[2, 2])
    for kind, attrs in (("LeakyRelu", {"alpha": 0.2}), ("Elu", {"alpha": 1.5}), ("Softplus", {}), ("Tanh", {}),
                        ("Erf", {}), ("Exp", {}), ("Sqrt", {}), ("Log", {})):
        t = n.conv(n.op(kind, t, **attrs), 6, 6, 1) if kind not in ("Exp", "Sqrt") else n.op(kind, t)
    t = n.op("PRelu", t, n.const(weight(6, 1, 1)))
    t = n.op("PRelu", n.conv(t, 6, 6, 1), n.const(weight(6, 1, 1)))
    t = n.op("Mul", t, n.op("Tanh", n.op("Softplus", t)))
    n.op("Div", n.op("Pow", t, n.floats(2.0)), n.op("Add", n.op("Exp", t), n.op("Sub", t, n.op("Relu", t))))
    n.done()
    n = Net("mish", opset=18)
    n.op("Mish", n.conv("x", 6, 3, 3))
    n.done()


def layer_norms():
    def decomposed(n, t, c, two=2.0):
        u = n.op("Sub", t, n.op("ReduceMean", t, axes=[-1]))
        v = n.op("ReduceMean", n.op("Pow", u, n.floats(two)), axes=[-1])
        t = n.op("Div", u, n.op("Sqrt", n.op("Add", v, n.floats(1e-3))))
        return n.op("Add", n.op("Mul", t, n.const(weight(c))), n.const(weight(c)))

    def gelu(n, t, first):
        gate = n.op("Add", n.op("Erf", n.op("Div", t, n.floats(2 ** 0.5))), n.floats(1.0))
        if first:
            return n.op("Mul", n.op("Mul", t, n.floats(0.5)), gate)
        return n.op("Mul", n.op("Mul", t, gate), n.floats(0.5))

    n = Net("convnext_block", opset=13)
    x = n.conv("x", 6, 3, 3, strides=[2, 2])
    t = n.op("Transpose", n.conv(x, 6, 1, 3, group=6, pads=[1, 1, 1, 1]), perm=[0, 2, 3, 1])
    t = decomposed(n, t, 6)
    t = n.op("Add", n.op("MatMul", t, n.const(weight(6, 10))), n.const(weight(10)))
    t = gelu(n, gelu(n, t, False), True)
    t = n.op("Add", n.op("MatMul", t, n.const(weight(10, 6))), n.const(weight(6)))
    t = n.op("Mul", n.op("Transpose", t, perm=[0, 3, 1, 2]), n.const(weight(6, 1, 1)))
    n.op("Add", t, x)
    n.done()
    n = Net("layer_norm", opset=17)
    t = n.op("Transpose", n.conv("x", 6, 3, 3), perm=[0, 2, 3, 1])
    t = n.op("LayerNormalization", t, n.const(weight(6)), n.const(weight(6)), axis=-1, epsilon=1e-3)
    t = n.op("LayerNormalization", n.op("Reshape", t, n.ints(0, -1, 6)), n.const(weight(6)), axis=2)
    t = n.op("ReduceSum", t, n.ints(-1))
    n.op("ReduceMean", n.op("Add", t, n.const(weight(1, 1, 5))), axes=[1], keepdims=0)
    n.done(flatten=False)


class Tokens(Net):
    """A transformer's parts, each as its exporters say it: six patches and a class token of 16 numbers."""

    def __init__(self, name, opset=13):
        super().__init__(name, opset)
        t = self.op("Reshape", self.conv("x", 16, 3, 4, strides=[4, 4]), self.ints(0, 16, 6))
        t = self.op("Transpose", t, perm=[0, 2, 1])
        # cls_token.expand(len(x), -1, -1)
        batch = self.op("Slice", self.op("Shape", "x"), self.ints(0), self.ints(1))
        shape = self.op("Concat", batch, self.ints(-1, -1), axis=0)
        ones = self.op("ConstantOfShape", self.ints(3), value=numpy_helper.from_array(np.array([1])))
        minus = self.op("Mul", ones, self.const(np.array(-1)))
        shape = self.op("Where", self.op("Equal", shape, minus), ones, shape)
        t = self.op("Concat", self.op("Expand", self.const(weight(1, 1, 16)), shape), t, axis=1)
        self.op("Add", t, self.const(weight(1, 7, 16)))

    def linear(self, x, k, c):
        return self.op("Add", self.const(weight(k)), self.op("MatMul", x, self.const(weight(c, k))))

    def norm(self, x, spelled, square="Pow"):
        gamma, beta = self.const(weight(16) + 1), self.const(weight(16))
        if not spelled:
            return self.op("LayerNormalization", x, gamma, beta, axis=-1, epsilon=1e-6)
        d = self.op("Sub", x, self.op("ReduceMean", x, axes=[-1]))
        square = self.op("Pow", d, self.floats(2)) if square == "Pow" else self.op("Mul", d, d)
        var = self.op("Add", self.op("ReduceMean", square, axes=[-1]), self.floats(1e-6))
        return self.op("Add", self.op("Mul", self.op("Div", d, self.op("Sqrt", var)), gamma), beta)

    def heads(self, q, k, v, scale=8**-0.5):
        p = self.op("Softmax", self.op("Div", self.op("MatMul", q, k), self.floats(1 / scale)), axis=-1)
        t = self.op("Transpose", self.op("MatMul", p, v), perm=[0, 2, 1, 3])
        return self.op("Reshape", t, self.ints(0, 7, 16))

    def end(self):
        self.op("Gather", self.t, self.const(np.array(0)), axis=1)
        self.done(flatten=False)


def transformers():
    n = Tokens("vit_packed")  # timm
    x = n.t
    t = n.op("Reshape", n.linear(n.norm(x, True), 48, 16), n.ints(0, 7, 3, 2, 8))
    n.nodes.append(helper.make_node("Split", [n.op("Transpose", t, perm=[2, 0, 3, 1, 4])], ["q3", "k3", "v3"], axis=0))
    q, k, v = (n.op("Squeeze", part, n.ints(0)) for part in ("q3", "k3", "v3"))
    x = n.op("Add", x, n.linear(n.heads(q, n.op("Transpose", k, perm=[0, 1, 3, 2]), v), 16, 16))
    t = n.linear(n.norm(x, True, "Mul"), 32, 16)
    gate = n.op("Add", n.op("Erf", n.op("Div", t, n.floats(2**0.5))), n.floats(1))
    t = n.op("Mul", n.op("Mul", t, gate), n.floats(0.5))
    n.op("Add", x, n.linear(t, 16, 32))
    n.end()
    n = Tokens("vit_apart", opset=17)  # transformers
    x, parts = n.t, []
    t = n.norm(x, False)
    for perm in ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]):
        parts.append(n.op("Transpose", n.op("Reshape", n.linear(t, 16, 16), n.ints(0, 7, 2, 8)), perm=perm))
    x = n.op("Add", n.linear(n.heads(*parts), 16, 16), x)
    t = n.linear(n.norm(x, False), 32, 16)
    cube = n.op("Mul", n.op("Mul", t, t), t)
    gate = n.op("Tanh", n.op("Mul", n.op("Add", t, n.op("Mul", cube, n.floats(0.044715))), n.floats((2 / np.pi) ** 0.5)))
    t = n.op("Mul", n.op("Mul", t, n.floats(0.5)), n.op("Add", gate, n.floats(1)))
    n.op("Add", n.linear(t, 16, 32), x)
    n.end()
    n = Tokens("einsums")
    x = n.t
    q, k, v = (n.op("Reshape", n.linear(x, 16, 16), n.ints(0, 7, 2, 8)) for _ in range(3))
    p = n.op("Mul", n.op("Einsum", q, k, equation="bihd,bjhd->bhij"), n.floats(8**-0.5))
    t = n.op("Einsum", n.op("Softmax", p, axis=-1), v, equation="bhij, bjhd -> bihd")
    t = n.op("Add", x, n.op("Reshape", t, n.ints(0, 7, 16)))
    n.op("Einsum", t, n.op("Tanh", t), equation="bic,bjc->bji")
    n.end()
    n = Tokens("products")  # batches of matrices that are no attention, functions of one number
    x = n.t
    p = n.op("MatMul", n.op("Tanh", x), n.op("Transpose", n.op("Sqrt", n.op("Exp", x)), perm=[0, 2, 1]))
    p = n.op("Sub", p, n.op("ReduceMean", p, axes=[1], keepdims=1))
    t = n.op("MatMul", p, n.op("Log", n.op("Add", n.op("Pow", x, n.floats(2)), n.floats(1))))
    t = n.op("Div", t, n.op("Add", n.op("Erf", x), n.floats(2)))
    n.op("ReduceMean", t, axes=[1], keepdims=0)
    n.done(flatten=False)


def batches():
    """The batch behind other axes, and joined with them: torch's attention with tokens first, windows of pictures."""
    def attend(n, t, dynamic):
        def shape(*sizes):
            if not dynamic:
                return n.ints(*[1 if size == "N" else 2 if size == "2N" else size for size in sizes])
            batch = n.op("Gather", n.op("Shape", "x"), n.ints(0))
            named = {"N": batch, "2N": n.op("Mul", batch, n.ints(2))}
            return n.op("Concat", *[named.get(size) or n.ints(size) for size in sizes], axis=0)
        t = n.op("Add", n.op("MatMul", n.op("Transpose", t, perm=[1, 0, 2]), n.const(weight(16, 48))), n.const(weight(48)))
        parts = []
        for k, perm in enumerate(([1, 0, 2], [1, 2, 0], [1, 0, 2])):
            part = n.op("Slice", t, n.ints(16 * k), n.ints(16 * k + 16), n.ints(-1))
            parts.append(n.op("Transpose", n.op("Reshape", part, shape(7, "2N", 8)), perm=perm))
        p = n.op("Softmax", n.op("MatMul", n.op("Div", parts[0], n.floats(8**0.5)), parts[1]), axis=-1)
        t = n.op("Transpose", n.op("MatMul", p, parts[2]), perm=[1, 0, 2])
        rows = n.op("Reshape", t, n.ints(-1, 16) if dynamic else n.ints(7, 16))
        t = n.op("Gemm", rows, n.const(weight(16, 16)), n.const(weight(16)), transB=1)
        return n.op("Transpose", n.op("Reshape", t, shape(7, "N", 16)), perm=[1, 0, 2])

    for dynamic in (True, False):
        n = Tokens("tokens_first" if dynamic else "tokens_first_fixed")
        if not dynamic:
            n.shape = (1, 3, H, W)
        t = n.op("Add", n.t, attend(n, n.t, dynamic))
        n.op("Add", t, attend(n, t, dynamic))
        n.end()
    n = Net("windows")  # of 2x2, moved by one, attention inside, a bias for each pair and a mask for each window
    t = n.op("Transpose", n.conv("x", 8, 3, 3, strides=[2, 2], pads=[0, 1, 0, 1]), perm=[0, 2, 3, 1])  # (N,6,6,8)
    t = n.op("Concat", n.op("Slice", t, n.ints(1), n.ints(9), n.ints(1)), n.op("Slice", t, n.ints(0), n.ints(1), n.ints(1)), axis=1)
    t = n.op("Transpose", n.op("Reshape", t, n.ints(-1, 3, 2, 3, 2, 8)), perm=[0, 1, 3, 2, 4, 5])
    t = n.op("Reshape", t, n.ints(-1, 4, 8))
    t = n.op("Reshape", n.op("MatMul", t, n.const(weight(8, 24))), n.ints(-1, 4, 3, 2, 4))
    t = n.op("Transpose", t, perm=[2, 0, 3, 1, 4])
    q, k, v = (n.op("Gather", t, n.const(np.array(i)), axis=0) for i in range(3))
    p = n.op("MatMul", n.op("Mul", q, n.floats(0.5)), n.op("Transpose", k, perm=[0, 1, 3, 2]))
    table = n.op("Gather", n.const(weight(9, 2)), n.const(rng.randint(0, 9, 16)), axis=0)
    table = n.op("Unsqueeze", n.op("Transpose", n.op("Reshape", table, n.ints(4, 4, -1)), perm=[2, 0, 1]), n.ints(0))
    p = n.op("Add", p, table)
    mask = n.op("Unsqueeze", n.const(np.where(rng.rand(9, 1, 4, 4) < 0.3, -100, 0).astype("float32")), n.ints(0))
    p = n.op("Reshape", n.op("Add", n.op("Reshape", p, n.ints(-1, 9, 2, 4, 4)), mask), n.ints(-1, 2, 4, 4))
    t = n.op("Transpose", n.op("MatMul", n.op("Softmax", p, axis=-1), v), perm=[0, 2, 1, 3])
    t = n.op("Reshape", n.op("MatMul", n.op("Reshape", t, n.ints(-1, 4, 8)), n.const(weight(8, 8))), n.ints(-1, 3, 3, 2, 2, 8))
    t = n.op("Reshape", n.op("Transpose", t, perm=[0, 1, 3, 2, 4, 5]), n.ints(-1, 6, 6, 8))
    # what the next stage reads: every second, four times
    parts = [n.op("Slice", t, n.ints(i, j), n.ints(9, 9), n.ints(1, 2), n.ints(2, 2)) for j in (0, 1) for i in (0, 1)]
    n.op("Add", n.op("Concat", *parts, axis=-1), n.const(weight(3, 3, 32)))
    n.done()
    n = Net("every_third")
    n.op("Slice", n.conv("x", 4, 3, 1), n.ints(1, -10), n.ints(2**40, 11), n.ints(2, 3), n.ints(3, 2))
    n.done()
    n = Net("softmax_axes")
    t = n.op("Softmax", n.conv("x", 4, 3, 3), axis=2)
    n.op("Softmax", n.op("Reshape", t, n.ints(0, 4, 3, 33)), axis=-2)
    n.done()
    n = Net("softmax_rest", opset=11)
    n.op("Softmax", n.conv("x", 4, 3, 3), axis=1)
    n.conv(n.t, 2, 4, 3)
    n.done()
    n = Net("matrix_left")  # MLP-Mixer over tokens
    t = n.op("Reshape", n.conv("x", 5, 3, 4, strides=[4, 4]), n.ints(0, 5, 6))
    t = n.op("Add", n.op("MatMul", n.const(weight(3, 5)), t), n.const(weight(3, 1)))
    n.op("MatMul", t, n.const(weight(6, 2)))
    n.done()
    n = Net("constants_computed")  # as masks and tables of places are
    places = n.op("Range", n.const(np.array(0)), n.const(np.array(6)), n.const(np.array(1)))
    odd = n.op("Cast", n.op("Equal", n.op("Mod", places, n.ints(2)), n.ints(1)), to=TensorProto.BOOL)
    table = n.op("Where", n.op("Or", odd, n.op("Less", places, n.ints(2))), n.floats(0.5), n.const(weight(2, 6)))
    table = n.op("ScatterND", table, n.const(np.array([[0, 1], [1, 5]])), n.const(np.float32([2, -3])))
    table = n.op("Concat", table, n.op("Tile", n.op("Slice", table, n.ints(-1), n.ints(-3), n.ints(0), n.ints(-1)), n.ints(2, 1)), axis=0)
    table = n.op("Gather", table, n.const(np.array([5, 0, -2])), axis=1)
    table = n.op("Min", n.op("Max", n.op("Pow", table, n.floats(2)), n.floats(0.3)), n.floats(4))
    table = n.op("Reciprocal", n.op("Sqrt", table))
    whole = n.const(rng.randint(-128, 128, (6, 3)).astype("int8"))
    w = n.op("DequantizeLinear", whole, n.const(np.float32([0.01, 0.02, 0.03])), n.const(np.int8([3, 0, -1])), axis=1)
    t = n.op("MatMul", n.op("Transpose", "x", perm=[0, 2, 3, 1]), n.op("Transpose", w, perm=[1, 0]))
    n.op("MatMul", t, n.op("Transpose", n.op("Concat", table, table, axis=1), perm=[1, 0]))
    n.done()


def spatial():
    """Other sizes, borders, blocks of pixels, largest values; norms over groups of channels."""
    for name, opset, kinds in (("resize_linear", 13, ("half_pixel", "align_corners", "asymmetric")),
                               ("resize_nearest", 13, ("asymmetric", "half_pixel", "asymmetric"))):
        n = Net(name, opset=opset)
        t = n.conv("x", 4, 3, 3)  # 11 x 9
        for kind, sizes, scales, near in zip(kinds, (None, (17, 6), (9, 12)), ((1, 1, 2, 1.5), None, None),
                                             ("floor", "round_prefer_floor", "ceil")):
            more = {"nearest_mode": near} if "nearest" in name else {}
            inputs = [t, "", n.floats(scales)] if scales else [t, "", "", n.ints(*(2, 4, *sizes))]
            if sizes:  # the batch is open: taken from the picture
                head = n.op("Slice", n.op("Shape", t), n.ints(0), n.ints(2))
                inputs[3] = n.op("Concat", head, n.ints(*sizes), axis=0)
            t = n.op("Resize", *inputs, mode=name[7:], coordinate_transformation_mode=kind, **more)
            t = n.conv(t, 4, 4, 1)
        n.done()
    n = Net("upsample", opset=9)
    t = n.op("Upsample", n.conv("x", 4, 3, 3), n.floats([1, 1, 2, 3]), mode="nearest")
    n.conv(t, 2, 4, 1)
    n.done()
    n = Net("blocks")
    t = n.op("DepthToSpace", n.conv("x", 12, 3, 4, strides=[3, 2]), blocksize=2)  # 4 x 4 to 8 x 8
    t = n.op("SpaceToDepth", n.op("Tanh", t), blocksize=4)
    n.conv(n.op("DepthToSpace", n.conv(t, 18, 48, 1), blocksize=3, mode="CRD"), 2, 2, 2)
    n.done()
    n = Net("borders")
    t = n.op("Pad", n.conv("x", 4, 3, 3), n.ints(0, 0, 2, 1, 0, 0, 1, 3), mode="reflect")
    t = n.op("Pad", t, n.ints(0, 0, 0, 2, 0, 0, 3, 1), mode="edge")
    n.conv(t, 2, 4, 3)
    n.done()
    n = Net("largest")
    t = n.conv("x", 6, 3, 3)
    gate = n.op("Concat", n.op("ReduceMax", t, axes=[1], keepdims=1), n.op("ReduceMean", t, axes=[1], keepdims=1), axis=1)
    t = n.op("Mul", t, n.op("Sigmoid", n.conv(gate, 1, 2, 3, pads=[1, 1, 1, 1])))
    top = n.op("Add", n.op("GlobalMaxPool", t), n.op("ReduceMax", t, axes=[2, 3]))
    t = n.op("Add", n.op("ReduceMax", t, axes=[-1], keepdims=0), n.const(weight(6, 1)))
    t = n.op("Reciprocal", n.op("Add", n.op("Abs", t), n.floats(0.5)))
    t = n.op("Max", n.op("Min", t, n.floats(1.5)), n.floats(0.25))
    n.op("Concat", n.op("Flatten", t), n.op("Flatten", top), axis=1)
    n.done()
    n = Net("group_norms", opset=18)  # a scale a group
    t = n.conv("x", 6, 3, 3, strides=[2, 2])
    t = n.op("GroupNormalization", t, n.const(weight(3) + 1), n.const(weight(3)), num_groups=3, epsilon=1e-3)
    one, zero = n.const(np.ones(2, "float32")), n.const(np.zeros(2, "float32"))
    u = n.op("InstanceNormalization", n.op("Reshape", n.conv(t, 6, 6, 1), n.ints(0, 2, -1)), one, zero, epsilon=1e-3)
    u = n.op("Mul", n.op("Reshape", u, n.op("Shape", t)), n.const(weight(6, 1, 1) + 1))
    u = n.conv(n.op("Add", u, n.const(weight(6, 1, 1))), 6, 6, 1)
    n.op("InstanceNormalization", n.op("Add", u, t), n.const(weight(6) + 1), n.const(weight(6)))
    n.done()


def views():
    """Places that are computed, or chosen; two classifiers whose answers are averaged."""
    n = Net("rows_by_range", opset=18)  # as PyTorch's newer exporter says a view
    t = n.op("ReduceMean", n.conv("x", 4, 3, 3), n.ints(2, 3))
    flat = n.op("Reshape", t, n.ints(-1))
    count = n.op("Squeeze", n.op("Slice", n.op("Shape", "x"), n.ints(0), n.ints(1)), n.ints(0))
    rows = n.op("Range", n.const(np.array(0)), count, n.const(np.array(1)))
    index = n.op("Unsqueeze", n.op("Mul", rows, n.const(np.array(4))), n.ints(1, 2, 3))
    index = n.op("Add", index, n.const(np.arange(4).reshape(1, 4, 1, 1)))
    n.op("Gather", flat, index)
    n.conv(n.t, 3, 4, 1)
    n.done()
    n = Net("gate_by_line")  # ECA: a convolution over the means of channels
    t = n.conv("x", 6, 3, 3, strides=[2, 2])
    gate = n.op("Reshape", n.op("ReduceMean", t, axes=[2, 3], keepdims=0), n.ints(0, 1, -1))
    gate = n.op("Conv", gate, n.const(weight(2, 1, 3)), n.const(weight(2)), pads=[1, 1])
    gate = n.op("Conv", gate, n.const(weight(1, 2, 3)), pads=[2, 0], dilations=[1])
    gate = n.op("Expand", n.op("Reshape", n.op("Sigmoid", gate), n.ints(0, -1, 1, 1)), n.op("Shape", t))
    n.conv(n.op("Mul", t, gate), 2, 6, 1)
    n.done()
    n = Net("weights_standardised")  # computed of weights, as nets without norms do
    w = n.const(weight(5, 3, 3, 3))
    d = n.op("Sub", w, n.op("ReduceMean", w, axes=[1, 2, 3]))
    v = n.op("ReduceMean", n.op("Mul", d, d), axes=[-1, -2, -3], keepdims=1)
    low, high = n.op("ReduceMin", w, keepdims=0), n.op("ReduceMax", w, axes=[0, 1, 2, 3], keepdims=0)
    w = n.op("Div", d, n.op("Sqrt", n.op("Add", v, n.op("Pow", n.op("Sub", high, low), n.floats(4)))))
    ones, zeros = n.const(np.ones(3, "float32")), n.const(np.zeros(3, "float32"))
    w = n.op("BatchNormalization", w, ones, n.const(weight(3)), zeros, n.const(np.full(3, 0.25, "float32")))
    n.op("Conv", "x", w, n.op("ReduceSum", n.const(weight(5, 2)), n.ints(1), keepdims=0))
    n.done()
    n = Net("constant_picture")  # positions that a convolution makes of constants
    t = n.conv(n.const(weight(1, 4, 11, 9)), 5, 4, 1)
    n.op("Add", n.conv("x", 5, 3, 3), n.op("Tanh", t))
    n.conv(n.t, 2, 5, 2)
    n.done()
    n = Net("chosen")
    t = n.op("Gather", n.conv("x", 5, 3, 3), n.ints(4, 0, -2), axis=1)
    n.conv(t, 2, 3, 3)
    n.done()
    n = Net("two_heads")
    t = n.op("Flatten", n.op("GlobalAveragePool", n.conv("x", 6, 3, 3)))
    heads = [n.op("Gemm", t, n.const(weight(10, 6)), n.const(weight(10)), transB=1) for _ in range(2)]
    n.op("Div", n.op("Add", *heads), n.floats(2))
    n.done(flatten=False)


def rarely():
    """What few exporters write: tables resized with wide filters, named axes with constants, conditions, repeats, weights on their way to integers."""
    n = Net("positions_resized", opset=18)
    table = n.op("Resize", n.const(weight(1, 4, 5, 7)), "", "", n.ints(1, 4, 11, 9), mode="cubic", coordinate_transformation_mode="half_pixel")
    narrow = n.op("Resize", n.const(weight(1, 4, 20, 13)), "", "", n.ints(1, 4, 11, 9), mode="linear", antialias=1)
    corners = n.op("Resize", n.const(weight(4, 4, 3)), "", n.floats([2.75, 3]), axes=[1, 2], mode="linear", coordinate_transformation_mode="align_corners")
    edge = n.op("Resize", n.const(weight(1, 4, 17, 4)), "", n.floats([1, 1, 0.65, 2.25]), mode="cubic", cubic_coeff_a=-0.5, exclude_outside=1)
    near = n.op("Resize", n.const(weight(1, 1, 4, 3)), "", n.floats([1, 4, 2.75, 3]), mode="nearest")
    t = n.conv("x", 4, 3, 3)
    for term in (table, narrow, corners, edge, near):
        t = n.op("Mul", n.op("Add", t, term), n.floats(0.75))
    n.conv(t, 2, 4, 2)
    n.done()
    n = Net("einsum_constant")  # as Keras writes attention: heads and their channels apart
    t = n.op("Transpose", n.op("Reshape", n.conv("x", 6, 3, 4, strides=[4, 4]), n.ints(0, 6, 6)), perm=[0, 2, 1])
    t = n.op("Add", n.op("Einsum", t, n.const(weight(6, 2, 4)), equation="abc,cde->abde"), n.const(weight(2, 4)))
    t = n.op("Einsum", t, n.const(weight(2, 4, 5)), equation="abde,dec->acb")
    n.op("Einsum", n.const(weight(3, 5)), t, equation="oc,nct->not")
    n.done()
    n = Net("tiled")
    t = n.op("Tile", n.conv("x", 2, 3, 4, strides=[4, 4]), n.ints(1, 2, 1, 40))
    n.conv(t, 2, 4, 3)
    n.done()
    n = Net("conditions")
    t = n.conv("x", 4, 3, 4, strides=[3, 3])  # 4 x 3
    u = n.op("Where", n.const(rng.rand(4, 3) < 0.5), t, n.op("Tanh", t))
    u = n.op("Where", n.const(rng.rand(4, 1, 1) < 0.5), n.const(weight(4, 3)), u)
    mask = np.array([False, True, False])
    u = n.op("Softmax", n.op("Where", n.const(mask), n.floats(-np.inf), u), axis=-1)
    n.op("Mul", u, n.op("Where", n.const(rng.rand(4, 4, 1) < 0.5), t, n.floats(0.25)))
    n.done()
    n = Net("weights_quantised")  # as training for integers leaves them: in floats, rounded on the way
    def rounded(w, axis=None):
        scale = n.floats(np.abs(w).max() / 127) if axis is None else n.const(np.abs(w).max(axis=(1, 2, 3)) / np.float32(100))
        zero = n.const(np.int8(0) if axis is None else np.zeros(len(w), "int8"))
        more = {} if axis is None else {"axis": axis}
        return n.op("DequantizeLinear", n.op("QuantizeLinear", n.const(w), scale, zero, **more), scale, zero, **more)
    t = n.op("Conv", "x", rounded(weight(4, 3, 3, 3), 0))
    n.op("Conv", t, rounded(weight(2, 4, 2, 2)))
    n.done()


os.makedirs(FOLDER, exist_ok=True)
for make in (convolutions, linear, norm, activations, arithmetic, pads, pools, shapes, ends, parts, functions, layer_norms, transformers, batches, spatial, views, rarely):
    make()
save(f"{FOLDER}/expected.safetensors", out)

#!/usr/bin/python3
"""Makes Keras's own nets with random weights, as tf2onnx writes them, and what TensorFlow computes with them.

    make_keras.py DIR     reads names, a line each; writes and prints what make_model.py does, for two opsets: the first with
                          pictures as Keras has them, (N,H,W,C), the second with tf2onnx's --inputs-as-nchw
    make_keras.py --list  the names, as families.py prints its own; needs neither TensorFlow nor tf2onnx
    make_keras.py --tiny  tests/golden/data/onnx/keras*, a net of a few kilobytes for test_onnx_forward.c; run from the root of the tree

tf2onnx folds norms into convolutions and keeps no names of Keras's parameters, so that no gradients are compared. Nets that
scale pixels themselves are fed pixels from 0 to 255, the others -1 to 1. TensorFlow computes in double.
"""
import importlib.metadata
import importlib.util
import json
import os
import sys

import numpy

from tensors import save

CLASSES, BATCH, OPSETS = 10, 4, (13, 17)
# Of tf.keras.applications: family, size, what was asked for beside the name, and whether the net scales pixels itself.
NETS = {
    "MobileNet": ("MobileNet V1", 64, {}, False),
    "MobileNetV2": ("MobileNet V2", 64, {}, False),
    "MobileNetV3Small": ("MobileNet V3", 64, {"include_preprocessing": False}, False),
    "MobileNetV3Large": ("MobileNet V3", 64, {"minimalistic": True}, True),
    "ResNet50": ("ResNet", 64, {}, False),
    "ResNet50V2": ("ResNet v2", 64, {}, False),
    "ResNetRS50": ("ResNet-RS", 64, {}, True),
    "RegNetX002": ("RegNet X", 64, {}, True),
    "RegNetY002": ("RegNet Y", 64, {}, True),
    "EfficientNetB0": ("EfficientNet", 64, {}, True),
    "EfficientNetV2B0": ("EfficientNetV2", 64, {}, True),
    "DenseNet121": ("DenseNet", 64, {}, False),
    "Xception": ("Xception", 75, {}, False),
    "InceptionV3": ("Inception v3", 107, {}, False),
    "InceptionResNetV2": ("Inception ResNet v2", 79, {}, False),
    "NASNetMobile": ("NASNet", 64, {}, False),
    "ConvNeXtTiny": ("ConvNeXt", 64, {}, True),
}
PREFIX = "keras."


def listed():
    have = all(importlib.util.find_spec(name) for name in ("tensorflow", "tf2onnx"))
    names = [PREFIX + name for name in NETS]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("keras", "tf2onnx")] if have else []
    return {"all": names, "lacking": [] if have else names, "with": versions}


def pictures(size):
    """As make_model.py's: blotches that outlast the strides, and noise."""
    generator = numpy.random.RandomState(1)
    smooth = generator.uniform(-60, 315, (BATCH, 6, 6, 3))
    for axis, length in enumerate(size, 1):  # linear between the places of six
        at = numpy.arange(length) * 5 / (length - 1)
        low = numpy.minimum(at.astype(int), 4)
        near = (at - low).reshape([-1 if i == axis else 1 for i in range(4)])
        smooth = smooth.take(low, axis) * (1 - near) + smooth.take(low + 1, axis) * near
    return (smooth + generator.uniform(-20, 20, smooth.shape)).clip(0, 255).astype("uint8"), generator.randint(0, CLASSES, BATCH)


def randomise(net, x, keras):
    """No scale or shift at its neutral value, which would hide a wrong one; statistics of these pictures."""
    generator = numpy.random.RandomState(2)
    for layer in net.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            if layer.scale:
                layer.gamma.assign(generator.uniform(0.5, 1.5, layer.gamma.shape))
        if isinstance(layer, keras.layers.Normalization):  # of the pixels; an untrained one has no statistics of its own
            layer.mean, layer.variance = layer.mean + 0.45, layer.variance * 0.05
        for weight in layer.trainable_weights:
            if float(abs(weight.numpy()).max()) < 1e-5:  # starts at zero
                weight.assign(generator.uniform(-0.2, 0.2, weight.shape))
    net(x, training=True)


def application(name, size, more, keras):
    return getattr(keras.applications, name)(weights=None, classes=CLASSES, input_shape=(*size, 3), classifier_activation=None, **more)


def export(net, path, opset, nchw, size):
    import tensorflow
    import tf2onnx
    # Keras compiles convolutions in groups on their own, which tf2onnx passes over.
    tensorflow.keras.layers.Conv2D._jit_compiled_convolution_op = tensorflow.keras.layers.Conv2D.convolution_op
    shape = tensorflow.TensorSpec((None, *size, 3), tensorflow.float32, name="picture")
    tf2onnx.convert.from_keras(net, [shape], opset=opset, inputs_as_nchw=["picture"] if nchw else None, output_path=path)


def compute(build, size, pixels, keras):
    """The net in single precision, and what the same weights say in double."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    images, labels = pictures(size)
    x = images.astype("float64") / (1 if pixels else 127.5) - (0 if pixels else 1)
    net = build()
    randomise(net, x.astype("float32"), keras)
    keras.backend.set_floatx("float64")
    try:
        exact = build()
        exact.set_weights([value.astype("float64") for value in net.get_weights()])
        for to, of in zip(exact.layers, net.layers):
            if isinstance(to, keras.layers.Normalization):
                to.mean, to.variance = (value.numpy().astype("float64") for value in (of.mean, of.variance))
        logits = exact(x, training=False).numpy()
    finally:
        keras.backend.set_floatx("float32")
    out = {"images": images, "labels": labels.astype("int32"), "class_weights": numpy.ones(logits.shape[1], "float32"),
           "smoothing": numpy.array([0.125], "float32"), "eval.logits": logits.astype("float32")}
    return net, out | ({"pixels": numpy.ones(1, "float32")} if pixels else {})


def small(keras):
    """What Keras and tf2onnx say in ways of their own: pixels scaled inside, SAME padding, channels last, a softmax at the end."""
    layers = keras.layers
    picture = layers.Input((15, 13, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(picture)
    x = layers.Normalization(mean=[-0.1, 0.0, 0.2], variance=[0.5, 0.4, 0.3])(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False)(x)))
    y = layers.BatchNormalization()(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))
    y = layers.Activation("swish")(y)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
    gate = layers.Conv2D(4, 1, activation="sigmoid")(layers.Conv2D(2, 1, activation="relu")(gate))
    x = layers.Add()([x, layers.Multiply()([y, gate])])
    x = layers.Conv2D(6, 3, strides=2)(layers.ZeroPadding2D(((0, 1), (1, 2)))(x))
    x = layers.Activation("gelu")(layers.LayerNormalization(epsilon=1e-6)(x))
    x = layers.Concatenate()([layers.MaxPooling2D(2, strides=1, padding="same")(x), layers.AveragePooling2D(2, strides=1, padding="same")(x)])
    x = layers.Reshape((-1, 12))(layers.Conv2D(12, 3, padding="same", groups=3)(x))
    x = layers.MultiHeadAttention(2, 5)(x, x)
    x = layers.Dropout(0.5)(layers.GlobalAveragePooling1D()(x))
    return keras.Model(picture, layers.Dense(6, activation="softmax")(x))


def make_small(keras):
    net, out = compute(lambda: small(keras), (15, 13), True, keras)
    expected = {"x": out["images"].astype("float32")}
    for opset, nchw in zip(OPSETS, (False, True)):
        name = "keras_nchw" if nchw else "keras_nhwc"
        export(net, f"tests/golden/data/onnx/{name}.onnx", opset, nchw, (15, 13))
        expected[f"{name}.y"] = out["eval.logits"]
    save("tests/golden/data/onnx/keras.safetensors", expected)


def make(name, folder, keras):
    family, side, more, pixels = NETS[name.removeprefix(PREFIX)]
    size = side, side
    net, out = compute(lambda: application(name.removeprefix(PREFIX), size, more, keras), size, pixels, keras)
    for opset, nchw in zip(OPSETS, (False, True)):
        export(net, f"{folder}/{name}.{opset}.onnx", opset, nchw, size)
    save(f"{folder}/{name}.safetensors", out)
    told = " ".join(f"{key}={value}" for key, value in more.items())
    return {"name": name, "family": family, "told": told, "size": side, "opsets": list(OPSETS), "parameters": net.count_params()}


def main():
    if sys.argv[1] == "--list":
        return print(json.dumps(listed()))
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    answers, sys.stdout = sys.stdout, sys.stderr  # Keras prints, too
    import tensorflow
    if sys.argv[1] == "--tiny":
        return make_small(tensorflow.keras)
    for line in sys.stdin:
        try:
            said = make(line.strip(), sys.argv[1], tensorflow.keras)
        except Exception as error:  # of any kind: the exporter's own limits
            said = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(said), file=answers, flush=True)


main()

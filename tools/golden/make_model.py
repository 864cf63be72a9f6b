#!/usr/bin/python3
"""Makes nets of families.py with random weights, as exporters write them, and what PyTorch computes with them.

    make_model.py DIR

reads names, a line each, writes into DIR
  NAME.OPSET.onnx   the stock exporter's, at two of OPSETS: inference, norms folded where it folds them
  NAME.dynamo.onnx  in place of these, where families.py asks for the newer exporter
  NAME.onnx         the same net with all of PyTorch's parameters by their names, to compare gradients
  NAME.safetensors  images u8 (N,H,W,3) (the net's input is image / 127.5 - 1), labels, class_weights, smoothing,
                    eval.logits, train.logits, loss, and grad.PARAMETER, all computed in double; for nets of which families.py wants no gradients, NAME.onnx and
                    what stands from train.logits on are missing
and prints a line of JSON: parameters, and how far PyTorch's own float32 is from the gradients in double; or {"error": ...}.

Gradients jump where an activation crosses a kink, and among millions of activations some always lie within rounding of
one. So the shifts of the norms (or the biases of the layers) before the kinks are moved a little, channel by channel,
until no activation is close. Maxima have ties as well: where PyTorch's own float32, or its double with parameters that
are off by about as much as float32 rounds, lands on another side of one, so that nothing could be compared, other weights
are drawn.
"""
import contextlib
import copy
import json
import sys
import warnings

import numpy
import onnx
import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from families import CLASSES, FAMILIES
from tensors import nhwc, save

OPSETS = (11, 16, 14)  # the first two that the exporter can write
SEEDS = range(1, 31)
COMPARABLE = 1e-3  # what tools/models asks of hone
SHAKE, SHAKES = 3e-7, 3


def kinks_of(function, args, kwargs):
    """Where the derivative of an activation function jumps."""
    name = getattr(function, "__name__", "").rstrip("_")
    if name in ("relu", "leaky_relu", "prelu"):
        return [0.0]
    if name == "relu6":
        return [0.0, 6.0]
    if name == "hardtanh":
        return [float(kwargs.get("min_val", args[1] if len(args) > 1 else -1)),
                float(kwargs.get("max_val", args[2] if len(args) > 2 else 1))]
    return [-3.0, 3.0] if name in ("hardswish", "hardsigmoid") else []


class ClearKinks(TorchFunctionMode):
    """Runs a net and moves the shift before each kink to where the batch leaves the widest gap."""
    moves = torch.linspace(-0.1, 0.1, 301)

    def __init__(self):
        super().__init__()
        self.shift = None

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        kinks = kinks_of(function, args, kwargs)
        if function is functional.batch_norm:
            self.shift = args[4] if len(args) > 4 else kwargs["bias"]
        elif function in (torch.conv2d, functional.linear):
            self.shift = args[2] if len(args) > 2 else kwargs.get("bias")
        elif kinks and self.shift is not None and self.shift.shape[0] == args[0].shape[1]:
            self.move(args[0], kinks)
        return function(*args, **kwargs)

    def move(self, x, kinks):
        values = x.transpose(0, 1).flatten(1).sort(1).values.contiguous()
        gaps = []
        for kink in kinks:
            wanted = (kink - self.moves).expand(len(values), -1).contiguous()
            above = torch.searchsorted(values, wanted).clamp(1, values.shape[1] - 1)
            gaps.append(torch.minimum((values.gather(1, above) - wanted).abs(),
                                      (values.gather(1, above - 1) - wanted).abs()))
        best = torch.stack(gaps).min(0).values.argmax(1)
        before = self.shift.clone()
        self.shift.copy_(self.shift + self.moves[best])
        x += (self.shift - before).reshape(-1, *[1] * (x.dim() - 2))


def randomise(net):
    """No scale, shift or factor at its neutral value, which would hide a wrong one."""
    for name, module in net.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            # The branch of a bottleneck adds a part, as in trained nets: a hundred layers of equal parts amplify rounding.
            module.weight.uniform_(*((0.1, 0.4) if name.endswith(".bn3") else (0.5, 1.5)))
            module.bias.uniform_(-0.3, 0.3)
            module.momentum = None  # statistics of all batches since the start
    for name, value in net.named_parameters():
        if value.numel() > 1 and value.abs().max() < 1e-5:  # starts at zero: a shift, a token, a layer scale
            value.uniform_(-0.2, 0.2)
        elif value.dim() < 3 and value.numel() > 1 and value.min() == value.max():
            value.mul_(torch.empty_like(value).uniform_(0.5, 1.5))


def quiet(net):
    """Dropout and stochastic depth draw differently in every library."""
    for module in net.modules():
        for key in ("p", "attention_dropout", "drop_prob", "drop_rate"):
            if isinstance(getattr(module, key, None), float):
                setattr(module, key, 0.0)
    return net


def pictures(size, batch):
    generator = numpy.random.RandomState(1)
    # Blotches that outlast the strides: where all pictures look alike, norms amplify rounding.
    coarse = torch.tensor(generator.uniform(-60, 315, (batch, 3, 6, 6)))
    smooth = functional.interpolate(coarse, (size, size), mode="bilinear").permute(0, 2, 3, 1).numpy()
    images = (smooth + generator.uniform(-20, 20, smooth.shape)).clip(0, 255).astype("uint8")
    return images, generator.randint(0, CLASSES, batch).astype("int32")


def gradients(net, x, target, loss_of):
    net = quiet(copy.deepcopy(net).to(x.dtype).train())
    logits = net(x)
    loss = loss_of(logits, target)
    loss.backward()
    return logits, loss, {name: value.grad for name, value in net.named_parameters() if value.grad is not None}


def export(net, path, size, opset, **more):
    net = copy.deepcopy(net).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net, torch.zeros(1, 3, size, size), path, opset_version=opset, input_names=["input"],
                          output_names=["logits"], dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}}, **more)


def export_dynamo(net, path, size):
    net = copy.deepcopy(net).eval()
    with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
        warnings.simplefilter("ignore")
        torch.onnx.export(net, (torch.zeros(2, 3, size, size),), path, dynamo=True, external_data=False,
                          input_names=["input"], output_names=["logits"], dynamic_shapes=({0: torch.export.Dim("N", min=2)},))  # some nets treat one picture apart


def renamed(path):
    """Parameters that reach their operator through one that moves no number: hone has them by the result's name."""
    graph = onnx.load(path, load_external_data=False).graph
    names = {tensor.name: (tensor.name, False) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type in ("Transpose", "Unsqueeze", "Reshape") and node.input[0] in names:
            name, turned = names[node.input[0]]
            names[node.output[0]] = name, turned != (node.op_type == "Transpose")
    return {alias: found for alias, found in names.items() if alias != found[0]}


def draw(family, seed):
    """The net, pictures for it, and their classes."""
    torch.manual_seed(seed)
    with torch.no_grad():
        net = family.build()
        randomise(net)
        images, labels = pictures(family.size, family.batch)
        x, target = torch.tensor(images.transpose(0, 3, 1, 2)).double() / 127.5 - 1, torch.tensor(labels).long()
        quiet(net.train())
        if family.gradients:
            with ClearKinks():
                net(x.float())
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
        net(x.float())  # statistics of these pictures: what runs without training sees the same spread
    return net, images, labels, x, target


def error_of(exact, single):
    """The worst parameter's."""
    size = sum(value.pow(2).sum() for value in exact.values()).sqrt()
    return max(((single[key] - value).norm() / max(value.norm(), 1e-4 * size)).item() for key, value in exact.items())


def shaken(net):
    """The net with every number off by about a rounding."""
    net = copy.deepcopy(net).double()
    with torch.no_grad():
        for value in net.parameters():
            value.mul_(1 + SHAKE * torch.randn_like(value))
    return net


def make(name, folder):
    family = FAMILIES[name]
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.125)
    for seed in SEEDS:
        net, images, labels, x, target = draw(family, seed)
        if not family.gradients:
            break
        logits, loss, exact = gradients(net, x, target, loss_of)
        with torch.backends.mkldnn.flags(enabled=False):  # of PyTorch 1.13: destroys memory in RepVGG's gradients
            own = error_of(exact, gradients(net, x.float(), target, loss_of)[2])
        if own <= COMPARABLE and all(error_of(exact, gradients(shaken(net), x, target, loss_of)[2]) <= COMPARABLE
                                     for _ in range(SHAKES)):
            break
    opsets = []
    if family.dynamo:
        export_dynamo(net, f"{folder}/{name}.dynamo.onnx", family.size)
        opsets.append("dynamo")
    for opset in OPSETS:
        if len(opsets) == 2 or family.dynamo:
            break
        try:
            export(net, f"{folder}/{name}.{opset}.onnx", family.size, opset)
            opsets.append(opset)
        except Exception as error:  # of any kind: the exporter's own limits
            print(f"{name}: opset {opset}: {str(error).splitlines()[0]}", file=sys.stderr)
    if family.gradients:
        export(net, f"{folder}/{name}.onnx", family.size, 13, training=torch.onnx.TrainingMode.PRESERVE,
               do_constant_folding=False)
    out = {
        "images": images, "labels": labels, "class_weights": numpy.ones(CLASSES, "float32"),
        "smoothing": numpy.array([0.125], "float32"),
        "eval.logits": copy.deepcopy(net).double().eval()(x).detach().numpy().astype("float32"),
    }
    made = {"name": name, "family": family.family, "told": family.told, "size": family.size, "opsets": sorted(opsets),
            "parameters": sum(value.numel() for value in net.parameters())}
    if not family.gradients:
        save(f"{folder}/{name}.safetensors", out)
        return made
    out["train.logits"] = logits.detach().numpy().astype("float32")
    out["loss"] = numpy.array([loss.item()], "float32")
    for key, value in exact.items():
        out[f"grad.{key}"] = nhwc(value).astype("float32")
    for alias, (key, turned) in renamed(f"{folder}/{name}.onnx").items():
        if key in exact:
            value = nhwc(exact[key].T if turned else exact[key])
            out[f"grad.{alias}"] = numpy.ascontiguousarray(value).astype("float32")
    save(f"{folder}/{name}.safetensors", out)
    return {**made, "torch": own}


def main():
    for line in sys.stdin:
        try:
            said = make(line.strip(), sys.argv[1])
        except Exception as error:  # of any kind: the exporter's own limits
            said = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        print(json.dumps(said), flush=True)


main()

#!/usr/bin/python3
"""Makes MobileNetV2 and ResNet-18 of torchvision with random weights, and PyTorch's gradients of one small batch.

    make_torchvision.py DIR

writes DIR/{mobilenet_v2,resnet18}.{onnx,safetensors} with the tensors of make_nets.py up to the gradients, computed in
double; and prints how far PyTorch's own float32 is from them. test_torchvision.c runs it and reads the result: the files
are tens of megabytes, so that they are not in the tree.

Gradients jump where an activation crosses a kink, and among millions of activations some always lie within rounding of
one: untreated, PyTorch's float32 is 7 % off its own double in the worst tensor. So the shifts of the norms are moved a
little, channel by channel, until no activation is close.
"""
import copy
import sys
import warnings

import numpy
import torch
import torchvision
from torch import nn

from tensors import nhwc, save

BATCH, SIZE, CLASSES = 8, 96, 10


def clear_kinks(net, x):
    """Moves the shift of the norm before each ReLU or ReLU6 to where the batch leaves the widest gap at its kinks."""
    last, least, handles = None, [], []
    moves = torch.linspace(-0.1, 0.1, 501).double()

    def norm(module, _inputs, _output):
        nonlocal last
        last = module

    def rectifier(module, inputs):
        values = inputs[0].transpose(0, 1).flatten(1)
        kinks = [0.0, 6.0] if isinstance(module, nn.ReLU6) else [0.0]
        for channel in range(values.shape[0]):
            gaps = []
            for kink in kinks:
                # Distance of each shifted kink to the nearest value.
                ordered, wanted = values[channel].sort().values, kink - moves
                above = torch.searchsorted(ordered, wanted).clamp(1, len(ordered) - 1)
                gaps.append(torch.minimum((ordered[above] - wanted).abs(), (ordered[above - 1] - wanted).abs()))
            gap, best = torch.stack(gaps).min(0).values.max(0)
            # What float32 holds, as the file will.
            before = last.bias[channel].item()
            last.bias[channel] = (last.bias[channel] + moves[best]).float().double()
            inputs[0][:, channel] += last.bias[channel].item() - before
            least.append(gap.item())

    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            handles.append(module.register_forward_hook(norm))
        elif isinstance(module, (nn.ReLU, nn.ReLU6)):
            handles.append(module.register_forward_pre_hook(rectifier))
    with torch.no_grad():
        statistics = {name: value.clone() for name, value in net.named_buffers()}
        net.train()(x)
        for name, value in net.named_buffers():
            value.copy_(statistics[name])
    for handle in handles:
        handle.remove()
    return min(least)


def gradients(net, x, target, loss_of):
    net = copy.deepcopy(net).to(x.dtype).train()
    # Dropout draws differently in every library.
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    logits = net(x)
    loss = loss_of(logits, target)
    loss.backward()
    return logits, loss, {name: value.grad for name, value in net.named_parameters()}


def make(folder, name, build):
    torch.manual_seed(1)
    net = build(num_classes=CLASSES)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.3, 0.3)
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    generator = numpy.random.RandomState(1)
    # Blotches that outlast the strides: where all pictures look alike, norms amplify rounding.
    coarse = torch.tensor(generator.uniform(-60, 315, (BATCH, 3, 6, 6)))
    smooth = nn.functional.interpolate(coarse, (SIZE, SIZE), mode="bilinear").permute(0, 2, 3, 1).numpy()
    images = (smooth + generator.uniform(-20, 20, smooth.shape)).clip(0, 255).astype("uint8")
    labels = generator.randint(0, CLASSES, BATCH).astype("int32")
    x, target = torch.tensor(images.transpose(0, 3, 1, 2)).double() / 127.5 - 1, torch.tensor(labels).long()
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.125)
    margin = clear_kinks(net.double(), x)
    net = net.float()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net.eval(), torch.zeros(1, 3, SIZE, SIZE), f"{folder}/{name}.onnx",
                          training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, opset_version=13,
                          input_names=["input"], output_names=["logits"],
                          dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}})
    out = {
        "images": images, "labels": labels, "class_weights": numpy.ones(CLASSES, "float32"),
        "smoothing": numpy.array([0.125], "float32"),
        "eval.logits": copy.deepcopy(net).double().eval()(x).detach().numpy().astype("float32"),
    }
    logits, loss, exact = gradients(net, x, target, loss_of)
    out["train.logits"] = logits.detach().numpy().astype("float32")
    out["loss"] = numpy.array([loss.item()], "float32")
    for key, value in exact.items():
        out[f"grad.{key}"] = nhwc(value).astype("float32")
    save(f"{folder}/{name}.safetensors", out)
    single = gradients(net, x.float(), target, loss_of)[2]
    size = sum(value.pow(2).sum() for value in exact.values()).sqrt()
    errors = [((single[key] - value).norm() / value.norm()).item() for key, value in exact.items()
              if value.norm() > 1e-9 * size]
    print(f"{name}: worst tensor of PyTorch's float32 against its double: {max(errors):.2e}; margin {margin:.1e}")


make(sys.argv[1], "mobilenet_v2", torchvision.models.mobilenet_v2)
make(sys.argv[1], "resnet18", torchvision.models.resnet18)

#!/usr/bin/python3
"""Makes tests/golden/data/{resnet,mobilenet}.{onnx,safetensors}: two small nets and what PyTorch computes with them.

The ONNX file holds the untrained net, its batch norms kept. The safetensors file holds, for one batch:
  images (N,H,W,3) u8 (the net's input is image / 127.5 - 1), labels (N), class_weights (C), smoothing (1)
  eval.logits, train.logits (N,C), loss (1): cross entropy with class weights and label smoothing
  grad.NAME: d loss / d parameter
  OPT.STEP.NAME: parameters and running statistics after step 1 and 10 of OPT, sgd or adamw, on the same batch;
  OPT.losses (10): the loss before each step;  OPT.hyper: learning rate, weight decay, then momentum or betas and eps
NAME is PyTorch's, and the initializer's in the ONNX file. Weights are (K,R,S,C/G). All is computed in double, from
weights that float32 holds exactly. Run from the root of the tree: python3 tools/golden/make_nets.py

Gradients jump where an activation crosses a kink: an activation 1e-7 away from one, and rounding alone moves the
weights after ten steps by a percent. So seeds are tried until no activation of any step comes within MARGIN.
"""
import copy
import warnings

import numpy
import torch
from torch import nn

from tensors import nhwc, save

BATCH, SIZE, CLASSES, STEPS = 4, 16, 5, 10
MARGIN = 1e-5
SGD = {"lr": 0.0625, "weight_decay": 1 / 1024, "momentum": 0.875}
ADAMW = {"lr": 1 / 512, "weight_decay": 1 / 64, "betas": (0.875, 0.9921875), "eps": 2.0**-20}


def conv_norm(inputs, outputs, size=3, stride=1, groups=1, act=None):
    layers = [nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([act] if act else []))


class Basic(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = conv_norm(inputs, outputs, stride=stride, act=nn.ReLU())
        self.second = conv_norm(outputs, outputs)
        self.short = nn.Identity() if stride == 1 else conv_norm(inputs, outputs, 1, stride)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.second(self.first(x)) + self.short(x))


class Inverted(nn.Module):
    def __init__(self, inputs, outputs, stride, expand):
        super().__init__()
        middle = inputs * expand
        self.add = stride == 1 and inputs == outputs
        self.layers = nn.Sequential(
            conv_norm(inputs, middle, 1, act=nn.ReLU6()),
            conv_norm(middle, middle, 3, stride, middle, nn.ReLU6()),
            conv_norm(middle, outputs, 1),
        )

    def forward(self, x):
        return x + self.layers(x) if self.add else self.layers(x)


def resnet():
    return nn.Sequential(
        conv_norm(3, 8, act=nn.ReLU()), nn.MaxPool2d(3, 2, 1),
        Basic(8, 8, 1), Basic(8, 12, 2), Basic(12, 16, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, CLASSES),
    )


def mobilenet():
    return nn.Sequential(
        conv_norm(3, 8, stride=2, act=nn.ReLU6()),
        Inverted(8, 8, 1, 3), Inverted(8, 12, 2, 4), Inverted(12, 12, 1, 4), Inverted(12, 16, 2, 4),
        conv_norm(16, 48, 1, act=nn.ReLU6()),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, CLASSES),
    )


def randomise(net):
    """Untrained, but no statistic or scale at its neutral value, which would hide a wrong one."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.3, 0.3)
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
    return net.float()


def state(net):
    return {name: value for name, value in net.state_dict().items() if not name.endswith("num_batches_tracked")}


class TooClose(Exception):
    pass


class Margin:
    """The least distance of an activation from a kink: of ReLU, ReLU6, or of two candidates of a maximum."""

    def __init__(self, net):
        self.least = float("inf")
        for module in net.modules():
            if isinstance(module, (nn.ReLU, nn.ReLU6)):
                module.register_forward_hook(self.rectifier)
            elif isinstance(module, nn.MaxPool2d):
                module.register_forward_hook(self.pool)

    def keep(self, distance):
        self.least = min(self.least, distance.min().item())
        if self.least < MARGIN:
            raise TooClose

    def rectifier(self, module, inputs, _):
        x = inputs[0].detach()
        self.keep(x.abs())
        if isinstance(module, nn.ReLU6):
            self.keep((x - 6).abs())

    def pool(self, module, inputs, _):
        x = inputs[0].detach()
        padded = nn.functional.pad(x, [module.padding] * 4)
        windows = padded.unfold(2, module.kernel_size, module.stride).unfold(3, module.kernel_size, module.stride)
        top = windows.flatten(4).topk(2).values
        # Behind a ReLU equal zeros pass no gradient on.
        self.keep((top[..., 0] - top[..., 1])[top[..., 0] > 0])


def train(net, prefix, optimizer, x, loss_of, out):
    net.train()
    losses = []
    for step in range(1, STEPS + 1):
        loss = loss_of(net(x))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step in (1, STEPS):
            for name, value in state(net).items():
                out[f"{prefix}.{step}.{name}"] = nhwc(value).astype("float32")
    out[f"{prefix}.losses"] = numpy.array(losses, "float32")


def batch(seed):
    generator = numpy.random.RandomState(seed)
    images = generator.randint(0, 256, (BATCH, SIZE, SIZE, 3))
    # Each picture with stripes of its own: noise alone averages out before the classifier.
    images = (images // 4 + images[:, :1, :1] // 2 + images[:, :, :1, ::-1] // 4).astype("uint8")
    return images, generator.randint(0, CLASSES, BATCH).astype("int32")


def compute(net, images, labels):
    """All that the golden file holds, and the margin."""
    class_weights = torch.tensor([1.0, 0.5, 2.0, 1.5, 0.75]).double()
    loss_of = nn.CrossEntropyLoss(class_weights, label_smoothing=0.125)
    x, target = torch.tensor(images.transpose(0, 3, 1, 2)).double() / 127.5 - 1, torch.tensor(labels).long()
    net = net.double()
    out = {
        "images": images, "labels": labels,
        "class_weights": class_weights.numpy().astype("float32"), "smoothing": numpy.array([0.125], "float32"),
        "eval.logits": net.eval()(x).detach().numpy().astype("float32"),
    }
    probe = copy.deepcopy(net).train()
    logits = probe(x)
    loss = loss_of(logits, target)
    loss.backward()
    out["train.logits"] = logits.detach().numpy().astype("float32")
    out["loss"] = numpy.array([loss.item()], "float32")
    for key, value in probe.named_parameters():
        out[f"grad.{key}"] = nhwc(value.grad).astype("float32")
    out["sgd.hyper"] = numpy.array([SGD["lr"], SGD["weight_decay"], SGD["momentum"]], "float32")
    out["adamw.hyper"] = numpy.array([ADAMW["lr"], ADAMW["weight_decay"], *ADAMW["betas"], ADAMW["eps"]], "float32")
    least = float("inf")
    for prefix, kind, hyper in (("sgd", torch.optim.SGD, SGD), ("adamw", torch.optim.AdamW, ADAMW)):
        copied = copy.deepcopy(net)
        margin = Margin(copied)
        train(copied, prefix, kind(copied.parameters(), **hyper), x, lambda y: loss_of(y, target), out)
        least = min(least, margin.least)
    return out, least


def make(name, build, first):
    for seed in range(first, first + 10000):
        torch.manual_seed(seed)
        net = randomise(build())
        images, labels = batch(seed)
        try:
            out, margin = compute(copy.deepcopy(net), images, labels)
            break
        except TooClose:
            continue
    file = f"tests/golden/data/{name}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(net.eval(), torch.zeros(1, 3, SIZE, SIZE), file + ".onnx",
                          training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False, opset_version=13,
                          input_names=["input"], output_names=["logits"],
                          dynamic_axes={"input": {0: "N"}, "logits": {0: "N"}})
    save(file + ".safetensors", out)
    print(f"{name}: seed {seed}, margin {margin:.3g}, losses {out['sgd.losses'][[0, -1]]} {out['adamw.losses'][[0, -1]]}")


torch.set_num_threads(1)
# The first seeds that were found.
make("resnet", resnet, 0)
make("mobilenet", mobilenet, 0)

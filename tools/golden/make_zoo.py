#!/usr/bin/python3
"""Makes weight files of every net that hone builds, with what PyTorch computes from them.

    make_zoo.py DIR

writes DIR/NAME.pth (a state dict with random weights and statistics, in the zip and the older container by turns) and
DIR/NAME.safetensors: "images" u8 (2,S,S,3) and "logits" (2,10), computed in double, with ImageNet's mean and
deviation. tests/golden/test_zoo.c runs it.
"""
import sys

import numpy
import torch
import torchvision
from torch import nn
from torch.nn import functional

from tensors import save

CLASSES = 10
TORCHVISION = ["resnet18", "resnet50", "mobilenet_v2", "efficientnet_b0", "squeezenet1_0",
               "squeezenet1_1"]


class CifarBlock(nn.Module):
    """Two 3x3 convolutions; a shortcut of every second pixel with zeros for new channels (He et al. 2016, option A)."""

    def __init__(self, before, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.stride, self.more = stride, width - before

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        x = x[:, :, ::self.stride, ::self.stride]
        return functional.relu(y + functional.pad(x, (0, 0, 0, 0, self.more // 2, self.more - self.more // 2)))


class CifarNet(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        before = 16
        for stage, width in enumerate((16, 32, 64)):
            blocks = []
            for k in range((depth - 2) // 6):
                blocks.append(CifarBlock(before, width, 2 if stage and not k else 1))
                before = width
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, CLASSES)

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def randomize(net):
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.3, 0.3)
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
            elif isinstance(module, nn.Conv2d) and module.bias is not None:
                module.bias.uniform_(-0.1, 0.1)


def make(folder, name, net, size, old):
    randomize(net)
    generator = numpy.random.RandomState(len(name))
    images = generator.randint(0, 256, (2, size, size, 3)).astype("uint8")
    mean = torch.tensor([0.485, 0.456, 0.406]).double()
    deviation = torch.tensor([0.229, 0.224, 0.225]).double()
    x = ((torch.tensor(images).double() / 255 - mean) / deviation).permute(0, 3, 1, 2)
    torch.save(net.state_dict(), f"{folder}/{name}.pth", _use_new_zipfile_serialization=not old)
    with torch.no_grad():
        logits = net.double().eval()(x)
    save(f"{folder}/{name}.safetensors", {
        "images": images,
        "logits": logits.numpy().astype("float32"),
    })


def main():
    folder = sys.argv[1]
    torch.manual_seed(3)
    for i, name in enumerate(TORCHVISION):
        make(folder, name, getattr(torchvision.models, name)(num_classes=CLASSES), 64 + i % 2, i % 2 == 1)
    for depth in (20, 56):
        make(folder, f"resnet{depth}_cifar", CifarNet(depth), 32, depth == 20)


main()

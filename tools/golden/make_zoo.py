#!/usr/bin/python3
"""Makes weight files of every net that hone builds, with what PyTorch computes from them.

    make_zoo.py DIR

writes DIR/NAME.pth (a state dict with random weights and statistics, in the zip and the older container by turns) and
DIR/NAME.safetensors: "images" u8 (2,S,S,3) and "logits" (2,10), computed in double, with ImageNet's mean and
deviation, for nets of torchvision (NAME as it is), timm (timm_NAME) and transformers (transformers_NAME), the last two where
they can be imported. Prints the names. tests/golden/test_zoo.c runs it.
"""
import sys

import numpy
import torch
import torchvision
from torch import nn
from torch.nn import functional

from tensors import save

try:
    import timm
except ImportError:
    timm = None
try:
    import transformers
except ImportError:
    transformers = None

CLASSES = 10
TORCHVISION = ["resnet18", "resnet50", "mobilenet_v2", "efficientnet_b0", "squeezenet1_0",
               "squeezenet1_1", "resnext50_32x4d", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b2",
               "densenet121", "regnet_x_400mf", "regnet_y_400mf", "mnasnet0_5"]
TIMM = ["resnet18", "resnext50_32x4d", "mobilenetv2_100", "mnasnet_100", "mobilenetv3_small_100", "mobilenetv3_large_100", "efficientnet_b0",
        "efficientnet_b1", "regnetx_004", "regnety_004", "densenet121", "convnext_atto", "convnext_tiny", "convnextv2_atto",
        "tf_efficientnet_b0", "tf_mobilenetv3_small_100", "tf_mobilenetv3_large_100"]


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


class Features(nn.Module):
    """What a net of transformers says of the class token."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x).last_hidden_state[:, 0]


class Logits(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x).logits


def timm_nets():
    """Name, net, size of the pictures: stock nets, and transformers of two blocks, one at another size than it was made for."""
    for name in TIMM:
        yield name, timm.create_model(name, num_classes=CLASSES), 64
    shallow = {"depth": 2, "num_classes": CLASSES}
    yield "vit_tiny", timm.create_model("vit_tiny_patch16_224", img_size=64, **shallow), 64
    yield "deit_tiny", timm.create_model("deit_tiny_patch16_224", img_size=64, **shallow), 64
    yield "deit_distilled", timm.create_model("deit_tiny_distilled_patch16_224", img_size=64, **shallow), 64
    yield "vit_resized", timm.create_model("vit_small_patch16_224", img_size=112, dynamic_img_size=True, **shallow), 64
    yield "dinov2", timm.create_model("vit_small_patch14_dinov2", img_size=98, dynamic_img_size=True, depth=2), 70


def transformers_nets():
    small = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "patch_size": 16}
    with_head = {"num_labels": CLASSES}
    yield "vit", Logits(transformers.ViTForImageClassification(
        transformers.ViTConfig(image_size=64, intermediate_size=256, **small, **with_head))), 64
    yield "dinov2", Features(transformers.Dinov2Model(transformers.Dinov2Config(image_size=64, mlp_ratio=2, **small))), 64
    yield "deit_distilled", Logits(transformers.DeiTForImageClassificationWithTeacher(
        transformers.DeiTConfig(image_size=64, intermediate_size=256, **small, **with_head))), 64
    yield "deit", Logits(transformers.DeiTForImageClassification(
        transformers.DeiTConfig(image_size=64, intermediate_size=256, **small, **with_head))), 64
    yield "mobilenet_v2", Logits(transformers.MobileNetV2ForImageClassification(transformers.MobileNetV2Config(**with_head))), 64
    widths = {"hidden_sizes": [16, 24, 32, 40], "depths": [1, 1, 2, 1]}
    yield "convnext", Logits(transformers.ConvNextForImageClassification(
        transformers.ConvNextConfig(layer_scale_init_value=0.7, **widths, **with_head))), 64
    yield "convnextv2", Logits(transformers.ConvNextV2ForImageClassification(transformers.ConvNextV2Config(**widths, **with_head))), 64
    yield "resnet18", Logits(transformers.ResNetForImageClassification(transformers.ResNetConfig(
        hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic", **with_head))), 64
    yield "resnet50", Logits(transformers.ResNetForImageClassification(transformers.ResNetConfig(
        hidden_sizes=[256, 512, 1024, 2048], depths=[3, 4, 6, 3], **with_head))), 64


def small_convnext():
    """torchvision's, small, with a layer scale that shows."""
    config = torchvision.models.convnext.CNBlockConfig
    net = torchvision.models.ConvNeXt([config(8, 16, 1), config(16, 24, 2), config(24, 32, 1), config(32, None, 1)],
                                      num_classes=CLASSES, layer_scale=0.7)
    return net


def randomize(net):
    """No scale, shift or factor at its neutral value, which would hide a wrong one."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
        for name, value in net.named_parameters():
            if value.dim() < 2 and value.numel() > 1 and value.min() == value.max():
                value.add_(torch.empty_like(value).uniform_(-0.3, 0.3))
            elif value.abs().max() < 1e-4:
                value.uniform_(-0.3, 0.3)


def make(folder, name, net, size, old, rename=lambda state: state):
    print(name, flush=True)
    randomize(net)
    generator = numpy.random.RandomState(len(name))
    images = generator.randint(0, 256, (2, size, size, 3)).astype("uint8")
    mean = torch.tensor([0.485, 0.456, 0.406]).double()
    deviation = torch.tensor([0.229, 0.224, 0.225]).double()
    x = ((torch.tensor(images).double() / 255 - mean) / deviation).permute(0, 3, 1, 2)
    with torch.no_grad():  # the statistics of these pictures: deep nets would else say the same of all
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.momentum = None
        net.train()(x.float())
    torch.save(rename(net.state_dict()), f"{folder}/{name}.pth", _use_new_zipfile_serialization=not old)
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
    make(folder, "convnext_torchvision", small_convnext(), 65, False)
    make(folder, "vit_torchvision", torchvision.models.VisionTransformer(
        image_size=64, patch_size=16, num_layers=2, num_heads=2, hidden_dim=128, mlp_dim=256, num_classes=CLASSES), 64, False)
    for i, (name, net, size) in enumerate(timm_nets() if timm else ()):
        make(folder, f"timm_{name}", net, size, i % 2 == 0)
    for name, net, size in transformers_nets() if transformers else ():
        make(folder, f"transformers_{name}", net, size, False,
             lambda state: {key[len("net."):]: value for key, value in state.items()})


main()

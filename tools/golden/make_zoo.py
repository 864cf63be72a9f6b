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
               "squeezenet1_1", "resnext50_32x4d", "mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_b2",
               "densenet121", "regnet_x_400mf", "regnet_y_400mf"]


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


class Block(nn.Module):
    """A transformer's block under timm's names; scaled: with the layer scale of DINOv2."""

    def __init__(self, width, scaled):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn, self.mlp = nn.Module(), nn.Module()
        self.attn.qkv, self.attn.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        if scaled:
            self.ls1, self.ls2 = nn.Module(), nn.Module()
            self.ls1.gamma = nn.Parameter(torch.rand(width) + 0.5)
            self.ls2.gamma = nn.Parameter(torch.rand(width) + 0.5)
        self.scaled = scaled

    def forward(self, x):
        batch, tokens, width = x.shape
        qkv = self.attn.qkv(self.norm1(x)).reshape(batch, tokens, 3, width // 64, 64)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = (q @ k.transpose(-2, -1) / 8).softmax(-1) @ v
        y = self.attn.proj(y.transpose(1, 2).reshape(batch, tokens, width))
        x = x + (y * self.ls1.gamma if self.scaled else y)
        y = self.mlp.fc2(functional.gelu(self.mlp.fc1(self.norm2(x))))
        return x + (y * self.ls2.gamma if self.scaled else y)


class Transformer(nn.Module):
    """A vision transformer of two blocks under timm's names, made for a grid of `grid` patches a side."""

    def __init__(self, grid, scaled, classes, width=128):
        super().__init__()
        self.cls_token = nn.Parameter(torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + grid * grid, width))
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, width, 16, 16)
        self.blocks = nn.Sequential(*[Block(width, scaled) for _ in range(2)])
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes) if classes else None
        self.grid = grid

    def forward(self, x):
        x = self.patch_embed.proj(x)
        table, size = self.pos_embed, x.shape[2:]
        if size != (self.grid, self.grid):  # as timm's resample_abs_pos_embed
            rest = table[:, 1:].reshape(1, self.grid, self.grid, -1).permute(0, 3, 1, 2)
            rest = functional.interpolate(rest, size=size, mode="bicubic", antialias=True)
            table = torch.cat([table[:, :1], rest.permute(0, 2, 3, 1).flatten(1, 2)], 1)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], 1)
        x = self.norm(self.blocks(x + table))[:, 0]
        return self.head(x) if self.head else x


def transformers_names(state):
    """The same under the names of transformers.ViTForImageClassification."""
    names = [("cls_token", "vit.embeddings.cls_token"), ("pos_embed", "vit.embeddings.position_embeddings"),
             ("patch_embed.proj", "vit.embeddings.patch_embeddings.projection"), ("blocks.", "vit.encoder.layer."),
             ("norm1", "layernorm_before"), ("norm2", "layernorm_after"), ("attn.proj", "attention.output.dense"),
             ("mlp.fc1", "intermediate.dense"), ("mlp.fc2", "output.dense"), ("head.", "classifier."),
             ("norm.", "vit.layernorm.")]
    out = {}
    for key, value in state.items():
        for old, new in names:
            if old != "norm." or key.startswith(old):
                key = key.replace(old, new)
        if "attn.qkv" not in key:
            out[key] = value
            continue
        for part, tensor in zip(("query", "key", "value"), value.chunk(3)):
            out[key.replace("attn.qkv", f"attention.attention.{part}")] = tensor.clone()
    return out


class ConvNextBlock(nn.Module):
    """A block of ConvNeXt V2 under timm's names."""

    def __init__(self, width):
        super().__init__()
        self.conv_dw, self.norm = nn.Conv2d(width, width, 7, 1, 3, groups=width), nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Module()
        self.mlp.fc1, self.mlp.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.mlp.grn = nn.Module()
        self.mlp.grn.weight, self.mlp.grn.bias = (nn.Parameter(torch.randn(4 * width)) for _ in range(2))

    def forward(self, x):
        y = functional.gelu(self.mlp.fc1(self.norm(self.conv_dw(x).permute(0, 2, 3, 1))))
        g = y.norm(p=2, dim=(1, 2), keepdim=True)
        n = g / (g.mean(-1, keepdim=True) + 1e-6)
        y = y + torch.addcmul(self.mlp.grn.bias, self.mlp.grn.weight, y * n)
        return x + self.mlp.fc2(y).permute(0, 3, 1, 2)


class Norm2d(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNextV2(nn.Module):
    def __init__(self, widths, classes):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 4, 4), Norm2d(widths[0], eps=1e-6))
        self.stages = nn.ModuleList()
        for i, width in enumerate(widths):
            stage = nn.Module()
            before = widths[i - 1]
            stage.downsample = nn.Sequential(Norm2d(before, eps=1e-6), nn.Conv2d(before, width, 2, 2)) if i else nn.Identity()
            stage.blocks = nn.Sequential(*[ConvNextBlock(width) for _ in range(1 + (i == 2))])
            self.stages.append(stage)
        self.head = nn.Module()
        self.head.norm, self.head.fc = nn.LayerNorm(widths[-1], eps=1e-6), nn.Linear(widths[-1], classes)

    def forward(self, x):
        x = self.stem(x)
        for stage in self.stages:
            x = stage.blocks(stage.downsample(x))
        return self.head.fc(self.head.norm(x.mean((2, 3))))


def small_convnext():
    """torchvision's, small, with a layer scale that shows."""
    config = torchvision.models.convnext.CNBlockConfig
    net = torchvision.models.ConvNeXt([config(8, 16, 1), config(16, 24, 2), config(24, 32, 1), config(32, None, 1)],
                                      num_classes=CLASSES, layer_scale=0.7)
    return net


def randomize(net):
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.3, 0.3)
                module.running_mean.uniform_(-0.2, 0.2)
                module.running_var.uniform_(0.5, 1.5)
            elif isinstance(module, nn.LayerNorm):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.3, 0.3)
            elif isinstance(module, nn.Conv2d) and module.bias is not None:
                module.bias.uniform_(-0.1, 0.1)


def make(folder, name, net, size, old, rename=lambda state: state):
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
    make(folder, "convnext_v2", ConvNextV2((8, 16, 24, 32), CLASSES), 64, True)
    make(folder, "vit_torchvision", torchvision.models.VisionTransformer(
        image_size=64, patch_size=16, num_layers=2, num_heads=2, hidden_dim=128, mlp_dim=256, num_classes=CLASSES), 64, False)
    make(folder, "vit_timm", Transformer(4, False, CLASSES), 64, False)
    make(folder, "vit_dinov2", Transformer(7, True, 0), 64, True)
    make(folder, "vit_transformers", Transformer(4, False, CLASSES), 64, False, transformers_names)


main()

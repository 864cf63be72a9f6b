"""The nets that make_model.py makes: of every family the smallest, or a shallow one of its blocks, at a small picture.

Each is the library's own: torchvision's and timm's by their names (timm's with "timm." in front), and what neither has
from own_nets.py. timm is optional: without it, or where it is too old for a net, there is nothing of that name in FAMILIES.
"""
import dataclasses
import importlib.util
import json
from dataclasses import dataclass
from typing import Callable

import torch
import torchvision
from torch import nn

import own_nets

try:
    import timm
except ImportError:
    timm = None

CLASSES = 10


@dataclass
class Family:
    family: str
    build: Callable
    size: int = 64
    batch: int = 8
    told: str = ""  # what was asked for beside the name
    gradients: bool = True
    dynamo: bool = False  # written by the newer of PyTorch's exporters


def _torchvision(family, names, size=64, batch=8, gradients=True, told="", **more):
    for name in names.split():
        key = name if not told else f"{name}_small"
        yield key, Family(family, lambda name=name: torchvision.models.get_model(name, num_classes=CLASSES, **more), size, batch, told, gradients)


def _torchvision_class(family, name, batch=4, **more):
    """A net whose stock sizes take long: of the same class, smaller."""
    told = " ".join(f"{key}={value}".replace(" ", "") for key, value in more.items() if key != "block")
    yield name, Family(family, lambda: getattr(torchvision.models, name)(num_classes=CLASSES, **more), batch=batch, told=told)


def _vgg():
    """Without the pool to 7x7 and the two layers of 4,096 behind it, which few devices bind at once."""
    net = torchvision.models.vgg11_bn()
    net.avgpool = nn.Identity()
    net.classifier = nn.Sequential(nn.Linear(512 * 4, 256), nn.ReLU(True), nn.Dropout(), nn.Linear(256, CLASSES))
    return net


def _timm(family, names, size=64, batch=4, fuse=False, tie=False, **more):
    """fuse: as deployed, branches summed into one. tie: the classifier of distillation, whose answer is averaged with the
    other's, is the other: hone reads the two as one, which has the gradient that they have together."""
    def build(name):
        net = timm.create_model(name, num_classes=CLASSES, **more)
        if tie:
            net.head_dist = net.head
        return timm.utils.reparameterize_model(net.eval()).requires_grad_(True) if fuse else net

    told = [f"{key}={value}".replace(" ", "") for key, value in more.items() if key != "img_size"]
    for name in names.split():
        known = timm is not None and timm.is_model(name)
        key = "_".join([f"timm.{name}", *(["fused"] if fuse else []), *([more["act_layer"]] if "act_layer" in more else [])])
        yield key, Family(family, (lambda name=name: build(name)) if known else None, size, batch,
                          " ".join(told + ["reparameterised"] * fuse + ["head_dist=head"] * tie))


_PLAIN = {"aux_logits": False, "init_weights": False, "transform_input": True}
_SHALLOW = {"layers": (1, 1, 1, 1)}
_LISTS = (
    _torchvision("ResNet", "resnet18 resnet34 resnet50"),
    _torchvision("ResNet", "resnet101", gradients=False),
    _torchvision("ResNet", "resnet101", told="width_per_group=8", width_per_group=8),
    _torchvision("ResNeXt", "resnext50_32x4d"),
    _torchvision("Wide ResNet", "wide_resnet50_2", gradients=False),
    _torchvision_class("Wide ResNet", "ResNet", block=torchvision.models.resnet.Bottleneck, layers=[1, 1, 1, 1], width_per_group=128),
    _torchvision("RegNet X", "regnet_x_400mf"),
    _torchvision("RegNet Y", "regnet_y_400mf"),
    _torchvision("DenseNet", "densenet121"),
    _torchvision("SqueezeNet", "squeezenet1_0 squeezenet1_1"),
    _torchvision("MobileNet V2", "mobilenet_v2"),
    _torchvision("MobileNet V3", "mobilenet_v3_small mobilenet_v3_large"),
    _torchvision("MNASNet", "mnasnet0_5"),
    _torchvision("ShuffleNetV2", "shufflenet_v2_x0_5 shufflenet_v2_x1_0"),
    _torchvision("EfficientNet", "efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4"),
    _torchvision("EfficientNetV2", "efficientnet_v2_s"),
    _torchvision("GoogLeNet", "googlenet", 96, 4, **_PLAIN),
    _torchvision("Inception v3", "inception_v3", 107, 4, **_PLAIN),
    [("vgg11_bn", Family("VGG", _vgg, batch=4, told="classifier=2048x256x10"))],
    _torchvision("ConvNeXt", "convnext_tiny", 64, 4),
    _torchvision_class("ViT", "VisionTransformer", image_size=64, patch_size=16, num_layers=3, num_heads=3, hidden_dim=192,
                       mlp_dim=768),
    _torchvision_class("Swin", "SwinTransformer", patch_size=[4, 4], embed_dim=48, depths=[2, 2, 2, 2],
                       num_heads=[2, 4, 8, 16], window_size=[4, 4]),
    _timm("ResNet-D", "resnet18d"),
    _timm("ResNet v2", "resnetv2_50", **_SHALLOW),
    _timm("SE-ResNet", "seresnet18"),
    _timm("RegNet X", "regnetx_002"),
    _timm("RegNet Y", "regnety_002"),
    _timm("RepVGG", "repvgg_a0"),
    _timm("RepVGG", "repvgg_a0", fuse=True),
    _timm("FastViT", "fastvit_t8", **_SHALLOW),
    _timm("FastViT", "fastvit_t8", fuse=True, **_SHALLOW),
    _timm("GhostNet", "ghostnet_050"),
    _timm("MobileNet V1", "mobilenetv1_100"),
    _timm("MobileNet, SAME padding", "tf_mobilenetv3_small_minimal_100"),
    _timm("MobileNet V4", "mobilenetv4_conv_small"),
    _timm("ConvNeXt", "convnext_atto"),
    _timm("ConvNeXt V2", "convnextv2_atto"),
    _timm("ViT", "vit_tiny_patch16_224", img_size=64, depth=4),
    _timm("DeiT", "deit_tiny_patch16_224", img_size=64, depth=4),
    _timm("DINOv2", "vit_small_patch14_dinov2", 70, img_size=70, depth=3),
    _timm("Swin", "swin_tiny_patch4_window7_224", img_size=64, window_size=4, depths=(2, 2, 2, 2), embed_dim=48,
          num_heads=(2, 4, 8, 16)),
    _timm("MobileViT", "mobilevit_xxs"),
    _timm("EfficientFormer", "efficientformer_l1", 224, 2, tie=True),
    _timm("ResNet", "resnet10t"),
    _timm("SK-ResNet", "skresnet18"),
    _timm("DenseNet", "densenet121", block_config=(2, 2, 2, 2)),
    _timm("MobileNet V2", "mobilenetv2_035"),
    _timm("MobileNet V3", "mobilenetv3_small_050"),
    _timm("EfficientNet", "tf_efficientnet_b0"),
    _timm("MixNet", "mixnet_s"),
    _timm("LCNet", "lcnet_035"),
    _timm("Darknet, Mish", "darknet17", act_layer="mish"),
    _timm("Darknet, ELU", "darknet17", act_layer="elu"),
    _timm("VoVNet", "ese_vovnet19b_slim_dw"),
    _timm("HRNet", "hrnet_w18_small"),
    _timm("PoolFormer", "poolformer_s12"),
    _timm("MLP-Mixer", "mixer_s32_224", img_size=64),
    _timm("LeViT", "levit_128s", tie=True, img_size=64),
    _timm("MobileOne", "mobileone_s0", 64, 16),
)
FAMILIES = {name: family for group in _LISTS for name, family in group}
# PyTorch 2.5 and later, with onnxscript.
DYNAMO = ("resnet18 squeezenet1_1 shufflenet_v2_x0_5 mobilenet_v3_small mobilenet_v3_large efficientnet_b0 regnet_x_400mf regnet_y_400mf densenet121 mnasnet0_5 "
          "SwinTransformer timm.convnext_atto timm.vit_tiny_patch16_224 timm.mobilenetv3_small_050").split()
_newer = hasattr(torch, "export") and importlib.util.find_spec("onnxscript")
FAMILIES |= {f"{name}_dynamo": dataclasses.replace(FAMILIES[name], build=FAMILIES[name].build if _newer else None,
                                                   gradients=False, dynamo=True) for name in DYNAMO}
FAMILIES |= {name: Family(family, build, size) for name, (family, build, size) in own_nets.NETS.items()}
ALL = list(FAMILIES)
LACKING = [name for name, family in FAMILIES.items() if not family.build]
FAMILIES = {name: family for name, family in FAMILIES.items() if family.build}

if __name__ == "__main__":
    made_with = [f"{library.__name__} {library.__version__.split('+')[0]}" for library in (torch, torchvision, timm) if library]
    print(json.dumps({"all": list(ALL), "lacking": LACKING, "with": made_with}))

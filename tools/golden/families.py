"""The nets that make_model.py makes: of every family the smallest, at the smallest picture that it takes in."""
from dataclasses import dataclass
from typing import Callable

import torchvision

import timm_nets

CLASSES = 10


@dataclass
class Family:
    family: str
    build: Callable
    size: int = 64
    batch: int = 8


def _torchvision(name, **more):
    return lambda: torchvision.models.get_model(name, num_classes=CLASSES, **more)


_PLAIN = {"aux_logits": False, "init_weights": False, "transform_input": True}
FAMILIES = {name: Family(family, _torchvision(name, **more), size, batch) for family, size, batch, more, names in (
    ("ResNet", 64, 8, {}, "resnet18 resnet50 resnet101"),
    ("ResNeXt", 64, 8, {}, "resnext50_32x4d"),
    ("Wide ResNet", 64, 8, {}, "wide_resnet50_2"),
    ("RegNet X", 64, 8, {}, "regnet_x_400mf"),
    ("RegNet Y", 64, 8, {}, "regnet_y_400mf"),
    ("DenseNet", 64, 8, {}, "densenet121"),
    ("SqueezeNet", 64, 8, {}, "squeezenet1_0 squeezenet1_1"),
    ("MobileNet V2", 64, 8, {}, "mobilenet_v2"),
    ("MobileNet V3", 64, 8, {}, "mobilenet_v3_small mobilenet_v3_large"),
    ("MNASNet", 64, 8, {}, "mnasnet0_5"),
    ("ShuffleNetV2", 64, 8, {}, "shufflenet_v2_x0_5 shufflenet_v2_x1_0"),
    ("EfficientNet", 64, 8, {}, "efficientnet_b0 efficientnet_b2 efficientnet_b4"),
    ("EfficientNetV2", 64, 8, {}, "efficientnet_v2_s"),
    ("GoogLeNet", 96, 4, _PLAIN, "googlenet"),
    ("Inception v3", 107, 4, _PLAIN, "inception_v3"),
    ("AlexNet", 224, 2, {}, "alexnet"),
    ("VGG", 224, 1, {}, "vgg11_bn"),
    ("ConvNeXt", 64, 4, {}, "convnext_tiny"),
) for name in names.split()}
FAMILIES |= {name: Family(family, build, 32 if name == "iresnet" else 64) for name, (family, build) in timm_nets.NETS.items()}

if __name__ == "__main__":
    print(*FAMILIES)

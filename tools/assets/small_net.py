# small_net.py: the bundled backbone's architecture (a small MobileNetV2) in PyTorch.
# One idea: a table of inverted residual stages; all channel counts are multiples of 8; batch norm
# and ReLU6 stay separate nodes; the net ends in globally pooled features, with no classifier.
# Source: Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks".
import torch
from torch import nn

INPUT = 128
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
FEATURES = 640
STEM = 16
# Expansion, output channels, blocks, stride of the first block.
STAGES = [(1, 8, 1, 1), (6, 16, 2, 2), (4, 24, 2, 2), (4, 48, 3, 2), (4, 80, 2, 1), (4, 144, 3, 2)]


def conv_bn(cin, cout, size, stride=1, groups=1, act=True):
    layers = [nn.Conv2d(cin, cout, size, stride, size // 2, groups=groups, bias=False),
              nn.BatchNorm2d(cout)]
    return layers + [nn.ReLU6()] if act else layers


class Block(nn.Module):
    def __init__(self, cin, cout, stride, expand):
        super().__init__()
        mid = cin * expand
        widen = conv_bn(cin, mid, 1) if expand > 1 else []
        self.body = nn.Sequential(*widen, *conv_bn(mid, mid, 3, stride, mid),
                                  *conv_bn(mid, cout, 1, act=False))
        self.shortcut = stride == 1 and cin == cout

    def forward(self, x):
        return x + self.body(x) if self.shortcut else self.body(x)


class SmallNet(nn.Module):
    """(N, 3, H, W) normalised pictures to (N, FEATURES)."""

    def __init__(self):
        super().__init__()
        layers, width = conv_bn(3, STEM, 3, 2), STEM
        for expand, cout, blocks, stride in STAGES:
            for b in range(blocks):
                layers.append(Block(width, cout, stride if b == 0 else 1, expand))
                width = cout
        layers += conv_bn(width, FEATURES, 1)
        self.trunk = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out")

    def forward(self, x):
        return torch.flatten(self.pool(self.trunk(x)), 1)


def normalise(u8):
    """u8 (N, H, W, 3) to float (N, 3, H, W), channels-last in memory, as the backbone expects."""
    x = u8.permute(0, 3, 1, 2).float().div_(255.0)
    x = x.sub_(torch.tensor(MEAN).view(1, 3, 1, 1)).div_(torch.tensor(STD).view(1, 3, 1, 1))
    return x.contiguous(memory_format=torch.channels_last)


def count_macs(net, size=INPUT):
    """Multiply-adds of the convolutions for one picture."""
    total = [0]

    def hook(module, _inputs, out):
        weights = module.weight.numel() // module.out_channels
        total[0] += weights * out.shape[1] * out.shape[2] * out.shape[3]
    hooks = [m.register_forward_hook(hook) for m in net.modules() if isinstance(m, nn.Conv2d)]
    training = net.training
    net.eval()
    with torch.no_grad():
        net(torch.zeros(1, 3, size, size))
    for h in hooks:
        h.remove()
    net.train(training)
    return total[0]

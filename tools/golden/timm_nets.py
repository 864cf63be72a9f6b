"""Small nets with the structure of timm's families that torchvision lacks, written here from their papers: narrow and shallow,
but with every kind of block, so that an exporter says of them what it says of the real ones."""
import torch
from torch import nn
from torch.nn import functional as F

CLASSES = 10


def conv(i, o, k=1, s=1, g=1, act=nn.ReLU, norm=True, pad=None):
    layers = [nn.Conv2d(i, o, k, s, (k - 1) // 2 if pad is None else pad, groups=g, bias=not norm)]
    return nn.Sequential(*layers, *([nn.BatchNorm2d(o)] if norm else []), *([act()] if act else []))


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES)]


class Residual(nn.Module):
    """act(main(x) + short(x)), the main branch times `scale`."""

    def __init__(self, main, short=None, act=nn.ReLU, scale=1.0):
        super().__init__()
        self.main, self.short = main, short or nn.Identity()
        self.act, self.scale = act() if act else nn.Identity(), scale

    def forward(self, x):
        y = self.main(x)
        return self.act((y if self.scale == 1.0 else y * self.scale) + self.short(x))


class SqueezeExcite(nn.Module):
    def __init__(self, c, gate=nn.Sigmoid, act=nn.ReLU, by_mean=True, narrow=None):
        super().__init__()
        narrow = narrow or max(c // 4, 4)
        self.reduce, self.expand = nn.Conv2d(c, narrow, 1), nn.Conv2d(narrow, c, 1)
        self.act, self.gate, self.by_mean = act(), gate(), by_mean

    def forward(self, x):
        s = x.mean((2, 3), keepdim=True) if self.by_mean else F.adaptive_avg_pool2d(x, 1)
        return x * self.gate(self.expand(self.act(self.reduce(s))))


class Branches(nn.Module):
    """Concatenates what the branches make of x; with `chain` each takes what the one before it made."""

    def __init__(self, *branches, chain=False, keep=True):
        super().__init__()
        self.branches, self.chain, self.keep = nn.ModuleList(branches), chain, keep

    def forward(self, x):
        out = [x] if self.keep else []
        for branch in self.branches:
            out.append(branch(out[-1] if self.chain and out else x))
        return torch.cat(out, 1)


def bottleneck(i, o, s=1, middle=None, extra=None, short=None):
    m = middle or o // 4
    main = [conv(i, m), conv(m, m, 3, s), conv(m, o, act=None)] + ([extra] if extra else [])
    return Residual(nn.Sequential(*main), short or (conv(i, o, 1, s, act=None) if s > 1 or i != o else None))


def resnet_d():
    """He et al. 2019, "Bag of tricks": a stem of three convolutions, an average pool in the shortcut."""
    def short(i, o, s):
        pool = [nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)] if s > 1 else []
        return nn.Sequential(*pool, conv(i, o, act=None))
    return nn.Sequential(conv(3, 12, 3, 2), conv(12, 12, 3), conv(12, 24, 3), nn.MaxPool2d(3, 2, 1),
                         bottleneck(24, 48, short=short(24, 48, 1)), bottleneck(48, 96, 2, short=short(48, 96, 2)),
                         bottleneck(96, 96), bottleneck(96, 128, 2, short=short(96, 128, 2)), *head(128))


class PreActivation(nn.Module):
    """He et al. 2016, "Identity mappings"."""

    def __init__(self, i, o, s):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(i), nn.Conv2d(i, o // 4, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(o // 4), nn.Conv2d(o // 4, o // 4, 3, s, 1, bias=False)
        self.norm3, self.conv3 = nn.BatchNorm2d(o // 4), nn.Conv2d(o // 4, o, 1, bias=False)
        self.short = nn.Conv2d(i, o, 1, s, bias=False) if s > 1 or i != o else None

    def forward(self, x):
        p = F.relu(self.norm1(x))
        y = self.conv2(F.relu(self.norm2(self.conv1(p))))
        return self.conv3(F.relu(self.norm3(y))) + (self.short(p) if self.short else x)


def resnet_v2():
    return nn.Sequential(nn.Conv2d(3, 16, 7, 2, 3, bias=False), nn.MaxPool2d(3, 2, 1), PreActivation(16, 48, 1),
                         PreActivation(48, 48, 1), PreActivation(48, 96, 2), PreActivation(96, 128, 2),
                         nn.BatchNorm2d(128), nn.ReLU(), *head(128))


def seresnet():
    return nn.Sequential(conv(3, 16, 7, 2), nn.MaxPool2d(3, 2, 1), bottleneck(16, 48, extra=SqueezeExcite(48)),
                         bottleneck(48, 96, 2, extra=SqueezeExcite(96)), bottleneck(96, 96, extra=SqueezeExcite(96)),
                         bottleneck(96, 128, 2, extra=SqueezeExcite(128)), *head(128))


class Ghost(nn.Module):
    """Han et al. 2020: half of the channels from a cheap depthwise convolution of the other half."""

    def __init__(self, i, o, act=nn.ReLU):
        super().__init__()
        self.primary = conv(i, (o + 1) // 2, act=act)
        self.cheap = conv((o + 1) // 2, (o + 1) // 2, 3, g=(o + 1) // 2, act=act)
        self.o = o

    def forward(self, x):
        a = self.primary(x)
        return torch.cat([a, self.cheap(a)], 1)[:, :self.o]


def ghostnet():
    def block(i, m, o, s, squeeze):
        main = [Ghost(i, m)] + ([conv(m, m, 3, s, m, act=None)] if s > 1 else [])
        main += ([SqueezeExcite(m, nn.Hardsigmoid)] if squeeze else []) + [Ghost(m, o, None)]
        short = nn.Sequential(conv(i, i, 3, s, i, act=None), conv(i, o, act=None)) if s > 1 or i != o else None
        return Residual(nn.Sequential(*main), short, None)
    return nn.Sequential(conv(3, 16, 3, 2), block(16, 16, 16, 1, False), block(16, 48, 23, 2, False),
                         block(23, 72, 40, 2, True), block(40, 120, 40, 1, True), conv(40, 96), *head(96))


def mobilenet_v1():
    def block(i, o, s):
        return nn.Sequential(conv(i, i, 3, s, i, nn.ReLU6), conv(i, o, act=nn.ReLU6))
    return nn.Sequential(conv(3, 16, 3, 2, act=nn.ReLU6), block(16, 32, 1), block(32, 48, 2), block(48, 48, 1),
                         block(48, 96, 2), block(96, 128, 2), *head(128))


def mobilenet_v4():
    """Qin et al. 2024: universal inverted bottlenecks, a depthwise convolution before or within the expansion or both."""
    def block(i, o, s, start, middle, expand=4):
        m, first = i * expand, s if start and not middle else 1
        main = ([conv(i, i, start, first, i, None)] if start else []) + [conv(i, m)]
        main += ([conv(m, m, middle, s, m)] if middle else []) + [conv(m, o, act=None)]
        return nn.Sequential(*main) if s > 1 or i != o else Residual(nn.Sequential(*main), None, None)
    return nn.Sequential(conv(3, 16, 3, 2), conv(16, 16, 3, 2), conv(16, 24), block(24, 40, 2, 5, 5), block(40, 40, 1, 0, 3),
                         block(40, 40, 1, 3, 0), block(40, 40, 1, 0, 0), block(40, 64, 2, 3, 3), block(64, 64, 1, 5, 5),
                         conv(64, 160), nn.AdaptiveAvgPool2d(1), conv(160, 192), nn.Flatten(), nn.Linear(192, CLASSES))


class RepVGG(nn.Module):
    """Ding et al. 2021, as it trains: 3x3, 1x1 and identity, each with a norm."""

    def __init__(self, i, o, s):
        super().__init__()
        self.large, self.small = conv(i, o, 3, s, act=None), conv(i, o, 1, s, act=None)
        self.identity = nn.BatchNorm2d(i) if s == 1 and i == o else None

    def forward(self, x):
        y = self.large(x) + self.small(x)
        return F.relu(y if self.identity is None else y + self.identity(x))


def repvgg():
    return nn.Sequential(RepVGG(3, 16, 2), RepVGG(16, 32, 2), RepVGG(32, 32, 1), RepVGG(32, 64, 2), RepVGG(64, 64, 1),
                         RepVGG(64, 96, 2), *head(96))


def repvgg_deploy():
    layers = []
    for i, o, s in ((3, 16, 2), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1), (64, 96, 2)):
        layers.append(conv(i, o, 3, s, norm=False))
    return nn.Sequential(*layers, *head(96))


def darknet(act):
    """Redmon, Farhadi 2018, and its cross-stage partial form (Wang et al. 2020), which splits the channels."""
    class Partial(nn.Module):
        def __init__(self, c, blocks):
            super().__init__()
            self.expand, self.join = conv(c, c, act=act), conv(c, c, act=act)
            self.blocks = nn.Sequential(*(Residual(nn.Sequential(conv(c // 2, c // 2, act=act),
                                                                 conv(c // 2, c // 2, 3, act=act)), None, None)
                                          for _ in range(blocks)))

        def forward(self, x):
            a, b = self.expand(x).chunk(2, 1)
            return self.join(torch.cat([a, self.blocks(b)], 1))
    return lambda: nn.Sequential(conv(3, 16, 3, act=act), conv(16, 32, 3, 2, act=act), Partial(32, 1),
                                 conv(32, 64, 3, 2, act=act), Partial(64, 2), conv(64, 96, 3, 2, act=act), *head(96))


class Scales(nn.Module):
    """Gao et al. 2019, Res2Net: groups of channels, each convolved together with the one before it."""

    def __init__(self, c, scales=4):
        super().__init__()
        self.width = c // scales
        self.convs = nn.ModuleList(conv(self.width, self.width, 3) for _ in range(scales - 1))

    def forward(self, x):
        parts, out = torch.split(x, self.width, 1), []
        for k, layer in enumerate(self.convs):
            out.append(layer(parts[k] if k == 0 else out[-1] + parts[k]))
        return torch.cat([*out, parts[-1]], 1)


def res2net():
    def block(i, o):
        return Residual(nn.Sequential(conv(i, o // 2), Scales(o // 2), conv(o // 2, o, act=None)),
                        conv(i, o, act=None) if i != o else None)
    return nn.Sequential(conv(3, 24, 7, 2), nn.MaxPool2d(3, 2, 1), block(24, 64), block(64, 64), nn.AvgPool2d(2),
                         block(64, 96), *head(96))


def vovnet():
    """Lee, Park 2020: one-shot aggregation, then effective squeeze and excitation."""
    class Excite(nn.Module):
        def __init__(self, c):
            super().__init__()
            self.fc = nn.Conv2d(c, c, 1)

        def forward(self, x):
            return x * F.hardsigmoid(self.fc(x.mean((2, 3), keepdim=True)))

    def block(i, m, o):
        chain = Branches(conv(i, m, 3), conv(m, m, 3), conv(m, m, 3), chain=True)
        return nn.Sequential(chain, conv(i + 3 * m, o), Excite(o))
    return nn.Sequential(conv(3, 24, 3, 2), conv(24, 32, 3, 2), block(32, 24, 48), nn.MaxPool2d(3, 2, ceil_mode=True),
                         block(48, 32, 96), *head(96))


class DualPath(nn.Module):
    """Chen et al. 2017: some channels are added, others appended."""

    def __init__(self, i, added, grown, first):
        super().__init__()
        self.added, self.grown, self.short = added, grown, conv(i, added + grown, act=None) if first else None
        self.main = nn.Sequential(conv(i, 32), conv(32, 32, 3, g=4), conv(32, added + grown, act=None))

    def forward(self, x):
        s, y = self.short(x) if self.short else x, self.main(x)
        return F.relu(torch.cat([s[:, :self.added] + y[:, :self.added], s[:, self.added:], y[:, self.added:]], 1))


def dpn():
    return nn.Sequential(conv(3, 24, 7, 2), nn.MaxPool2d(3, 2, 1), DualPath(24, 48, 8, True), DualPath(64, 48, 8, False),
                         nn.AvgPool2d(2), DualPath(72, 64, 16, True), *head(96))


def xception():
    """Chollet 2017: separable convolutions, the activation in front."""
    def separable(i, o):
        return nn.Sequential(nn.ReLU(), nn.Conv2d(i, i, 3, 1, 1, groups=i, bias=False), conv(i, o, act=None))

    def block(i, o, s):
        pool = [nn.MaxPool2d(3, s, 1)] if s > 1 else []
        short = conv(i, o, 1, s, act=None) if s > 1 else None
        return Residual(nn.Sequential(separable(i, o), separable(o, o), *pool), short, None)
    return nn.Sequential(conv(3, 16, 3, 2, pad=0), conv(16, 32, 3, pad=0, act=None), block(32, 48, 2), block(48, 48, 1),
                         block(48, 96, 2), nn.ReLU(), *head(96))


def lcnet():
    """Cui et al. 2021: depthwise separable with hard swish, a classifier behind one more layer."""
    def block(i, o, k, s, squeeze):
        gate = [SqueezeExcite(i, nn.Hardsigmoid, by_mean=False)] if squeeze else []
        return nn.Sequential(conv(i, i, k, s, i, nn.Hardswish), *gate, conv(i, o, act=nn.Hardswish))
    return nn.Sequential(conv(3, 16, 3, 2, act=nn.Hardswish), block(16, 24, 3, 1, False), block(24, 48, 3, 2, False),
                         block(48, 96, 5, 2, True), nn.AdaptiveAvgPool2d(1), nn.Conv2d(96, 128, 1), nn.Hardswish(),
                         nn.Flatten(), nn.Linear(128, CLASSES))


def inception_resnet():
    """Szegedy et al. 2017: branches of factored filters, a scaled residual."""
    def block(c):
        tall = nn.Sequential(conv(c, 24), nn.Conv2d(24, 24, (1, 7), 1, (0, 3), bias=False), nn.BatchNorm2d(24), nn.ReLU(),
                             nn.Conv2d(24, 24, (7, 1), 1, (3, 0), bias=False), nn.BatchNorm2d(24), nn.ReLU())
        return Residual(nn.Sequential(Branches(conv(c, 24), tall, keep=False), nn.Conv2d(48, c, 1)), scale=0.17)
    reduce = Branches(nn.MaxPool2d(3, 2), conv(64, 32, 3, 2, pad=0), keep=False)
    return nn.Sequential(conv(3, 24, 3, 2, pad=0), conv(24, 64, 3, 2), block(64), block(64), reduce, block(96), *head(96))


class MixConv(nn.Module):
    """Tan, Le 2019: depthwise filters of several sizes."""

    def __init__(self, c, sizes):
        super().__init__()
        self.each = c // len(sizes)
        self.convs = nn.ModuleList(nn.Conv2d(self.each, self.each, k, 1, k // 2, groups=self.each, bias=False) for k in sizes)

    def forward(self, x):
        return torch.cat([layer(part) for layer, part in zip(self.convs, torch.split(x, self.each, 1))], 1)


def mixnet():
    def block(i, o, sizes):
        m = i * 3
        main = nn.Sequential(conv(i, m, act=nn.SiLU), MixConv(m, sizes), nn.BatchNorm2d(m), nn.SiLU(),
                             SqueezeExcite(m, act=nn.SiLU), conv(m, o, act=None))
        return Residual(main, None, None) if i == o else main
    return nn.Sequential(conv(3, 24, 3, 2), conv(24, 24, 3, 2, 24), block(24, 24, (3, 5)), block(24, 40, (3, 5, 7)),
                         nn.AvgPool2d(2), block(40, 40, (3, 5, 7, 9)), conv(40, 96), *head(96))


class Same(nn.Module):
    """TensorFlow's padding: what is odd goes behind; sizes come from the picture."""

    def __init__(self, i, o, k, s, g=1):
        super().__init__()
        self.conv, self.k, self.s = nn.Conv2d(i, o, k, s, 0, groups=g, bias=False), k, s

    def forward(self, x):
        need = [max((-(-n // self.s) - 1) * self.s + self.k - n, 0) for n in x.shape[-2:]]
        return self.conv(F.pad(x, (need[1] // 2, need[1] - need[1] // 2, need[0] // 2, need[0] - need[0] // 2)))


def tf_mobilenet():
    layers, i = [], 3
    for o, k, s in ((16, 3, 2), (24, 3, 2), (40, 5, 2), (64, 3, 1)):
        layers += [Same(i, i, k, s, i), nn.BatchNorm2d(i), nn.Hardswish(), conv(i, o, act=nn.Hardswish)]
        i = o
    return nn.Sequential(*layers, *head(64))


def convmixer():
    """Trockman, Kolter 2022."""
    def block(c):
        return nn.Sequential(Residual(nn.Sequential(nn.Conv2d(c, c, 7, 1, 3, groups=c), nn.GELU(), nn.BatchNorm2d(c)),
                                      None, None), nn.Conv2d(c, c, 1), nn.GELU(), nn.BatchNorm2d(c))
    return nn.Sequential(nn.Conv2d(3, 48, 7, 7), nn.GELU(), nn.BatchNorm2d(48), block(48), block(48), *head(48))


class SelectKernel(nn.Module):
    """Li et al. 2019: two filters, weighed channel by channel by a softmax between them."""

    def __init__(self, c):
        super().__init__()
        self.small, self.large = conv(c, c, 3), nn.Sequential(nn.Conv2d(c, c, 3, 1, 2, 2, bias=False), nn.BatchNorm2d(c), nn.ReLU())
        self.reduce, self.select = conv(c, c // 2), nn.Conv2d(c // 2, 2 * c, 1)

    def forward(self, x):
        a, b = self.small(x), self.large(x)
        gate = torch.sigmoid(self.select(self.reduce((a + b).mean((2, 3), keepdim=True))))
        u, v = gate.chunk(2, 1)
        return a * u + b * (1 - v)


def skresnet():
    def block(i, o):
        return Residual(nn.Sequential(conv(i, o // 2), SelectKernel(o // 2), conv(o // 2, o, act=None)),
                        conv(i, o, act=None) if i != o else None)
    return nn.Sequential(conv(3, 24, 7, 2), nn.MaxPool2d(3, 2, 1), block(24, 48), block(48, 48), nn.AvgPool2d(2), block(48, 96),
                         *head(96))


class SpaceToDepth(nn.Module):
    def forward(self, x):
        n, c, h, w = x.shape
        return x.view(n, c, h // 4, 4, w // 4, 4).permute(0, 3, 5, 1, 2, 4).reshape(n, c * 16, h // 4, w // 4)


def tresnet():
    """Ridnik et al. 2021: pixels to channels in place of a stem, leaky activations."""
    def leaky():
        return nn.LeakyReLU(0.001)
    return nn.Sequential(SpaceToDepth(), conv(48, 48, 3, act=leaky),
                         Residual(nn.Sequential(conv(48, 48, 3, act=leaky), conv(48, 48, 3, act=None), SqueezeExcite(48))),
                         conv(48, 96, 3, 2, act=leaky), *head(96))


class ConvNeXtV2(nn.Module):
    """Woo et al. 2023: global response normalisation between the two products."""

    def __init__(self, c):
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(c, c, 7, 1, 3, groups=c), nn.LayerNorm(c)
        self.wide, self.narrow = nn.Linear(c, 4 * c), nn.Linear(4 * c, c)
        self.gamma, self.beta = nn.Parameter(torch.zeros(1, 1, 1, 4 * c)), nn.Parameter(torch.zeros(1, 1, 1, 4 * c))

    def forward(self, x):
        y = F.gelu(self.wide(self.norm(self.depthwise(x).permute(0, 2, 3, 1))))
        size = y.norm(p=2, dim=(1, 2), keepdim=True)
        y = self.gamma * (y * (size / (size.mean(-1, keepdim=True) + 1e-6))) + self.beta + y
        return x + self.narrow(y).permute(0, 3, 1, 2)


def convnext_v2():
    return nn.Sequential(nn.Conv2d(3, 24, 4, 4), ConvNeXtV2(24), ConvNeXtV2(24), nn.Conv2d(24, 48, 2, 2), ConvNeXtV2(48), *head(48))


def prelu():
    """A net of learned slopes, as for faces (Deng et al. 2019, ArcFace's IResNet): a norm in front, no pool at the end."""
    def block(i, o, s):
        main = nn.Sequential(nn.BatchNorm2d(i), conv(i, o, 3, act=lambda: nn.PReLU(o)), conv(o, o, 3, s, act=None))
        return Residual(main, conv(i, o, 1, s, act=None), None)
    return nn.Sequential(conv(3, 16, 3, act=lambda: nn.PReLU(16)), block(16, 24, 2), block(24, 48, 2), block(48, 64, 2),
                         nn.BatchNorm2d(64), nn.Flatten(), nn.Linear(64 * 16, CLASSES))


NETS = {
    "resnet_d": ("ResNet-D", resnet_d), "resnet_v2": ("ResNet v2", resnet_v2), "seresnet": ("SE-ResNet", seresnet),
    "skresnet": ("SK-ResNet", skresnet), "res2net": ("Res2Net", res2net), "tresnet": ("TResNet", tresnet),
    "iresnet": ("IResNet", prelu), "repvgg": ("RepVGG", repvgg), "repvgg_deploy": ("RepVGG", repvgg_deploy),
    "ghostnet": ("GhostNet", ghostnet), "mobilenet_v1": ("MobileNet V1", mobilenet_v1),
    "mobilenet_v4": ("MobileNet V4", mobilenet_v4), "tf_mobilenet": ("MobileNet, SAME padding", tf_mobilenet),
    "mixnet": ("MixNet", mixnet), "lcnet": ("LCNet", lcnet), "cspdarknet": ("CSPDarknet, leaky", darknet(lambda: nn.LeakyReLU(0.1))),
    "cspdarknet_mish": ("CSPDarknet, Mish", darknet(nn.Mish)), "darknet_elu": ("Darknet, ELU", darknet(nn.ELU)),
    "vovnet": ("VoVNet", vovnet), "dpn": ("DPN", dpn), "xception": ("Xception", xception),
    "inception_resnet": ("Inception-ResNet", inception_resnet), "convmixer": ("ConvMixer", convmixer),
    "convnext_v2": ("ConvNeXt V2", convnext_v2),
}

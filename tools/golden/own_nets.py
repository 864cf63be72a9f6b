"""Nets of families that neither torchvision nor timm has, written here from their papers: narrow and shallow, but with every
kind of block."""
from torch import nn

CLASSES = 10


class FaceBlock(nn.Module):
    """Norm, 3x3, norm, learned slopes, 3x3, norm; what enters is added."""

    def __init__(self, i, o, stride):
        super().__init__()
        self.main = nn.Sequential(nn.BatchNorm2d(i), nn.Conv2d(i, o, 3, 1, 1, bias=False), nn.BatchNorm2d(o), nn.PReLU(o),
                                  nn.Conv2d(o, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o))
        self.short = nn.Sequential(nn.Conv2d(i, o, 1, stride, bias=False), nn.BatchNorm2d(o))

    def forward(self, x):
        return self.main(x) + self.short(x)


def iresnet():
    """For faces (Deng et al. 2019, ArcFace): no pool at the end."""
    return nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.PReLU(16), FaceBlock(16, 24, 2),
                         FaceBlock(24, 48, 2), FaceBlock(48, 64, 2), nn.BatchNorm2d(64), nn.Flatten(), nn.Linear(64 * 16, CLASSES))


NETS = {"iresnet": ("IResNet", iresnet, 32)}

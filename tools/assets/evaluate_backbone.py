# evaluate_backbone.py: what the bundled backbone is worth on the bundled photographs.
# One idea: the same net, the same data and the same recipe, from pretrained and from random
# weights: a linear probe on pooled features, and a full fine-tune. Prints test accuracy and
# macro-F1 for each seed, their mean and spread. The figures of assets/README.md come from here.
# Weights are read back from the ONNX file, so that the file is what is judged.
import argparse
import os

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from small_net import FEATURES, INPUT, SmallNet, normalise


def load_split(root, split):
    """u8 (N, INPUT, INPUT, 3), stretched as hone does (bilinear, antialias), and labels."""
    classes = sorted(os.listdir(os.path.join(root, split)))
    images, labels = [], []
    for k, name in enumerate(classes):
        folder = os.path.join(root, split, name)
        for file in sorted(os.listdir(folder)):
            picture = Image.open(os.path.join(folder, file)).convert("RGB")
            images.append(np.asarray(picture.resize((INPUT, INPUT), Image.BILINEAR)))
            labels.append(k)
    return torch.from_numpy(np.stack(images)), torch.tensor(labels), classes


def make_net(path):
    """A SmallNet, with the ONNX file's weights unless path is None."""
    net = SmallNet()
    if path:
        import onnx
        from onnx import numpy_helper
        found = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy())
                 for t in onnx.load(path).graph.initializer}
        state = {k: found.get(k, v) for k, v in net.state_dict().items()}
        missing = [k for k in state if k not in found and not k.endswith("num_batches_tracked")]
        if missing:
            raise SystemExit(f"{path}: not a SmallNet, no {missing[0]}")
        net.load_state_dict(state)
    return net.to(memory_format=torch.channels_last)


def scores(predicted, labels, count):
    """Accuracy and macro-F1."""
    f1 = []
    for k in range(count):
        hit = ((predicted == k) & (labels == k)).sum().item()
        wrong = ((predicted == k) ^ (labels == k)).sum().item()
        f1.append(2 * hit / max(1, 2 * hit + wrong))
    return (predicted == labels).float().mean().item(), float(np.mean(f1))


@torch.no_grad()
def run(net, images):
    net.eval()
    return torch.cat([net(normalise(images[i:i + 64])) for i in range(0, len(images), 64)])


def probe(net, data, seed):
    """A linear classifier on frozen, standardised features: AdamW, 300 full-batch steps."""
    torch.manual_seed(seed)
    x, y, tx, ty, count = data
    train, test = run(net, x), run(net, tx)
    mean, std = train.mean(0), train.std(0) + 1e-5
    train, test = (train - mean) / std, (test - mean) / std
    head = nn.Linear(FEATURES, count)
    optimiser = torch.optim.AdamW(head.parameters(), lr=5e-3, weight_decay=0.1)
    for _ in range(300):
        loss = functional.cross_entropy(head(train), y, label_smoothing=0.05)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return scores(head(test).argmax(1), ty, count)


def fine_tune(net, data, seed, epochs, lr):
    """All weights, AdamW, batch 16, flips, a cosine from lr to 0."""
    torch.manual_seed(seed)
    x, y, tx, ty, count = data
    model = nn.Sequential(net, nn.Linear(FEATURES, count))
    nn.init.normal_(model[1].weight, std=0.01)
    optimiser = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=0.02)
    batches = len(x) // 16
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs * batches)
    for _ in range(epochs):
        model.train()
        for pick in torch.randperm(len(x))[:batches * 16].view(batches, 16):
            batch = x[pick]
            flip = torch.rand(16, 2) < 0.5
            batch = torch.where(flip[:, 0, None, None, None], batch.flip(1), batch)
            batch = torch.where(flip[:, 1, None, None, None], batch.flip(2), batch)
            loss = functional.cross_entropy(model(normalise(batch)), y[pick], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return scores(run(model, tx).argmax(1), ty, count)


def main():
    parser = argparse.ArgumentParser(description="Pretrained against random weights.")
    parser.add_argument("--data", default="assets/surfaces")
    parser.add_argument("--backbone", default="assets/backbone/hone_small.onnx")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=["probe", "tune"])
    parser.add_argument("--split", default="test", help="the split that is judged")
    args = parser.parse_args()
    torch.set_num_threads(1)
    x, y, classes = load_split(args.data, "train")
    tx, ty, _ = load_split(args.data, args.split)
    data = (x, y, tx, ty, len(classes))
    print(f"{len(x)} train, {len(tx)} {args.split} pictures, classes {', '.join(classes)}")
    for kind in ("probe", "tune"):
        for label, path in (("pretrained", args.backbone), ("random", None)):
            if args.only not in (None, kind):
                continue
            got = []
            for seed in range(args.seeds):
                torch.manual_seed(100 + seed)
                net = make_net(path)
                got.append(probe(net, data, seed) if kind == "probe" else
                           fine_tune(net, data, seed, args.epochs, args.lr))
                print(f"{kind} {label} seed {seed}: accuracy {got[-1][0]:.3f} "
                      f"macro-F1 {got[-1][1]:.3f}", flush=True)
            mean, spread = np.mean(got, axis=0), np.std(got, axis=0)
            print(f"{kind} {label}: accuracy {mean[0]:.3f} +- {spread[0]:.3f} "
                  f"macro-F1 {mean[1]:.3f} +- {spread[1]:.3f}", flush=True)


if __name__ == "__main__":
    main()

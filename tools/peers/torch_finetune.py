#!/usr/bin/env python3
"""torch_finetune: PyTorch doing what `hone train` does by default on a CPU, on one split: the classifier alone on mean
and maximum of the last three resolutions, averaged over a picture's four mirrored copies, to convergence (ridge, weights
1 / pictures), then the layers of the last resolution from there (--freeze none: all), by AdamW, layer-wise rates, cosine
with warm-up, weights 1 / sqrt(pictures), norms that keep their statistics, a mirrored copy drawn in each step, an average
of the weights; judged on the four copies after each epoch.

    python3 tools/peers/torch_finetune.py BACKBONE.onnx DATA TRAIN_LIST TEST_LIST [--epochs 8] [--size 224]

BACKBONE is a convolutional net that ends in features: Conv, BatchNormalization, Relu, Clip, Add, GlobalAveragePool.
Lists are path<TAB>class, relative to DATA. Prints a JSON line for the classifier alone and one for each epoch: macro-F1
and top-1 of the test list, seconds. With --answers FILE the answers of the last line go there (picture, truth, said),
to be pooled over folds. Needs torch, onnx and PIL.
"""
import argparse
import json
import os
import time

import onnx  # before torch: with some versions the other order finds the wrong protobuf
from onnx import numpy_helper
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

MEAN, STD = torch.tensor([.485, .456, .406]), torch.tensor([.229, .224, .225])


class Net(torch.nn.Module):
    """The graph of the file, up to its pooling; forward gives the features of the classifier."""

    def __init__(self, path, size):
        super().__init__()
        graph = onnx.load(path).graph
        weights = {i.name: torch.from_numpy(numpy_helper.to_array(i).copy()) for i in graph.initializer}
        self.input, self.nodes, self.first = graph.input[0].name, [], 0
        self.parts = torch.nn.ModuleList()
        for node in graph.node:
            if node.op_type in ("GlobalAveragePool", "ReduceMean"):
                break
            attrs = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            part = torch.nn.Module()
            if node.op_type == "Conv":
                part.weight = torch.nn.Parameter(weights[node.input[1]])
                if len(node.input) > 2:
                    part.bias = torch.nn.Parameter(weights[node.input[2]])
            elif node.op_type == "BatchNormalization":
                part = torch.nn.BatchNorm2d(len(weights[node.input[1]]), attrs.get("epsilon", 1e-5))
                for name, key in zip(("weight", "bias", "running_mean", "running_var"), node.input[1:]):
                    getattr(part, name).data.copy_(weights[key])
            elif node.op_type not in ("Relu", "Clip", "Add"):
                raise ValueError(f"{node.op_type} is not known here")
            self.parts.append(part)
            self.nodes.append((node.op_type, list(node.input), node.output[0], attrs))
        with torch.no_grad():
            self.stages = self.find_stages(self.maps(torch.zeros(1, 3, size, size)))

    def maps(self, x, keep=None):
        values, trains = {self.input: x}, torch.is_grad_enabled()
        last = {name: k for k, (_, inputs, _, _) in enumerate(self.nodes) for name in inputs}
        for k, ((kind, inputs, output, attrs), part) in enumerate(zip(self.nodes, self.parts)):
            a = values[inputs[0]]
            torch.set_grad_enabled(trains and k >= self.first)
            if kind == "Conv":
                pads = attrs.get("pads", [0] * 4)
                a = F.pad(a, (pads[1], pads[3], pads[0], pads[2])) if pads[:2] != pads[2:] else a
                values[output] = F.conv2d(a, part.weight, getattr(part, "bias", None), attrs.get("strides", [1, 1]),
                                          pads[:2] if pads[:2] == pads[2:] else 0, attrs.get("dilations", [1, 1]),
                                          attrs.get("group", 1))
            elif kind == "BatchNormalization":
                values[output] = part(a)
            elif kind == "Add":
                values[output] = a + values[inputs[1]]
            else:
                values[output] = F.relu(a) if kind == "Relu" else F.relu6(a)
            for name in inputs:  # what nothing reads any more
                if keep is not None and last.get(name) == k and name not in keep:
                    values.pop(name, None)
        torch.set_grad_enabled(trains)
        return values

    def freeze(self):
        """What lies in front of the last resolution keeps its weights."""
        self.first = 1 + [output for _, _, output, _ in self.nodes].index(self.stages[-2])

    def find_stages(self, values):
        """As src/model/stages.c: the last map, and the last sum of each of the two resolutions before."""
        kinds = {output: kind for kind, _, output, _ in self.nodes}
        order = [output for _, _, output, _ in self.nodes]
        found, size = [order[-1]], values[order[-1]].shape[-1]
        for name in reversed(order):
            if values[name].shape[-1] > size:
                if len(found) == 3:
                    break
                found.append(name)
                size = values[name].shape[-1]
            elif len(found) > 1 and kinds[found[-1]] != "Add" and kinds[name] == "Add":
                found[-1] = name
        return found[::-1]

    def forward(self, x):
        values = self.maps(x, self.stages)
        return torch.cat([f(values[s].flatten(2)) for s in self.stages
                          for f in (lambda m: m.mean(2), lambda m: m.amax(2))], 1)


def read(data, path, size, classes=None):
    names, labels = zip(*(line.rstrip("\n").split("\t")[:2] for line in open(path, encoding="utf-8")
                          if line.strip() and line[0] != "#"))
    classes = classes or sorted(set(labels))
    pixels = np.stack([np.asarray(Image.open(f"{data}/{n}").convert("RGB").resize((size, size), Image.BILINEAR))
                       for n in names])
    return names, torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), \
        torch.tensor([classes.index(label) for label in labels]), classes


def normal(pixels):
    return (pixels.float() / 255 - MEAN.view(3, 1, 1)) / STD.view(3, 1, 1)


@torch.no_grad()
def features(net, pixels, views=1):
    net.eval()
    out = []
    for batch in pixels.split(16):
        x = normal(batch)
        flips = [[], [3], [2], [2, 3]][:views]
        out.append(sum(net(x.flip(axes) if axes else x) for axes in flips) / views)
    return torch.cat(out)


def class_weights(labels, power, classes):
    counts = torch.bincount(labels, minlength=classes).float()
    weights = counts.clamp(min=1) ** -power
    return weights * counts.sum() / (weights * counts).sum()


def probe(x, labels, classes, l2):
    mean, std = x.mean(0), x.std(0, unbiased=False) + 1e-6
    z, weights = (x - mean) / std, class_weights(labels, 1, classes)
    w, b = torch.zeros(x.shape[1], classes, requires_grad=True), torch.zeros(classes, requires_grad=True)
    solver = torch.optim.LBFGS([w, b], max_iter=300, tolerance_grad=1e-5, line_search_fn="strong_wolfe")

    def closure():
        solver.zero_grad()
        loss = F.cross_entropy(z @ w + b, labels, weights) + l2 / 2 * (w * w).sum()
        loss.backward()
        return loss

    solver.step(closure)
    w = w.detach() / std[:, None]
    return w.t().contiguous(), b.detach() - mean @ w


def judge(scores, labels, classes):
    said = scores.argmax(1)
    table = torch.zeros(classes, classes)
    table.index_put_((labels, said), torch.ones(len(labels)), accumulate=True)
    f1 = 2 * table.diag() / (table.sum(0) + table.sum(1)).clamp(min=1)
    return {"macro_f1": round(f1.mean().item(), 4), "top1": round((said == labels).float().mean().item(), 4)}, said


def groups(net, head, args):
    """Parameters with their rates: from --first-lr at the first layer to 1 at the last, in equal ratios."""
    layers = [k for k, (kind, _, _, _) in enumerate(net.nodes) if kind == "Conv"]
    out = []
    for k, part in enumerate(net.parts):
        if k < net.first:
            continue
        layer = max(sum(at <= k for at in layers) - 1, 0)
        rate = args.first_lr ** (1 - layer / max(len(layers) - 1, 1))
        for p in part.parameters(recurse=False):
            out.append({"params": [p], "scale": rate, "weight_decay": args.weight_decay if p.dim() > 1 else 0})
    out.append({"params": [head.weight], "scale": 1, "weight_decay": args.weight_decay})
    out.append({"params": [head.bias], "scale": 1, "weight_decay": 0})
    return out


def epoch_of(net, head, average, optimizer, train, state, args):
    _, pixels, labels, classes = train
    net.train(args.norms == "batch")
    weights = class_weights(labels, .5, len(classes))
    order = torch.randperm(len(labels), generator=state["rng"])
    steps = (len(labels) + args.batch - 1) // args.batch
    total, rise = steps * args.epochs, int(.05 * steps * args.epochs)
    for rows in order.split(args.batch):
        k = state["step"]
        rate = args.lr * ((k + 1) / (rise + 1) if k < rise
                          else .5 * (1 + np.cos(np.pi * (k - rise) / max(total - rise, 1))))
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        x = normal(pixels[rows])
        for axis in (2, 3):
            flip = torch.rand(len(rows), generator=state["rng"]) < .5
            x[flip] = x[flip].flip(axis)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(head(net(x)), labels[rows], weights, label_smoothing=args.label_smoothing).backward()
        optimizer.step()
        state["step"] += 1
        decay = min(1 - 1 / steps, state["step"] / (state["step"] + 9))
        with torch.no_grad():
            for mean, p in average:
                mean.lerp_(p, 1 - decay)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backbone")
    parser.add_argument("data")
    parser.add_argument("train")
    parser.add_argument("test")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--freeze", choices=["auto", "none"], default="auto")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--first-lr", type=float, default=.2)
    parser.add_argument("--weight-decay", type=float, default=.01)
    parser.add_argument("--l2", type=float, default=.03)
    parser.add_argument("--label-smoothing", type=float, default=0)
    parser.add_argument("--norms", choices=["frozen", "batch"], default="frozen")
    parser.add_argument("--views", type=int, default=4, help="mirrored copies whose features are averaged: 1, 2 or 4")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--answers", metavar="FILE")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    train = read(args.data, args.train, args.size)
    test = read(args.data, args.test, args.size, train[3])
    net, count = Net(args.backbone, args.size), len(train[3])
    start = time.time()
    said = None

    def show(epoch, head):
        nonlocal said
        line, said = judge(head(features(net, test[1], args.views)), test[2], count)
        if epoch == 0:
            line |= {"features_pictures": len(train[2]), "features_seconds": round(passed, 2)}
        print(json.dumps({"epoch": epoch, **line, "seconds": round(time.time() - start, 1)}), flush=True)

    if args.freeze == "auto":
        net.freeze()
    x = features(net, train[1], args.views)
    passed = time.time() - start
    weight, bias = probe(x, train[2], count, args.l2)
    head = torch.nn.Linear(weight.shape[1], count)
    head.weight.data.copy_(weight)
    head.bias.data.copy_(bias)
    with torch.no_grad():
        show(0, head)
    parameters = [*(p for part in list(net.parts)[net.first:] for p in part.parameters()), *head.parameters()]
    average = [p.detach().clone() for p in parameters]
    optimizer = torch.optim.AdamW(groups(net, head, args), lr=args.lr)
    state = {"step": 0, "rng": torch.Generator().manual_seed(args.seed)}
    for epoch in range(1, args.epochs + 1):
        epoch_of(net, head, list(zip(average, parameters)), optimizer, train, state, args)
        now = [p.detach().clone() for p in parameters]
        with torch.no_grad():
            for p, mean in zip(parameters, average):
                p.copy_(mean)
            show(epoch, head)
            for p, value in zip(parameters, now):
                p.copy_(value)
    if args.answers:
        with open(args.answers, "w", encoding="utf-8") as file:
            for name, truth, answer in zip(test[0], test[2], said):
                file.write(f"{name}\t{train[3][truth]}\t{train[3][answer]}\n")


if __name__ == "__main__":
    main()

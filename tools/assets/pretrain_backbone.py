# pretrain_backbone.py: pretrains the bundled backbone on formula images and exports it to ONNX.
# One idea: from a generated picture the net must tell, cell by cell on three of its feature maps,
# what kind of mark lies there, if any, and from the pooled features the texture and the mark; these
# heads are thrown away. The cells are the teacher that counts: labels of whole pictures alone
# taught the net almost nothing in the time that one CPU core has.
# A checkpoint an epoch, so that a cut run goes on where it stood.
import argparse
import os
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import formula_images
import formula_marks
import formula_textures
from small_net import FEATURES, INPUT, MEAN, STD, SmallNet, normalise

HELD_OUT = 1000
KINDS = (len(formula_textures.FAMILIES), formula_marks.KINDS)
LOSS_WEIGHTS = (0.2, 0.3, 0.3, 1.0, 1.0, 2.0, 3.0)
CLASSES = (formula_images.TEXTURES, formula_images.MARKS)
# Where the trunk is tapped for the maps: blocks before, and channels; strides 8, 16 and 32.
TAPS = ((0, 8, 24), (8, 13, 80), (13, None, FEATURES))


class Pretrainer(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = SmallNet()
        self.labels = nn.ModuleList(nn.Linear(FEATURES, c) for c in CLASSES + KINDS)
        self.maps = nn.ModuleList(nn.Conv2d(c, KINDS[1], 1) for _, _, c in TAPS)

    def forward(self, x):
        """Logits (texture, mark, texture kind, mark kind), and maps of mark kinds."""
        maps = []
        for (first, last, _), head in zip(TAPS, self.maps):
            x = self.net.trunk[first:last](x)
            maps.append(head(x))
        pooled = torch.flatten(self.net.pool(x), 1)
        return [head(pooled) for head in self.labels], maps


def targets(labels):
    """(N, 2) texture and mark classes to (N, 4): the same and their coarse kinds."""
    kind = np.array([formula_marks.kind_of(m) for m in range(formula_images.MARKS)])
    return np.stack([labels[:, 0], labels[:, 1], labels[:, 0] % KINDS[0], kind[labels[:, 1]]], 1)


def loss_of(outs, maps, target, cover):
    """Cross-entropies of labels and map cells, weighted; a mark outside the crop is no mark.
    Returns the loss and its parts (texture, mark, their kinds, maps)."""
    seen = (cover.amax((1, 2, 3)) > 0.3).long()
    target = target * torch.stack([torch.ones_like(seen), seen, torch.ones_like(seen), seen], 1)
    weights = torch.tensor([1.0] + [2.0] * (KINDS[1] - 1))
    parts = [functional.cross_entropy(o, target[:, k]) for k, o in enumerate(outs)]
    for m in maps:
        covered = functional.adaptive_max_pool2d(cover, m.shape[2:])[:, 0] > 0.3
        parts.append(functional.cross_entropy(m, covered * target[:, 3, None, None], weights))
    loss = sum(w * p for w, p in zip(LOSS_WEIGHTS, parts))
    return loss, np.array([p.item() for p in parts])


def augment(u8, size, rng):
    """u8 (N, H, H, 4) to pictures at `size` and coverage (N, 1, H', H'): one crop, turn and flip a
    batch, light a picture. Crops keep the scale within 15 %: thin marks die when shrunk."""
    n, h = u8.shape[0], u8.shape[1]
    crop = min(h, int(size * rng.uniform(0.85, 1.15)))
    y, x = rng.integers(0, h - crop + 1, 2)
    u8 = torch.rot90(u8[:, y:y + crop, x:x + crop], int(rng.integers(4)), (1, 2))
    if rng.random() < 0.5:
        u8 = u8.flip(2)
    cover = u8[..., 3].unsqueeze(1).float() / 255.0
    out = normalise(u8[..., torch.from_numpy(rng.permutation(3))])
    if crop != size:
        out = functional.interpolate(out, (size, size), mode="bilinear", align_corners=False)
    gain = torch.from_numpy(rng.uniform(0.7, 1.3, (n, 1, 1, 1)).astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-0.3, 0.3, (n, 1, 1, 1)).astype(np.float32))
    return (out * gain + shift).contiguous(memory_format=torch.channels_last), cover


def size_of(epoch, epochs):
    """Small crops first (cheap), the real input size at the end."""
    part = epoch / epochs
    return 64 if part < 0.4 else 96 if part < 0.75 else INPUT


def train_epoch(model, optimiser, images, labels, epoch, args):
    rng = np.random.default_rng([args.seed, epoch])
    order = rng.permutation(len(images) - HELD_OUT)
    steps = len(order) // args.batch
    size, begin, shown = size_of(epoch, args.epochs), time.time(), 0.0
    model.train()
    for step in range(steps):
        part = (epoch + step / steps) / args.epochs
        warm = min(1.0, (epoch * steps + step + 1) / 200)
        for group in optimiser.param_groups:
            group["lr"] = args.lr * warm * 0.5 * (1 + np.cos(np.pi * part))
        pick = np.sort(order[step * args.batch:(step + 1) * args.batch])
        x, cover = augment(torch.from_numpy(images[pick]), size, rng)
        loss, parts = loss_of(*model(x), torch.from_numpy(labels[pick]), cover)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        shown = shown + parts
        if step % 100 == 99:
            rate = (step + 1) * args.batch / (time.time() - begin)
            print(f"epoch {epoch} step {step + 1}/{steps} losses",
                  " ".join(f"{p:.3f}" for p in shown / 100), f"{rate:.0f} img/s", flush=True)
            shown = 0.0


@torch.no_grad()
def held_out_accuracy(model, images, labels):
    """Accuracy of the four label heads on the last HELD_OUT pictures, never trained on."""
    model.eval()
    hits = np.zeros(labels.shape[1])
    for i in range(len(images) - HELD_OUT, len(images), 100):
        u8 = torch.from_numpy(np.ascontiguousarray(images[i:i + 100, :, :, :3]))
        outs, _ = model(normalise(u8))
        for k, o in enumerate(outs):
            hits[k] += (o.argmax(1).numpy() == labels[i:i + 100, k]).sum()
    return hits / HELD_OUT


def export(net, path):
    """Writes the ONNX file: opset 13, any batch, BatchNormalization as nodes of its own."""
    import onnx
    net = net.eval().to(memory_format=torch.contiguous_format)
    # PRESERVE on a net in eval mode: batch norm keeps its statistics and is not folded into Conv.
    torch.onnx.export(net, torch.zeros(1, 3, INPUT, INPUT), path, opset_version=13,
                      training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
                      input_names=["image"], output_names=["features"],
                      dynamic_axes={"image": {0: "N"}, "features": {0: "N"}})
    model = onnx.load(path)
    model.producer_name, model.producer_version = "hone tools/assets/pretrain_backbone.py", "1"
    model.doc_string = "hone_small: a small MobileNetV2 pretrained on formula-generated images."
    notes = {"licence": "Apache-2.0", "input_size": str(INPUT), "channel_order": "RGB",
             "preprocess": "imagenet", "preprocess_scale": "1/255",
             "preprocess_mean": ",".join(map(str, MEAN)), "preprocess_std": ",".join(map(str, STD)),
             "resize": "stretch,bilinear,antialias",
             "pretraining": "formula images, no photographs"}
    onnx.helper.set_model_props(model, notes)
    onnx.checker.check_model(model, full_check=True)
    kinds = [node.op_type for node in model.graph.node]
    if kinds.count("BatchNormalization") != kinds.count("Conv"):
        raise SystemExit("export: batch norm was folded; use another torch version")
    onnx.save(model, path)
    print(f"{path}: {os.path.getsize(path)} bytes, {len(kinds)} nodes")


def groups(model, decay):
    """Weight decay on matrices and filters only."""
    wide = [p for p in model.parameters() if p.dim() > 1]
    thin = [p for p in model.parameters() if p.dim() <= 1]
    return [{"params": wide, "weight_decay": decay}, {"params": thin, "weight_decay": 0.0}]


def main():
    parser = argparse.ArgumentParser(description="Pretrain the bundled backbone.")
    parser.add_argument("--cache", default="/tmp/hone_formula", help="folder of generated pictures")
    parser.add_argument("--count", type=int, default=30000, help="pictures to generate")
    parser.add_argument("--epochs", type=int, default=11)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--checkpoint", default="/tmp/hone_formula/checkpoint.pt")
    parser.add_argument("--export-only", action="store_true", help="export the checkpoint as it is")
    parser.add_argument("--out", default="assets/backbone/hone_small.onnx")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    if not os.path.exists(os.path.join(args.cache, "labels.npy")):
        formula_images.make_cache(args.cache, INPUT, args.count, args.threads)
    images = np.load(os.path.join(args.cache, "images.npy"), mmap_mode="r")
    labels = targets(np.load(os.path.join(args.cache, "labels.npy")))
    model = Pretrainer().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(groups(model, 0.05), lr=args.lr)
    first = 0
    if os.path.exists(args.checkpoint):
        state = torch.load(args.checkpoint)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        first = state["epoch"]
    for epoch in range(first, 0 if args.export_only else args.epochs):
        train_epoch(model, optimiser, images, labels, epoch, args)
        got = " ".join(f"{a:.3f}" for a in held_out_accuracy(model, images, labels))
        print(f"epoch {epoch}: held-out texture, mark, their kinds: {got}", flush=True)
        torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(),
                    "epoch": epoch + 1}, args.checkpoint + ".tmp")
        os.replace(args.checkpoint + ".tmp", args.checkpoint)
    os.makedirs(os.path.dirname(args.out), exist_ok=True)
    export(model.net, args.out)


if __name__ == "__main__":
    main()

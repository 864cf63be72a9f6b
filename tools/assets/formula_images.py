# formula_images.py: pictures generated from formulas, with labels, to pretrain a backbone on.
# One idea: a picture is a mark (class A) on a texture (class B) seen through a random "camera"
# (colours, light, relief, blur, noise); telling A and B apart whatever the camera asks of a net the
# features that surface inspection needs, and no photograph, and no picture of the bundled set, is
# ever seen. Textures and marks are in formula_textures.py and formula_marks.py.
import argparse
import multiprocessing
import os

import numpy as np
from PIL import Image

import fields
import formula_marks
import formula_textures

SEED = 20
TEXTURES = 48
MARKS = 61


def palette(rng, levels):
    """Maps a field in 0..1 through 2 to 4 random colours, usually near-grey: (n, n, 3)."""
    count = int(rng.integers(2, 4))
    grey = rng.uniform(0.05, 0.95, (count, 1)).repeat(3, axis=1)
    colour = np.clip(grey + rng.standard_normal((count, 3)) * rng.choice([0.02, 0.08, 0.3]), 0, 1)
    stops = np.linspace(0, 1, count)
    return np.stack([np.interp(levels, stops, colour[:, c]) for c in range(3)], -1)


def meet(rng, picture, mask, n):
    """Lays a mark on the picture: paint, darken, lighten, other texture, or relief."""
    mode = rng.integers(5)
    strength = rng.uniform(0.35, 1.0)
    m = (mask * strength)[:, :, None]
    if mode == 0:
        return picture * (1 - m) + m * rng.uniform(0, 1, 3)
    if mode == 1:
        return picture * (1 - 0.8 * m)
    if mode == 2:
        return picture + (1 - picture) * 0.8 * m
    if mode == 3:
        other = palette(rng, fields.unit(fields.power_noise(rng, n, rng.uniform(0.3, 1.5))))
        return picture * (1 - m) + m * other
    height = fields.blur(mask, rng.uniform(0.4, 1.2))
    shade = fields.relief(height, rng.uniform(0, 6.28), rng.uniform(0.8, 2.5))
    return picture * (shade * (1 - 0.3 * mask * rng.random()))[:, :, None]


def camera(rng, picture, n):
    """Light gradient, blur, sensor noise, exposure; returns u8."""
    if rng.random() < 0.6:
        u, _ = fields.grid(n, rng.uniform(0, 6.28))
        picture = picture * (1 + rng.uniform(0, 0.35) * u)[:, :, None]
    picture = fields.blur(picture, rng.choice([0.0, 0.3, 0.6, 1.0]))
    picture = picture * rng.uniform(0.7, 1.25) + rng.uniform(-0.1, 0.1)
    noise = rng.standard_normal((n, n, 1)) + 0.4 * rng.standard_normal((n, n, 3))
    picture = picture + noise * rng.choice([0.0, 0.01, 0.03])
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def make_image(textures, marks, index, n):
    """Picture number `index`: u8 (n, n, 4) of RGB and mark coverage, texture and mark class."""
    rng = np.random.default_rng([SEED, 3, index])
    texture = int(rng.integers(len(textures)))
    mark = 0 if rng.random() < 0.1 else int(rng.integers(1, len(marks)))
    field = formula_textures.draw(textures[texture], rng, n)
    # Textures of low contrast are as common as strong ones: a mark may be all there is to see.
    field = 0.5 + (field - 0.5) * rng.uniform(0.25, 1.0) + rng.uniform(-0.15, 0.15)
    picture = palette(rng, np.clip(field, 0, 1))
    if rng.random() < 0.4:
        shade = fields.relief(fields.blur(field, 0.7), rng.uniform(0, 6.28), rng.uniform(0.5, 2))
        picture = picture * np.clip(shade, 0.3, 2)[:, :, None]
    mask = np.clip(marks[mark](rng, n), 0, 1)
    if mark:
        picture = meet(rng, picture, mask, n)
    cover = (mask * 255 + 0.5).astype(np.uint8)
    return np.dstack([camera(rng, picture, n), cover]), texture, mark


def fill(job):
    """Writes pictures first..last of the cache (memory-mapped files) from one process."""
    folder, n, first, last = job
    textures = formula_textures.make_classes(SEED, TEXTURES)
    marks = formula_marks.make_classes(SEED, MARKS)
    images = np.lib.format.open_memmap(os.path.join(folder, "images.npy"), mode="r+")
    labels = np.lib.format.open_memmap(os.path.join(folder, "labels.npy"), mode="r+")
    for i in range(first, last):
        images[i], labels[i, 0], labels[i, 1] = make_image(textures, marks, i, n)
    return last - first


def make_cache(folder, n, total, workers):
    """Generates `total` pictures into folder/images.npy (u8 NHW4: RGB, mark coverage) and
    labels.npy (texture, mark)."""
    os.makedirs(folder, exist_ok=True)
    shape = (total, n, n, 4)
    np.lib.format.open_memmap(os.path.join(folder, "images.npy"), "w+", np.uint8, shape)
    np.lib.format.open_memmap(os.path.join(folder, "labels.npy"), "w+", np.int64, (total, 2))
    jobs = [(folder, n, i, min(i + 500, total)) for i in range(0, total, 500)]
    with multiprocessing.Pool(workers) as pool:
        for k, _ in enumerate(pool.imap_unordered(fill, jobs)):
            print(f"formula images: {(k + 1) * 500} of {total}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Generate labelled formula images.")
    parser.add_argument("folder", help="where images.npy and labels.npy go, or a sheet.png")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--count", type=int, default=30000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sheet", action="store_true", help="write a contact sheet of 96 instead")
    args = parser.parse_args()
    if not args.sheet:
        make_cache(args.folder, args.size, args.count, args.workers)
        return
    textures = formula_textures.make_classes(SEED, TEXTURES)
    marks = formula_marks.make_classes(SEED, MARKS)
    rows = [[make_image(textures, marks, y * 12 + x, args.size)[0][..., :3] for x in range(12)]
            for y in range(8)]
    Image.fromarray(np.concatenate([np.concatenate(r, 1) for r in rows], 0)).save(args.folder)


if __name__ == "__main__":
    main()

# make_surfaces.py: generates the bundled photographs of surfaces, sound and defective.
# One idea: picture (split, class, number) is a pure function of a seed: a material, harmless things
# on it, perhaps one defect, then light and camera. Writes DIR/{train,val,test}/<class>/NNNN.jpg.
# Materials are in surface_materials.py, defects in surface_defects.py.
import argparse
import os

import numpy as np
from PIL import Image

import fields
import surface_defects
import surface_materials

SEED = 2024
SIZE = 144
QUALITY = 90
CLASSES = ["good", "scratch", "pit", "stain", "crack"]
SPLITS = {"train": 60, "val": 12, "test": 36}


def photograph(rng, albedo, height):
    """Light and camera: oblique lamp, fall-off, white balance, focus, shot noise. Returns u8."""
    n = albedo.shape[0]
    lamp = rng.uniform(0, 2 * np.pi)
    shade = fields.relief(fields.blur(height, 0.4), lamp, rng.uniform(0.10, 0.28))
    u, v = fields.grid(n, lamp)
    fall = 1.0 + rng.uniform(0.0, 0.28) * u
    fall = fall * (1.0 - rng.uniform(0.0, 0.15) * (u * u + v * v))
    if rng.random() < 0.4:  # a soft reflection of the lamp
        spot = (u - rng.uniform(-0.8, 0.8)) ** 2 + (v - rng.uniform(-0.8, 0.8)) ** 2
        fall = fall + rng.uniform(0.05, 0.2) * np.exp(-spot * rng.uniform(1.0, 3.0))
    picture = albedo * (np.clip(shade, 0.35, 1.8) * fall)[:, :, None]
    picture = picture * rng.uniform(0.82, 1.18) * (1 + rng.standard_normal(3) * 0.02)
    picture = fields.blur(np.clip(picture, 0, 1.2), rng.uniform(0.25, 0.75))
    noise = 0.7 * rng.standard_normal((n, n, 1)) + 0.5 * rng.standard_normal((n, n, 3))
    level = rng.uniform(0.004, 0.016)
    picture = picture + noise * level * np.sqrt(np.clip(picture, 0.02, 1) / 0.5)
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def make_picture(split, name, number):
    """One picture; splits, classes and numbers have seeds of their own."""
    rng = np.random.default_rng([SEED, list(SPLITS).index(split), CLASSES.index(name), number])
    # Materials take turns, so that every class has each of them equally often.
    material = surface_materials.MATERIALS[number % len(surface_materials.MATERIALS)]
    # Rendered with a margin that is cut off: the noise fields wrap at their borders.
    wide = SIZE + 16
    albedo, height = material(rng, wide)
    if name != "good":
        albedo, height = surface_defects.DEFECTS[name](rng, albedo, height)
    for thing, chance in surface_defects.HARMLESS:
        if rng.random() < chance:
            albedo, height = thing(rng, albedo, height)
    return photograph(rng, albedo, height)[8:-8, 8:-8]


def main():
    parser = argparse.ArgumentParser(description="Generate the bundled surface photographs.")
    parser.add_argument("folder", nargs="?", default="assets/surfaces")
    parser.add_argument("--sheet", help="write a contact sheet of training pictures to this file")
    args = parser.parse_args()
    if args.sheet:
        rows = [[make_picture("train", c, i) for i in range(12)] for c in CLASSES]
        rows += [[make_picture("train", c, i) for i in range(12, 24)] for c in CLASSES]
        Image.fromarray(np.concatenate([np.concatenate(r, 1) for r in rows], 0)).save(args.sheet)
        return
    total = size = 0
    for split, count in SPLITS.items():
        for name in CLASSES:
            folder = os.path.join(args.folder, split, name)
            os.makedirs(folder, exist_ok=True)
            for number in range(count):
                path = os.path.join(folder, f"{number:04d}.jpg")
                Image.fromarray(make_picture(split, name, number)).save(path, quality=QUALITY)
                total, size = total + 1, size + os.path.getsize(path)
    print(f"{args.folder}: {total} pictures, {size} bytes")


if __name__ == "__main__":
    main()

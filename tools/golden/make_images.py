#!/usr/bin/python3
"""Writes tests/golden/data/images: small pictures of every format that hone reads, what Pillow (or, where
Pillow is wrong for it, numpy) makes of them, and Pillow's resizes. Run once; the files are kept.

decode.txt: file, width, height, kind (exact: equal; jpeg: equal with libjpeg) -> FILE.rgb
resize.txt: source file, width, height, filter -> SOURCE-WxH-FILTER.rgb
"""
import os
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

OUT = os.path.join(os.path.dirname(__file__), "../../tests/golden/data/images")
W, H = 37, 23


def scene():
    """Gradients, an edge and some noise: each filter tap and chroma sample matters."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:H, 0:W]
    rgb = np.stack([x * 255 / (W - 1), y * 255 / (H - 1), 255 - (x + y) * 255 / (W + H - 2)], -1)
    rgb[5:15, 10:20] = (250, 20, 30)
    return np.clip(rgb + rng.integers(-25, 26, rgb.shape), 0, 255).astype(np.uint8)


def png16(path, samples):
    """Pillow writes no 16-bit colour: rows with filter 0, one IDAT."""
    height, width, channels = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    kind = {1: 0, 3: 2}[channels]

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows))
                + chunk(b"IEND", b""))


def main():
    os.makedirs(OUT, exist_ok=True)
    rgb = scene()
    image = Image.fromarray(rgb)
    grey = image.convert("L")
    rgba = image.copy()
    rgba.putalpha(Image.fromarray((rgb[..., 0] // 2 + 40).astype(np.uint8)))
    decode = []

    def add(name, expected, kind="exact"):
        expected = np.ascontiguousarray(expected)
        if expected.ndim == 2:
            expected = np.repeat(expected[..., None], 3, -1)
        expected.astype(np.uint8).tofile(os.path.join(OUT, name + ".rgb"))
        decode.append(f"{name} {expected.shape[1]} {expected.shape[0]} {kind}")

    def save(name, picture, kind="exact", **options):
        path = os.path.join(OUT, name)
        picture.save(path, **options)
        add(name, np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")), kind)

    save("rgb.png", image)
    save("rgba.png", rgba)
    save("grey.png", grey)
    save("grey_alpha.png", rgba.convert("LA"))
    save("palette.png", image.quantize(17))
    save("bit.png", grey.convert("1"))
    save("rgb.bmp", image)
    save("grey.bmp", grey)
    save("rgb.tga", image)
    save("rle.tga", image, compression="tga_rle")
    save("grey.pgm", grey)
    save("rgb.ppm", image)
    save("rgb.jpg", image, "jpeg", quality=90)
    save("progressive.jpg", image, "jpeg", quality=80, progressive=True)
    save("full_chroma.jpg", image, "jpeg", quality=90, subsampling=0)
    save("grey.jpg", grey, "jpeg", quality=90)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        save(f"turn{orientation}.jpg", image, "jpeg", quality=90, exif=exif.tobytes())

    wide = rgb.astype(np.uint16) * 257 ^ 0x5A
    png16(os.path.join(OUT, "rgb16.png"), wide)
    add("rgb16.png", wide >> 8)
    png16(os.path.join(OUT, "grey16.png"), wide[..., :1])
    add("grey16.png", wide[..., 0] >> 8)
    twelve = rgb[..., 0].astype(np.uint32) * 4095 // 255
    for name, most, samples in (("grey12.pgm", 4095, twelve), ("grey16.pgm", 65535, wide[..., 0].astype(np.uint32))):
        with open(os.path.join(OUT, name), "wb") as f:
            f.write(f"P5\n# a comment\n{W} {H}\n{most}\n".encode() + samples.astype(">u2").tobytes())
        add(name, (samples * 255 + most // 2) // most)
    with open(os.path.join(OUT, "plain.ppm"), "w") as f:
        f.write(f"P3 {W} {H} 255\n" + "\n".join(" ".join(map(str, row)) for row in rgb.reshape(H, -1)) + "\n")
    add("plain.ppm", rgb)

    resize = []
    for width, height in ((16, 16), (37, 9), (11, 23), (50, 41), (1, 1), (80, 5), (36, 22)):
        for name, filter in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
            small = image.resize((width, height), filter)
            np.asarray(small).tofile(os.path.join(OUT, f"rgb.png-{width}x{height}-{name}.rgb"))
            resize.append(f"rgb.png {width} {height} {name}")
    for name, rows in (("decode.txt", decode), ("resize.txt", resize)):
        with open(os.path.join(OUT, name), "w") as f:
            f.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()

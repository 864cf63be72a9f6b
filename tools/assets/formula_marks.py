# formula_marks.py: families of marks and shapes defined by formulas, for pretraining.
# One idea: a mark class is (family, parameters) drawn once from a seed: attractors of iterated
# function systems (the idea of FractalDB, Kataoka et al. 2020), random walks, branching trees,
# blobs, outlines of superformula shapes. An instance draws place, turn, size and noise.
# Returns a coverage mask in 0..1; formula_images.py decides how it meets the texture.
import numpy as np
from PIL import Image, ImageDraw

import fields


def rasterise(n, strokes):
    """Antialiased polylines: strokes are (points (k, 2) in pixels, width in pixels)."""
    s = 3
    canvas = Image.new("L", (n * s, n * s), 0)
    pen = ImageDraw.Draw(canvas)
    for points, width in strokes:
        flat = [tuple(p) for p in (points * s).tolist()]
        pen.line(flat, fill=255, width=max(1, int(round(width * s))), joint="curve")
    return np.asarray(canvas.resize((n, n), Image.BOX), np.float32) / 255.0


def polygon(n, points):
    """An antialiased filled polygon, points (k, 2) in pixels."""
    s = 3
    canvas = Image.new("L", (n * s, n * s), 0)
    ImageDraw.Draw(canvas).polygon([tuple(p) for p in (points * s).tolist()], fill=255)
    return np.asarray(canvas.resize((n, n), Image.BOX), np.float32) / 255.0


def place(r, n, points, low, high):
    """Points about the origin with radius ~1: turned, scaled to low..high of the width, placed."""
    turn, size = r.uniform(0, 2 * np.pi), r.uniform(low, high) * n / 2
    c, s = np.cos(turn), np.sin(turn)
    squash = r.uniform(0.7, 1.0)
    points = points * [1.0, squash] @ np.array([[c, s], [-s, c]]) * size
    margin = min(size * 0.7, n * 0.45)
    return points + r.uniform(margin, n - margin, 2)


def attractor(rng):
    """An iterated function system of 2 to 5 contracting affine maps, drawn by the chaos game."""
    while True:
        count = int(rng.integers(2, 6))
        maps = rng.uniform(-1, 1, (count, 2, 2))
        norms = np.linalg.norm(maps, 2, axis=(1, 2))
        maps *= (rng.uniform(0.35, 0.9, count) / norms)[:, None, None]
        shifts = rng.uniform(-1, 1, (count, 2))
        weight = np.abs(np.linalg.det(maps)) + 0.02
        cdf = np.cumsum(weight / weight.sum())
        probe = chaos(np.random.default_rng(1), maps, shifts, cdf, 300, 30)
        cells = len(np.unique(np.floor(probe * 12).astype(int), axis=0))
        if cells > 60:
            break

    def draw(r, n):
        jitter = maps * r.uniform(0.9, 1.1, maps.shape)
        points = chaos(r, jitter, shifts, cdf, 400, 26)
        pixels = np.floor(place(r, n, points, 0.35, 1.1)).astype(int)
        inside = ((pixels >= 0) & (pixels < n)).all(axis=1)
        index = pixels[inside, 1] * n + pixels[inside, 0]
        hits = np.bincount(index, minlength=n * n).reshape(n, n).astype(np.float32)
        return np.clip(fields.blur(hits, 0.5), 0, 1)
    return draw


def chaos(r, maps, shifts, cdf, chains, steps):
    """Points of many short chaos games side by side, centred, radius about 1."""
    x = r.uniform(-1, 1, (chains, 2))
    kept = []
    for step in range(steps):
        k = np.minimum(np.searchsorted(cdf, r.random(chains)), len(cdf) - 1)
        x = np.einsum("kij,kj->ki", maps[k], x) + shifts[k]
        if step >= 8:
            kept.append(x)
    points = np.concatenate(kept)
    points = points - points.mean(axis=0)
    return points / (np.quantile(np.abs(points), 0.97) + 1e-6)


def walk(r, steps, wander, turn_back=0.0):
    """A random walk with smooth heading, about the origin, longest half-extent 1."""
    heading = np.cumsum(r.standard_normal(steps) * wander) + turn_back * r.standard_normal(steps)
    points = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), axis=0)
    points = points - points.mean(axis=0)
    return points / (np.abs(points).max() + 1e-6)


def strokes(rng):
    count, wander, jag = int(rng.integers(1, 6)), rng.uniform(0, 0.35), rng.choice([0.0, 0.5, 1.2])
    width, size = rng.uniform(0.4, 3.0), rng.uniform(0.15, 0.8)
    parallel = rng.random() < 0.3

    def draw(r, n):
        base = walk(r, 24, wander, jag)
        out = []
        for _ in range(count):
            shape = base if parallel else walk(r, 24, wander, jag)
            out.append((place(r, n, shape, size * 0.7, size * 1.3), width * r.uniform(0.7, 1.3)))
        return rasterise(n, out)
    return draw


def tree(rng):
    depth, split = int(rng.integers(2, 5)), rng.uniform(0.2, 0.9)
    angle, wander, jag = rng.uniform(0.3, 1.2), rng.uniform(0.02, 0.2), rng.uniform(0.0, 0.9)
    width, size = rng.uniform(0.5, 2.2), rng.uniform(0.4, 1.0)

    def draw(r, n):
        out = []

        def grow(at, heading, length, wide, level):
            steps = max(4, int(length / 2.5))
            turns = heading + np.cumsum(r.standard_normal(steps) * wander)
            turns = turns + jag * r.standard_normal(steps)
            way = np.stack([np.cos(turns), np.sin(turns)], 1) * (length / steps)
            points = at + np.concatenate([np.zeros((1, 2)), np.cumsum(way, axis=0)])
            out.append((points, wide))
            if level == 0:
                return
            for _ in range(1 + (r.random() < split) + (r.random() < split)):
                joint = points[r.integers(steps // 3, steps + 1)]
                side = heading + angle * r.choice([-1, 1]) * r.uniform(0.6, 1.4)
                grow(joint, side, length * r.uniform(0.45, 0.75), wide * 0.8, level - 1)
        grow(r.uniform(n * 0.15, n * 0.85, 2), r.uniform(0, 6.28), size * n / 2, width, depth - 1)
        return rasterise(n, out)
    return draw


def spots(rng):
    count, size, soft = int(rng.integers(1, 14)), rng.uniform(0.015, 0.1), rng.uniform(0.3, 3.0)
    flat, cluster = rng.uniform(0.4, 1.0), rng.uniform(0.1, 0.6)

    def draw(r, n):
        u, v = np.meshgrid(np.arange(n, dtype=np.float32), np.arange(n, dtype=np.float32))
        total = np.zeros((n, n), np.float32)
        middle = r.uniform(0.2 * n, 0.8 * n, 2)
        for _ in range(count):
            x, y = middle + r.standard_normal(2) * cluster * n / 2
            turn, rad = r.uniform(0, np.pi), size * n * r.uniform(0.6, 1.5)
            a = (np.cos(turn) * (u - x) + np.sin(turn) * (v - y)) / rad
            b = (np.cos(turn) * (v - y) - np.sin(turn) * (u - x)) / (rad * flat)
            total = np.maximum(total, np.clip((1 - np.sqrt(a * a + b * b)) * soft * 2, 0, 1))
        return total
    return draw


def patches(rng):
    size, rough, edge = rng.uniform(0.12, 0.5), rng.uniform(0.1, 0.8), rng.uniform(1.5, 12)
    hollow, cells = rng.random() < 0.4, int(rng.integers(4, 16))

    def draw(r, n):
        u, v = fields.grid(n, r.uniform(0, 3.14))
        u, v = u + r.uniform(-0.6, 0.6), (v + r.uniform(-0.6, 0.6)) * r.uniform(0.8, 1.6)
        d = np.sqrt(u * u + v * v) / size + rough * fields.smooth(r, n, cells)
        inside = 1 - np.abs(d - 0.8) * edge if hollow else (1 - d) * edge
        return np.clip(inside, 0, 1)
    return draw


def outline(rng):
    fold, a, b, c = int(rng.integers(2, 9)), *rng.uniform(0.4, 6.0, 3)
    filled, width, size = rng.random() < 0.5, rng.uniform(0.8, 3.0), rng.uniform(0.15, 0.6)
    t = np.linspace(0, 2 * np.pi, 120)
    radius = (np.abs(np.cos(fold * t / 4)) ** b + np.abs(np.sin(fold * t / 4)) ** c) ** (-1 / a)
    radius = radius / radius.max()
    shape = np.stack([radius * np.cos(t), radius * np.sin(t)], 1)

    def draw(r, n):
        points = place(r, n, shape, size * 0.7, size * 1.3)
        return polygon(n, points) if filled else rasterise(n, [(points, width)])
    return draw


def curves(rng):
    fx, fy, gx, gy = rng.integers(1, 7, 4)
    decay, width = rng.uniform(0, 0.25), rng.uniform(0.5, 2.0)
    t = np.linspace(0, 2 * np.pi, 300)
    fade = np.exp(-decay * t)

    def draw(r, n):
        p = r.uniform(-0.4, 0.4, 4)
        x = np.sin(fx * t + p[0]) + 0.5 * np.sin(gx * t + p[1])
        y = np.cos(fy * t + p[2]) + 0.5 * np.cos(gy * t + p[3])
        shape = np.stack([x * fade, y * fade], 1) / 1.5
        return rasterise(n, [(place(r, n, shape, 0.25, 0.7), width)])
    return draw


FAMILIES = [attractor, strokes, tree, spots, patches, outline, curves, strokes, tree, spots]
KINDS = 8


def make_classes(seed, count):
    """`count` mark classes: functions (rng, n) -> float32 mask (n, n) in 0..1. Class 0: no mark."""
    made = [FAMILIES[i % len(FAMILIES)](np.random.default_rng([seed, 2, i]))
            for i in range(count - 1)]
    return [lambda r, n: np.zeros((n, n), np.float32)] + made


def kind_of(mark):
    """The coarse kind of a mark class: 0 for none, else 1 + its family."""
    if mark == 0:
        return 0
    family = FAMILIES[(mark - 1) % len(FAMILIES)]
    return 1 + FAMILIES.index(family)

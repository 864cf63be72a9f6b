# surface_defects.py: the four defects of the bundled photographs, and harmless things beside them.
# One idea: a defect edits albedo and height of a sound surface, so that light, blur and noise treat
# it as they treat the rest. All are small; the strength runs from faint to plain.
# Dust, seams and handling marks stand on good pieces and on defective ones alike.
import numpy as np
from PIL import Image, ImageDraw

import fields


def lines(n, strokes):
    """Antialiased strokes: a list of (points (k, 2), widths (k,)) in pixels; coverage in 0..1."""
    s = 4
    canvas = Image.new("L", (n * s, n * s), 0)
    pen = ImageDraw.Draw(canvas)
    for points, widths in strokes:
        p = points * s
        for i in range(len(p) - 1):
            w = max(1, int(round(widths[i] * s)))
            pen.line([tuple(p[i]), tuple(p[i + 1])], fill=255, width=w)
    return np.asarray(canvas.resize((n, n), Image.BOX), np.float32) / 255.0


def strength(rng, low, high):
    """Skewed towards faint: most defects are hard to see, a few are plain."""
    return low + (high - low) * rng.random() ** 1.4


def scratch(rng, albedo, height):
    n, strokes = albedo.shape[0], []
    heading = rng.uniform(0, 2 * np.pi)
    for _ in range(1 + (rng.random() < 0.25) + (rng.random() < 0.1)):
        length, steps = rng.uniform(0.16, 0.55) * n, 20
        turns = heading + rng.normal(0, 0.08) + np.linspace(0, rng.normal(0, 0.35), steps)
        way = np.stack([np.cos(turns), np.sin(turns)], 1) * length / steps
        points = np.cumsum(way, axis=0)
        points = points - points.mean(axis=0) + rng.uniform(0.22 * n, 0.78 * n, 2)
        taper = np.sin(np.linspace(0.35, np.pi - 0.2, steps)) ** 0.7
        # The tool skips: some stretches hardly touch.
        strokes.append((points, rng.uniform(0.6, 1.5) * taper))
    mask = lines(n, strokes) * np.clip(1.1 + 0.4 * fields.smooth(rng, n, 16), 0.2, 1.2)
    mask = mask[:, :, None] * strength(rng, 0.5, 1.0)
    bare = albedo.mean(axis=(0, 1)) * rng.uniform(1.3, 1.7) + 0.08
    if rng.random() < 0.35:
        bare = albedo.mean(axis=(0, 1)) * rng.uniform(0.35, 0.6)
    return albedo * (1 - mask) + np.clip(bare, 0, 1) * mask, height - 1.2 * mask[:, :, 0]


def pit(rng, albedo, height):
    n = albedo.shape[0]
    axis = np.arange(n, dtype=np.float32)
    depth = np.zeros((n, n), np.float32)
    middle, size = rng.uniform(0.25 * n, 0.75 * n, 2), rng.uniform(1.8, 3.8)
    for _ in range(int(rng.choice([1, 1, 2, 3, 4]))):
        x, y = middle + rng.standard_normal(2) * 0.11 * n
        radius, turn, flat = size * rng.uniform(0.7, 1.3), rng.uniform(0, 3.14), rng.uniform(0.7, 1)
        dx, dy = axis[None, :] - x, axis[:, None] - y
        a = (np.cos(turn) * dx + np.sin(turn) * dy) / radius
        b = (np.cos(turn) * dy - np.sin(turn) * dx) / (radius * flat)
        d = np.sqrt(a * a + b * b) + 0.12 * fields.smooth(rng, n, 40)
        depth = np.maximum(depth, np.clip(1.5 * (1.0 - d), 0, 1))
    s = strength(rng, 0.55, 1.0)
    return albedo * (1 - 0.55 * s * depth)[:, :, None], height - 3.0 * s * depth


def stain(rng, albedo, height):
    n = albedo.shape[0]
    u, v = fields.grid(n, rng.uniform(0, 3.14))
    u, v = u - rng.uniform(-0.5, 0.5), (v - rng.uniform(-0.5, 0.5)) * rng.uniform(0.8, 1.7)
    size = rng.uniform(0.13, 0.36)
    ragged = rng.uniform(0.08, 0.3) * fields.smooth(rng, n, int(rng.integers(5, 12)))
    d = np.sqrt(u * u + v * v) / size + ragged
    mask = np.clip((1 - d) * rng.uniform(1.5, 7.0), 0, 1)
    if rng.random() < 0.4:  # a dried drop: the rim is darker than its middle
        mask = mask * (0.45 + 0.55 * np.exp(-((d - 0.85) * 5) ** 2))
    mask = mask * np.clip(1 + 0.15 * fields.smooth(rng, n, 20), 0.5, 1.3)
    colour = [(0.45, 0.36, 0.25), (0.40, 0.40, 0.42), (0.62, 0.45, 0.30),
              (0.50, 0.52, 0.40)][rng.integers(4)]
    m = (mask * strength(rng, 0.3, 0.8))[:, :, None]
    return albedo * (1 - m) + albedo * np.asarray(colour) * 1.15 * m, height * (1 - 0.4 * m[..., 0])


def crack(rng, albedo, height):
    n, strokes = albedo.shape[0], []

    def grow(at, heading, length, width, level):
        steps = max(6, int(length / 2.2))
        wander = np.cumsum(rng.standard_normal(steps)) * 0.12 + rng.standard_normal(steps) * 0.5
        way = np.stack([np.cos(heading + wander), np.sin(heading + wander)], 1) * length / steps
        points = at + np.cumsum(way, axis=0)
        strokes.append((points, width * np.linspace(1.0, 0.4, steps)))
        for _ in range(rng.choice([0, 1, 2]) if level else 0):
            joint = points[rng.integers(steps // 4, steps)]
            side = heading + rng.choice([-1, 1]) * rng.uniform(0.4, 1.1)
            grow(joint, side, length * rng.uniform(0.25, 0.5), width * 0.7, level - 1)
    heading, length = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.7) * n
    start = np.array([0.5, 0.5]) * n + rng.normal(0, 0.14 * n, 2)
    start = start - 0.5 * length * np.array([np.cos(heading), np.sin(heading)])
    grow(start, heading, length, rng.uniform(0.8, 1.9), 2)
    mask = lines(n, strokes) * strength(rng, 0.5, 1.0)
    return albedo * (1 - 0.8 * mask)[:, :, None], height - 1.6 * mask


DEFECTS = {"scratch": scratch, "pit": pit, "stain": stain, "crack": crack}


def seam(rng, albedo, height):
    """A joint or a step edge, straight across the whole picture, parallel to a side."""
    n = albedo.shape[0]
    at, slope = rng.uniform(0.1, 0.9) * n, rng.normal(0, 0.03)
    axis = np.arange(n, dtype=np.float32)
    d = np.abs(axis[:, None] - at - slope * (axis[None, :] - n / 2))
    if rng.random() < 0.5:
        d = d.T
    groove = np.exp(-(d / rng.uniform(0.8, 2.5)) ** 2) * rng.uniform(0.3, 0.9)
    return albedo * (1 - 0.45 * groove)[:, :, None], height - 1.2 * groove


def dust(rng, albedo, height):
    """Pale specks and short fibres that lie on the surface."""
    n, strokes = albedo.shape[0], []
    for _ in range(int(rng.integers(2, 9))):
        at = rng.uniform(0, n, 2)
        turn = rng.uniform(0, 6.28) + np.cumsum(rng.normal(0, 0.5, 5))
        step = rng.choice([0.25, 0.25, 1.2])
        points = at + np.cumsum(np.stack([np.cos(turn), np.sin(turn)], 1) * step, axis=0)
        strokes.append((points, np.full(5, rng.uniform(0.5, 1.1))))
    mask = lines(n, strokes)[:, :, None] * rng.uniform(0.15, 0.5)
    return albedo * (1 - mask) + mask * 0.85, height


def handling(rng, albedo, height):
    """A broad, very soft change of tone: a polished or a damp area without an edge."""
    n = albedo.shape[0]
    soft = np.clip(fields.smooth(rng, n, 2), -1.5, 1.5)
    return albedo * (1 + rng.uniform(0.03, 0.08) * soft)[:, :, None], height


HARMLESS = [(seam, 0.22), (dust, 0.35), (handling, 0.5)]

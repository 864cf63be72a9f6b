# surface_materials.py: sound surfaces, as albedo and height, for the bundled photographs.
# One idea: a material is a function (rng, n) -> (albedo (n, n, 3) in 0..1, height (n, n) in rough
# pixels of depth); every instance draws its own colours, scale and direction. Each has a look-alike
# of a defect that is not one: brush lines, pores, thread slubs, folds, growth rings.
import numpy as np

import fields


def tint(rng, tone, colour, spread=0.03):
    """A grey tone field (n, n) times a base colour that varies a little from piece to piece."""
    colour = np.asarray(colour) * (1 + rng.standard_normal(3) * spread)
    return np.clip(tone[:, :, None] * colour, 0.01, 1.0)


def brushed_metal(rng, n):
    angle = rng.choice([0.0, 1.57]) + rng.normal(0, 0.06)
    fine = fields.power_noise(rng, n, rng.uniform(0.25, 0.5), rng.uniform(25, 60), angle)
    coarse = fields.power_noise(rng, n, 0.9, 40, angle, 2.0)
    # A few brush lines stand out from the rest, as a faint scratch along the grain would.
    lines = np.clip(fine - 2.0, 0, 2)
    tone = 0.62 + 0.045 * fine + 0.035 * coarse + 0.05 * lines
    base = [(0.80, 0.81, 0.83), (0.72, 0.70, 0.66), (0.86, 0.78, 0.62)][rng.integers(3)]
    return tint(rng, tone * rng.uniform(0.75, 1.15), base), 0.10 * fine + 0.1 * lines


def concrete(rng, n):
    cloud = fields.power_noise(rng, n, 1.3)
    sand = fields.power_noise(rng, n, rng.uniform(0.1, 0.4))
    first, _ = fields.cells(rng, n, int(rng.integers(60, 160)))
    stones = np.clip(0.022 - first, 0, 1) / 0.022
    # Air holes: shallow, pale-rimmed and small; pits are deeper. Some pours have none.
    hole, _ = fields.cells(rng, n, int(rng.integers(2, 9)))
    radius = rng.uniform(0.006, 0.011)
    holes = np.clip((radius - hole) / radius * 2, 0, 1) * (rng.random() < 0.6)
    tone = 0.56 + 0.045 * cloud + 0.04 * sand + 0.10 * stones * rng.choice([-1, 1]) - 0.12 * holes
    base = [(0.95, 0.93, 0.90), (0.90, 0.92, 0.94), (0.98, 0.93, 0.84)][rng.integers(3)]
    return tint(rng, tone * rng.uniform(0.75, 1.2), base), 0.35 * sand + 0.3 * cloud - 0.5 * holes


def weave(rng, n):
    pitch, angle = rng.uniform(4.5, 9.0), rng.choice([0.0, 0.0, 0.785]) + rng.normal(0, 0.05)
    u, v = fields.grid(n, angle)
    wobble = rng.uniform(0.3, 0.9)
    u = u * n / 2 + wobble * fields.smooth(rng, n, 8)
    v = v * n / 2 + wobble * fields.smooth(rng, n, 8)
    a, b = u / pitch, v / pitch
    over = (np.floor(a) + np.floor(b) * rng.choice([1, 2])) % 2 < 1
    warp, weft = np.sin(np.pi * (a % 1)), np.sin(np.pi * (b % 1))
    height = np.where(over, warp * (0.6 + 0.4 * weft), weft * (0.6 + 0.4 * warp))
    # Slubs: some threads are thicker or paler over their whole length.
    slub = 0.06 * np.sin(np.floor(a) * 91.7 + rng.uniform(0, 6)) * np.where(over, 1, 0)
    slub = slub + 0.06 * np.sin(np.floor(b) * 47.3 + rng.uniform(0, 6)) * np.where(over, 0, 1)
    fibre = fields.power_noise(rng, n, 0.2)
    tone = 0.30 + 0.36 * height + slub + 0.03 * fibre
    base = [(0.55, 0.60, 0.75), (0.85, 0.80, 0.70), (0.45, 0.45, 0.47),
            (0.70, 0.45, 0.40)][rng.integers(4)]
    return tint(rng, tone * rng.uniform(0.9, 1.3), base, 0.06), 0.9 * height


def leather(rng, n):
    first, second = fields.cells(rng, n, int(rng.integers(220, 420)))
    edge = np.clip((second - first) * n / rng.uniform(2.0, 3.2), 0, 1)
    bend = rng.uniform(1.0, 2.2)
    edge = fields.warp(edge, bend * fields.smooth(rng, n, 14), bend * fields.smooth(rng, n, 14))
    # Folds: long soft valleys that follow the grain; a crack is sharper and darker.
    fold = np.exp(-np.abs(fields.smooth(rng, n, int(rng.integers(2, 5)))) * rng.uniform(8, 16))
    fold = fold * rng.choice([0.0, 0.4, 0.9])
    tone = 0.45 + 0.10 * edge + 0.03 * fields.power_noise(rng, n, 1.2) - 0.07 * fold
    base = [(0.62, 0.40, 0.27), (0.30, 0.29, 0.29), (0.80, 0.70, 0.55),
            (0.55, 0.22, 0.20)][rng.integers(4)]
    return tint(rng, tone * rng.uniform(0.9, 1.5), base, 0.06), 0.9 * edge - 0.8 * fold


def wood(rng, n):
    angle = rng.choice([0.0, 1.57]) + rng.normal(0, 0.1)
    u, v = fields.grid(n, angle)
    sway = fields.power_noise(rng, n, 1.6, 3.0, angle)
    rate = rng.uniform(10, 26)
    d = v + 0.12 * sway + 0.25 * (u - rng.uniform(-1, 1)) ** 2 * rng.uniform(-0.4, 0.4)
    phase = (rate * d / 3.0 + rng.uniform(0, 9)) % 1
    ring = np.where(phase < 0.8, phase / 0.8, (1 - phase) / 0.2)
    fibre = fields.power_noise(rng, n, 0.35, rng.uniform(12, 25), angle)
    # Vessels: short dark dashes along the grain.
    dashes = np.clip(-fields.power_noise(rng, n, 0.3, 8.0, angle) - 1.8, 0, 1)
    tone = 0.66 - 0.16 * ring + 0.03 * fibre - 0.14 * dashes
    base = [(0.88, 0.68, 0.45), (0.62, 0.44, 0.30), (0.93, 0.80, 0.60)][rng.integers(3)]
    return tint(rng, tone * rng.uniform(0.8, 1.25), base, 0.05), 0.15 * fibre - 0.4 * dashes


def plastic(rng, n):
    grain = fields.band_noise(rng, n, rng.uniform(16, 34), rng.uniform(4, 9))
    flow = fields.power_noise(rng, n, 1.8, 3.0, rng.uniform(0, 3.14))
    specks = np.clip(fields.power_noise(rng, n, 0.0) - 3.0, 0, 1)
    tone = 0.5 + 0.02 * grain + 0.02 * flow + 0.15 * specks * rng.choice([-1, 1])
    base = [(0.25, 0.26, 0.28), (0.85, 0.85, 0.83), (0.25, 0.40, 0.60), (0.80, 0.55, 0.20),
            (0.50, 0.52, 0.50)][rng.integers(5)]
    return tint(rng, tone * rng.uniform(0.9, 1.5), base, 0.06), rng.uniform(0.25, 0.7) * grain


MATERIALS = [brushed_metal, concrete, weave, leather, wood, plastic]

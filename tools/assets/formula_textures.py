# formula_textures.py: families of textures defined by formulas, for pretraining.
# One idea: a texture class is (family, parameters) drawn once from a seed; an instance draws only
# what a class must not depend on (phase, noise, often the direction). Returns fields in 0..1.
# Generic on purpose: it shares no parameters with the bundled surface photographs.
import numpy as np

import fields


def power(rng):
    p = dict(exponent=rng.uniform(0.4, 2.2), stretch=float(rng.choice([1.0, 1.0, 3.0, 8.0])))

    def draw(r, n, angle):
        return fields.power_noise(r, n, p["exponent"], p["stretch"], angle)
    return draw


def ring(rng):
    p = dict(centre=rng.uniform(4, 30), width=rng.uniform(0.6, 5.0),
             spread=[None, 0.08, 0.3][rng.integers(3)])

    def draw(r, n, angle):
        return fields.band_noise(r, n, p["centre"], p["width"], p["spread"], angle)
    return draw


def lattice(rng):
    count = int(rng.integers(2, 5))
    turns = rng.uniform(0, np.pi, count)
    rates = rng.uniform(8, 50, count)
    sharp, mix, bend = rng.uniform(0.5, 4.0), rng.integers(3), rng.uniform(0.0, 0.12)

    def draw(r, n, angle):
        u, v = fields.grid(n, angle)
        u = u + bend * fields.smooth(r, n, 4)
        waves = [np.tanh(sharp * np.sin(f * (np.cos(t) * u + np.sin(t) * v) + r.uniform(0, 6.28)))
                 for t, f in zip(turns, rates)]
        if mix == 0:
            return sum(waves)
        return np.prod(waves, axis=0) if mix == 1 else np.max(waves, axis=0)
    return draw


def cellular(rng):
    count, mode, power_ = int(rng.integers(12, 90)), rng.integers(3), rng.uniform(0.5, 1.5)

    def draw(r, n, angle):
        first, second = fields.cells(r, n, count)
        f = [first, second - first, first * second][mode]
        return np.power(f, power_)
    return draw


def rings(rng):
    rate, warp, squeeze = rng.uniform(12, 70), rng.uniform(0.02, 0.4), rng.uniform(0.05, 1.0)
    cells, shape = int(rng.integers(3, 9)), rng.integers(2)

    def draw(r, n, angle):
        u, v = fields.grid(n, angle)
        u, v = u + r.uniform(-1, 1), v + r.uniform(-1, 1)
        d = np.sqrt(u * u + squeeze * v * v) + warp * 0.3 * fields.smooth(r, n, cells)
        wave = np.sin(rate * d)
        return wave if shape == 0 else np.abs(wave)
    return draw


def tiles(rng):
    rows, cols, shift = rng.uniform(1.5, 7), rng.uniform(1.5, 7), rng.choice([0.0, 0.5, 0.33])
    gap, grain = rng.uniform(0.03, 0.12), rng.uniform(0.0, 0.6)

    def draw(r, n, angle):
        u, v = fields.grid(n, angle)
        a = v * rows + r.uniform(0, 9)
        row = np.floor(a)
        b = u * cols + shift * row + r.uniform(0, 9)
        edge = np.minimum(np.minimum(a % 1, 1 - a % 1), np.minimum(b % 1, 1 - b % 1))
        tone = np.sin(row * 12.9 + np.floor(b) * 78.2 + r.uniform(0, 6)) * 0.3
        return np.clip(edge / gap, 0, 1) + tone + grain * fields.power_noise(r, n, 0.8)
    return draw


def folded(rng):
    octaves, gain, start = int(rng.integers(2, 5)), rng.uniform(0.4, 0.9), int(rng.integers(2, 7))
    mode = rng.integers(3)

    def draw(r, n, angle):
        total, weight = np.zeros((n, n), np.float32), 1.0
        for o in range(octaves):
            f = fields.smooth(r, n, min(start * 2 ** o, n // 3))
            total += weight * (f if mode == 0 else np.abs(f) if mode == 1 else -np.abs(f) ** 0.5)
            weight *= gain
        return total
    return draw


def warped(rng):
    rate, amount = rng.uniform(6, 40), rng.uniform(3, 16)
    cells, levels = int(rng.integers(3, 10)), int(rng.integers(2, 8))

    def draw(r, n, angle):
        u, _ = fields.grid(n, angle)
        base = np.sin(rate * u) + 0.3 * fields.power_noise(r, n, 1.2)
        base = fields.warp(base, amount * fields.smooth(r, n, cells),
                           amount * fields.smooth(r, n, cells))
        return np.round(fields.unit(base) * levels) if levels < 6 else base
    return draw


FAMILIES = [power, ring, lattice, cellular, rings, tiles, folded, warped]


def make_classes(seed, count):
    """`count` texture classes: functions (rng, n, angle) -> float32 (n, n) in 0..1."""
    return [FAMILIES[i % len(FAMILIES)](np.random.default_rng([seed, 1, i])) for i in range(count)]


def draw(texture, rng, n):
    """One instance, in any direction, clipped at its tails and mapped to 0..1."""
    f = fields.standard(texture(rng, n, rng.uniform(0, np.pi)))
    return fields.unit(np.clip(f, -2.5, 2.5))

# fields.py: random scalar fields on a square grid, the raw material of every generated picture.
# One idea: a field is float32 (n, n), zero mean and unit variance unless it says otherwise, and is
# a pure function of a numpy Generator, so that a seed gives the same picture everywhere.
# Knows nothing of materials, defects or pretraining classes; those live in the files that use it.
import numpy as np
from PIL import Image


def standard(field):
    """The field shifted and scaled to zero mean and unit variance."""
    field = field - field.mean()
    return (field / (field.std() + 1e-6)).astype(np.float32)


def unit(field):
    """The field mapped linearly onto 0..1."""
    lo, hi = field.min(), field.max()
    return ((field - lo) / (hi - lo + 1e-6)).astype(np.float32)


def grid(n, angle=0.0):
    """Coordinates (u, v) in -1..1, rotated by an angle in radians."""
    axis = np.linspace(-1.0, 1.0, n, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return c * x + s * y, c * y - s * x


def frequencies(n, angle=0.0):
    """Half-plane frequencies (along, across) in cycles per picture, rotated by an angle."""
    fx, fy = np.meshgrid(np.fft.rfftfreq(n) * n, np.fft.fftfreq(n) * n)
    c, s = np.cos(angle), np.sin(angle)
    return c * fx + s * fy, c * fy - s * fx


def spectral(rng, n, amplitude):
    """White noise shaped by an amplitude over the half plane of frequencies, (n, n//2+1)."""
    white = np.fft.rfft2(rng.standard_normal((n, n)).astype(np.float32))
    amplitude = amplitude.copy()
    amplitude[0, 0] = 0.0
    return standard(np.fft.irfft2(white * amplitude, s=(n, n)))


def power_noise(rng, n, exponent, stretch=1.0, angle=0.0, lowest=1.0):
    """Power-law noise, amplitude f^-exponent above `lowest`; stretch > 1 draws it out at angle."""
    along, across = frequencies(n, angle)
    f = np.sqrt((along * stretch) ** 2 + across ** 2)
    return spectral(rng, n, np.maximum(f, lowest) ** -exponent)


def band_noise(rng, n, centre, width, spread=None, angle=0.0):
    """Noise in a ring of frequencies; spread (radians) limits the directions about angle."""
    along, across = frequencies(n, angle)
    f = np.sqrt(along ** 2 + across ** 2)
    amplitude = np.exp(-0.5 * ((f - centre) / width) ** 2)
    if spread is not None:
        turn = np.arctan2(across, along)
        turn = np.minimum(np.abs(turn), np.pi - np.abs(turn))
        amplitude = amplitude * np.exp(-0.5 * (turn / spread) ** 2)
    return spectral(rng, n, amplitude)


def smooth(rng, n, cells):
    """Smooth noise with about `cells` features across: a small random grid, bicubic enlarged."""
    small = rng.standard_normal((cells + 2, cells + 2)).astype(np.float32)
    return standard(np.asarray(Image.fromarray(small).resize((n, n), Image.BICUBIC)))


def blur(field, radius):
    """Gaussian blur through the Fourier domain (wraps at the border); radius in pixels."""
    if radius <= 0.0:
        return field
    n = field.shape[0]
    f2 = np.fft.rfftfreq(n)[None, :] ** 2 + np.fft.fftfreq(n)[:, None] ** 2
    gain = np.exp(-2.0 * (np.pi * radius) ** 2 * f2)
    if field.ndim == 3:
        gain = gain[:, :, None]
    spectrum = np.fft.rfft2(field, axes=(0, 1)) * gain
    return np.fft.irfft2(spectrum, s=(n, n), axes=(0, 1)).astype(np.float32)


def warp(field, du, dv):
    """The field looked up at displaced pixels (bilinear, wraps at the border)."""
    n = field.shape[0]
    base = np.arange(n, dtype=np.float32)
    x, y = base[None, :] + du, base[:, None] + dv
    x0, y0 = np.floor(x), np.floor(y)
    fx, fy = x - x0, y - y0
    x0, y0 = x0.astype(np.int64) % n, y0.astype(np.int64) % n
    x1, y1 = (x0 + 1) % n, (y0 + 1) % n
    top = field[y0, x0] * (1 - fx) + field[y0, x1] * fx
    return top * (1 - fy) + (field[y1, x0] * (1 - fx) + field[y1, x1] * fx) * fy


def cells(rng, n, count):
    """Distances (nearest, second nearest) to `count` random points, in picture widths."""
    points = rng.random((count, 2), dtype=np.float32)
    axis = (np.arange(n, dtype=np.float32) + 0.5) / n
    first = np.full((n, n), 9.0, np.float32)
    second = first.copy()
    for px, py in points:
        dx, dy = np.abs(axis - px), np.abs(axis - py)
        dx, dy = np.minimum(dx, 1 - dx), np.minimum(dy, 1 - dy)
        d = (dx * dx)[None, :] + (dy * dy)[:, None]
        second = np.minimum(second, np.maximum(first, d))
        first = np.minimum(first, d)
    return np.sqrt(first), np.sqrt(second)


def relief(height, angle, strength):
    """Lambert-like shading of a height field lit from an angle: a factor about 1."""
    gy, gx = np.gradient(height)
    return 1.0 + strength * (np.cos(angle) * gx + np.sin(angle) * gy)

"""Drawings of parts: outlines with lighter and darker details on them; none of them is a drawing of the sample."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi

import numpy as np

from gsam_edge.synthetic.shapes import Contour, box, points, polygon, ribbon
from gsam_edge.synthetic.workshop.drawing import Drawing, at, dashes, disc


@dataclass(frozen=True)
class Part:
    """A kind of part.

    Attributes:
        draw: draws one; the number says how many of what is counted it has.
        counted: what is counted on it, as it stands in a phrase ("two hole tag"), or "".
        counts: the numbers that occur.
        is_long: whether it has a direction that a phrase can tell.
    """

    draw: Callable[[np.random.Generator, int], Drawing]
    counted: str = ""
    counts: tuple[int, ...] = (1,)
    is_long: bool = False


def _rounded(half_width: float, half_height: float) -> Contour:
    t = np.arange(48) * 2 * pi / 48
    x, y = np.sign(np.cos(t)) * np.abs(np.cos(t)) ** 0.35, np.sign(np.sin(t)) * np.abs(np.sin(t)) ** 0.35
    return np.stack([x * half_width, y * half_height], axis=1).astype(np.float32)


def _contrast(rng: np.random.Generator) -> float:
    """Draws a tone that is clearly darker or lighter than the part."""
    return float(rng.choice([-0.75, 0.75]))


def _handle(rng: np.random.Generator, count: int) -> Drawing:
    t = np.linspace(pi, 2 * pi, 24)
    thick, rise = rng.uniform(0.22, 0.34), rng.uniform(0.8, 1.15)
    outer = np.stack([np.cos(t), rise * np.sin(t)], 1)
    inner = np.stack([(1 - thick) * np.cos(t), (rise - thick) * np.sin(t)], 1)[::-1]
    feet = [(1, 0.3), (1 - thick, 0.3)], [(thick - 1, 0.3), (-1, 0.3)]
    outline = at(np.concatenate([outer, feet[0], inner, feet[1]]).astype(np.float32), 0, 0.35)
    screws = tuple(disc(0.09, x * (1 - thick / 2), 0.5) for x in (-1, 1))
    return Drawing((outline,), ((screws, _contrast(rng)),))


def _strap(rng: np.random.Generator, count: int) -> Drawing:
    half = rng.uniform(0.15, 0.22)
    rows = (-0.62 * half, 0.62 * half)
    stitches = tuple(dash for y in rows for dash in dashes((-0.97, y), (0.97, y), 13, 0.035))
    return Drawing((box(1, half),), ((stitches, _contrast(rng)),))


def _zip(rng: np.random.Generator, count: int) -> Drawing:
    teeth = tuple(at(box(0.028, 0.06), x, 0.035 * (-1) ** i) for i, x in enumerate(np.linspace(-0.92, 0.92, 19)))
    slider = (at(box(0.1, 0.11), rng.uniform(-0.7, 0.7), 0),)
    tone = _contrast(rng)
    return Drawing((box(1, rng.uniform(0.15, 0.2)),), ((teeth, tone), (slider, tone)))


def _ribbon(rng: np.random.Generator, count: int) -> Drawing:
    h, notch = rng.uniform(0.16, 0.24), rng.uniform(0.7, 0.8)
    fold = (box(1, 0.03),) if rng.random() < 0.5 else ()
    outline = points((-1, -h), (1, -h), (notch, 0), (1, h), (-1, h), (-notch, 0))
    return Drawing((outline,), ((tuple(at(c * np.float32(0.65), 0, 0) for c in fold), -0.35),))


def _spring(rng: np.random.Generator, count: int) -> Drawing:
    x = np.linspace(-0.95, 0.95, 90)
    y = rng.uniform(0.22, 0.32) * np.sin(x * rng.uniform(18, 23))
    return Drawing((ribbon(x, y, 0.055),))


def _cord(rng: np.random.Generator, count: int) -> Drawing:
    x = np.linspace(-1, 1, 40)
    y = rng.uniform(0.06, 0.16) * np.sin(x * rng.uniform(2.5, 5) + rng.uniform(0, 6))
    half = 0.09
    turns = tuple(
        at(points((-0.05, half), (0, half), (0.05, -half), (0, -half)), float(x[i]), float(y[i]))
        for i in range(2, 39, 3)
    )
    return Drawing((ribbon(x, y, half),), ((turns, -0.6),))


def _chain(rng: np.random.Generator, count: int) -> Drawing:
    squash = np.array([1, rng.uniform(0.7, 1.0)], np.float32)
    rings = [at(polygon(20) * np.float32(r) * squash, x, 0) for x in (-0.78, -0.26, 0.26, 0.78) for r in (0.21, 0.12)]
    return Drawing((*rings, *(at(box(0.05, 0.05), x, 0) for x in (-0.52, 0.0, 0.52))))


def _screw(rng: np.random.Generator, count: int) -> Drawing:
    h = rng.uniform(0.13, 0.18)
    outline = points(
        (-1, -0.34), (-0.78, -0.34), (-0.66, -h), (0.7, -h), (1, 0), (0.7, h), (-0.66, h), (-0.78, 0.34), (-1, 0.34)
    )
    threads = tuple(points((x, -h), (x + 0.05, -h), (x - 0.03, h), (x - 0.08, h)) for x in np.linspace(-0.45, 0.68, 9))
    return Drawing((outline,), ((threads, -0.6),))


def _brush(rng: np.random.Generator, count: int) -> Drawing:
    outline = points(
        (-1, -0.1), (0.05, -0.1), (0.12, -0.34), (1, -0.38), (1, 0.38), (0.12, 0.34), (0.05, 0.1), (-1, 0.1)
    )
    hairs = tuple(at(box(0.33, 0.025), 0.66, y) for y in np.linspace(-0.28, 0.28, 6))
    return Drawing((outline,), ((hairs, _contrast(rng)),))


def _tag(rng: np.random.Generator, count: int) -> Drawing:
    h, cut = rng.uniform(0.45, 0.6), rng.uniform(0.55, 0.7)
    outline = points((-1, -h), (cut, -h), (1, -0.35 * h), (1, 0.35 * h), (cut, h), (-1, h))
    places = [0.68 - 0.52 * i for i in range(count)]
    rims = tuple(disc(0.2, x, 0) for x in places)
    return Drawing((outline,), ((rims, 0.8), (tuple(disc(0.13, x, 0) for x in places), -0.9)))


def _button(rng: np.random.Generator, count: int) -> Drawing:
    turns = np.arange(count) * 2 * pi / count + pi / 4
    holes = tuple(disc(0.17, 0.36 * float(np.cos(t)), 0.36 * float(np.sin(t))) for t in turns)
    rim = (disc(0.86), disc(0.74))
    return Drawing((polygon(40),), ((rim, float(rng.choice([-0.35, 0.35]))), (holes, -0.85)))


def _plate(rng: np.random.Generator, count: int) -> Drawing:
    h = rng.uniform(0.5, 0.65)
    row = [(-0.7, 0.0), (0.0, 0.0), (0.7, 0.0)]
    corners = [(x, y * h) for x in (-0.7, 0.7) for y in (-0.5, 0.5)]
    places = {2: [row[0], row[2]], 3: row, 4: corners, 5: [*corners, row[1]]}[count]
    heads = tuple(disc(0.15, x, y) for x, y in places)
    return Drawing((_rounded(1, h),), ((heads, -0.7), (tuple(disc(0.09, x - 0.02, y - 0.02) for x, y in places), 0.6)))


def _grille(rng: np.random.Generator, count: int) -> Drawing:
    pitch = 1.2 / count
    slots = tuple(at(box(0.66, 0.26 * pitch), 0, pitch * (i - (count - 1) / 2)) for i in range(count))
    return Drawing((_rounded(0.95, 0.8),), ((slots, -0.85),))


def _wheel(rng: np.random.Generator, count: int) -> Drawing:
    gaps = []
    for i in range(count):
        middle, half = 2 * pi * i / count, pi / count
        outer = np.linspace(middle - half + 0.13, middle + half - 0.13, 10)
        inner = np.linspace(middle - half + 0.4, middle + half - 0.4, 6)[::-1]
        arc = [0.76 * np.stack([np.cos(outer), np.sin(outer)], 1), 0.3 * np.stack([np.cos(inner), np.sin(inner)], 1)]
        gaps.append(np.concatenate(arc).astype(np.float32))
    return Drawing((polygon(40), *gaps))


def _buckle(rng: np.random.Generator, count: int) -> Drawing:
    h = rng.uniform(0.6, 0.8)
    holes = [at(box(0.31, h - 0.2), x, 0) for x in (-0.42, 0.42)]
    prong = (at(box(0.5, 0.07), 0.42, 0),)
    return Drawing((_rounded(1, h), *holes), ((prong, _contrast(rng)),))


def _hook(rng: np.random.Generator, count: int) -> Drawing:
    t = np.linspace(0, rng.uniform(1.0, 1.3) * pi, 24)
    x = np.concatenate([np.full(8, 0.4), 0.4 * np.cos(t)])
    y = np.concatenate([np.linspace(-0.95, 0.35, 8), 0.4 + 0.42 * np.sin(t)])
    return Drawing((ribbon(x, y, rng.uniform(0.12, 0.17)),))


def _bolt(rng: np.random.Generator, count: int) -> Drawing:
    return Drawing((polygon(6),), (((disc(0.68),), 0.35), ((box(0.52, 0.12),), -0.85)))


def _lock(rng: np.random.Generator, count: int) -> Drawing:
    t = np.linspace(pi, 2 * pi, 20)
    arch = [np.stack([r * np.cos(t), -0.1 + r * 1.2 * np.sin(t)], 1) for r in (0.6, 0.38)]
    shackle = np.concatenate([arch[0], arch[1][::-1]]).astype(np.float32)
    body = points((-0.8, -0.1), (0.8, -0.1), (0.8, 0.95), (-0.8, 0.95))
    keyhole = disc(0.17, 0, 0.32), at(box(0.07, 0.2), 0, 0.55)
    return Drawing((shackle, body), (((keyhole[0],), -0.85), ((keyhole[1],), -0.85)))


def _badge(rng: np.random.Generator, count: int) -> Drawing:
    shield = points(
        (-0.85, -0.9), (0, -0.7), (0.85, -0.9), (0.8, 0.15), (0.5, 0.65), (0, 1), (-0.5, 0.65), (-0.8, 0.15)
    )
    line = shield * np.float32(0.78), shield * np.float32(0.62)
    return Drawing((shield,), ((line, _contrast(rng)),))


def _patch(rng: np.random.Generator, count: int) -> Drawing:
    side = 0.85
    wave = 1 + 0.02 * np.cos(np.arange(48) * rng.integers(5, 9))
    outline = _rounded(side, side) * wave[:, None].astype(np.float32)
    s = 0.66
    edges = (((-s, -s), (s, -s)), ((s, -s), (s, s)), ((s, s), (-s, s)), ((-s, s), (-s, -s)))
    stitches = tuple(dash for a, b in edges for dash in dashes(a, b, 4, 0.08))
    return Drawing((outline,), ((stitches, _contrast(rng)),))


def _ticket(rng: np.random.Generator, count: int) -> Drawing:
    h = rng.uniform(0.45, 0.6)
    t = np.linspace(-pi / 2, pi / 2, 10)
    bite = np.stack([0.2 * np.cos(t), 0.2 * np.sin(t)], 1)
    left, right = bite - np.array([1, 0]), np.array([1, 0]) - bite[::-1]
    outline = np.concatenate([[(-1, -h)], [(1, -h)], right[::-1], [(1, h)], [(-1, h)], left[::-1]]).astype(np.float32)
    perforation = dashes((0.45, -h), (0.45, h), 4, 0.06)
    return Drawing((outline,), ((perforation, -0.8), ((disc(0.2, -0.2, 0),), _contrast(rng))))


def _cap(rng: np.random.Generator, count: int) -> Drawing:
    t = np.linspace(pi, 2 * pi, 20)
    outline = np.concatenate([np.stack([np.cos(t), 0.15 + 0.85 * np.sin(t)], 1), [(1, 0.6), (-1, 0.6)]])
    ribs = tuple(at(box(0.04, 0.2), x, 0.36) for x in np.linspace(-0.84, 0.84, 8))
    return Drawing((outline.astype(np.float32),), ((ribs, -0.75),))


def _tassel(rng: np.random.Generator, count: int) -> Drawing:
    strands = [(x + d, y) for x in np.linspace(0.6, -0.6, 5) for d, y in ((0.11, 0.95), (-0.11, 0.95), (-0.11, 0.0))]
    outline = points((-0.15, -1), (0.15, -1), (0.2, -0.55), (0.72, -0.2), *strands[:-1], (-0.72, -0.2), (-0.2, -0.55))
    return Drawing((outline,), (((at(box(0.24, 0.09), 0, -0.55),), _contrast(rng)),))


def _funnel(rng: np.random.Generator, count: int) -> Drawing:
    n = rng.uniform(0.18, 0.26)
    outline = points((-1, -0.85), (1, -0.85), (n, 0.15), (n, 1), (-n, 1), (-n, 0.15))
    rim = (points((-0.93, -0.78), (0.93, -0.78), (0.8, -0.62), (-0.8, -0.62)),)
    return Drawing((outline,), ((rim, _contrast(rng)),))


def _hinge(rng: np.random.Generator, count: int) -> Drawing:
    holes = tuple(disc(0.12, x, y) for x in (-0.62, 0.62) for y in (-0.33, 0.33))
    joints = tuple(at(box(0.13, 0.03), 0, y) for y in (-0.36, -0.12, 0.12, 0.36))
    return Drawing((box(1, 0.62),), ((holes, -0.85), ((box(0.13, 0.62),), 0.55), (joints, -0.7)))


#: Parts by name.
PARTS: dict[str, Part] = {
    "handle": Part(_handle),
    "strap": Part(_strap, is_long=True),
    "zip": Part(_zip, is_long=True),
    "ribbon": Part(_ribbon, is_long=True),
    "spring": Part(_spring, is_long=True),
    "cord": Part(_cord, is_long=True),
    "chain": Part(_chain, is_long=True),
    "screw": Part(_screw, is_long=True),
    "brush": Part(_brush, is_long=True),
    "tag": Part(_tag, "hole", (1, 2, 3)),
    "button": Part(_button, "hole", (2, 3, 4)),
    "plate": Part(_plate, "rivet", (2, 3, 4, 5)),
    "grille": Part(_grille, "slot", (2, 3, 4)),
    "wheel": Part(_wheel, "spoke", (3, 4, 6)),
    "buckle": Part(_buckle),
    "hook": Part(_hook),
    "bolt": Part(_bolt),
    "lock": Part(_lock),
    "badge": Part(_badge),
    "patch": Part(_patch),
    "ticket": Part(_ticket),
    "cap": Part(_cap),
    "tassel": Part(_tassel),
    "funnel": Part(_funnel),
    "hinge": Part(_hinge),
}

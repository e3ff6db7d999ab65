"""Labels: cards and blocks of print with text and logo, with a barcode or with more text in its place."""

from string import ascii_uppercase, digits

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.synthetic.bag import Surface
from gsam_edge.synthetic.belt import blend

#: Print is drawn this many times larger, then shrunk, so that it looks photographed.
_OVERSAMPLING = 4

#: RGB 0..255; white paper and black ink are the most frequent.
_PAPERS = ((230, 230, 225), (230, 230, 225), (224, 204, 76), (190, 216, 230), (216, 140, 76), (50, 105, 76))
_INKS = ((13, 13, 15), (13, 13, 15), (26, 38, 115), (153, 20, 20))
_BANNERS = ((166, 26, 26), (26, 50, 128), (26, 102, 50), (20, 20, 20))
_PALE = (235, 235, 230)

Ink = tuple[int, int, int]
Card = NDArray[np.uint8]


def _text(rng: np.random.Generator, length: int, alphabet: str) -> str:
    return "".join(alphabet[i] for i in rng.integers(len(alphabet), size=length))


def draw_print(rng: np.random.Generator, width: int, height: int, *, barcode: bool) -> Card:
    """Draws a card, uint8 [height, width, 3], RGB: head, logo, frame and text, below it a barcode or more text."""
    paper = _PAPERS[rng.integers(len(_PAPERS))]
    ink = _PALE if sum(paper) < 300 else _INKS[rng.integers(len(_INKS))]
    card = np.full((height, width, 3), paper, np.uint8)
    margin = height // 12
    if rng.random() < 0.5:
        cv2.rectangle(card, (margin // 2, margin // 2), (width - margin // 2, height - margin // 2), ink, margin // 4)
    top = 2 * margin
    if rng.random() < 0.6:
        banner = _BANNERS[rng.integers(len(_BANNERS))]
        cv2.rectangle(card, (margin, margin), (width - margin, margin + height // 4), banner, -1)
        _write(card, _text(rng, 7, ascii_uppercase), (2 * margin, margin + height // 5), height / 110, _PALE)
        top = margin + height // 4 + margin
    left = margin
    if rng.random() < 0.5:
        radius = height // 6
        centre = (margin + radius, top + radius)
        cv2.circle(card, centre, radius, ink, margin // 2 if rng.random() < 0.5 else -1, cv2.LINE_AA)
        left = 3 * margin + 2 * radius
    bottom = height - margin - (height // 4 if barcode else 0)
    for y in range(top + margin, bottom - margin // 2, round(1.8 * margin)):
        words = " ".join(_text(rng, int(n), ascii_uppercase + digits) for n in rng.integers(2, 7, 3))
        _write(card, words[: max(4, int((width - left) / (1.05 * margin)))], (left, y), height / 260, ink)
    if barcode:
        _barcode(rng, card[bottom : height - margin, margin : width - margin], ink)
    return card


def _write(card: Card, text: str, at: tuple[int, int], scale: float, ink: Ink) -> None:
    cv2.putText(card, text, at, cv2.FONT_HERSHEY_SIMPLEX, scale, ink, max(1, round(2.5 * scale)), cv2.LINE_AA)


def _barcode(rng: np.random.Generator, area: Card, ink: Ink) -> None:
    """Draws bars and gaps of unequal width on a pale field, in place."""
    area[:] = _PALE
    x = 6
    while x < area.shape[1] - 14:
        bar, gap = rng.integers(2, 9, 2)
        area[:, x : x + bar] = _INKS[0] if ink == _PALE else ink
        x += int(bar + gap)


def stick_label(
    rng: np.random.Generator, surface: Surface, at_xy: tuple[float, float], angle: float, unit: float, *, barcode: bool
) -> NDArray[np.bool_]:
    """Puts a label on a surface, slightly out of square, and returns its mask bool [H, W].

    Args:
        rng: random generator.
        surface: changed in place; its relief stays, so the label wrinkles with it.
        at_xy: centre, pixels.
        angle: direction of its text, radians.
        unit: pixels per design pixel.
        barcode: whether it carries a barcode: nothing else tells the two kinds of labels apart.
    """
    width, height = rng.uniform(46, 86) * unit, rng.uniform(32, 54) * unit
    card = draw_print(rng, round(width * _OVERSAMPLING), round(height * _OVERSAMPLING), barcode=barcode)
    c, s = np.cos(angle), np.sin(angle)
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]
    corners = corners + rng.uniform(-0.05, 0.05, (4, 2)) * [width, height]
    target = (corners @ np.array([[c, s], [-s, c]]) + np.array(at_xy)).astype(np.float32)
    h, w = card.shape[:2]
    source = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    hw = surface.cover.shape
    card = cv2.GaussianBlur(card, (0, 0), _OVERSAMPLING * 0.4).astype(np.float32) / 255
    turn = cv2.getPerspectiveTransform(source, target)
    flat = cv2.warpPerspective(card, turn, hw[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    cover = np.zeros(hw, np.uint8)
    cv2.fillConvexPoly(cover, np.round(target * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
    weight = cover.astype(np.float32) * np.float32(1 / 255)
    printed = rng.random() < 0.25
    edge = cv2.GaussianBlur(weight, (0, 0), 1.5 * unit) * (1 - weight)
    surface.albedo *= (1 - np.float32(0.0 if printed else 0.5) * edge)[..., None]
    blend(surface.albedo, weight * np.float32(0.8 if printed else 1.0), flat)
    if not printed:
        surface.slope *= 1 - np.float32(0.35) * weight
        surface.gloss += weight * np.float32(0.1)
    return cover > 127

"""The workshop: shapes, parts and marks with their attributes in words, as the tiny teachers are pretrained on them."""

from dataclasses import replace

import numpy as np

from gsam_edge.synthetic.scene import Scene
from gsam_edge.synthetic.shapes import SHAPES
from gsam_edge.synthetic.workshop.backdrop import roller
from gsam_edge.synthetic.workshop.canvas import Canvas
from gsam_edge.synthetic.workshop.config import WorkshopConfig
from gsam_edge.synthetic.workshop.drawing import Drawing
from gsam_edge.synthetic.workshop.flaws import FLAWS
from gsam_edge.synthetic.workshop.optics import photograph
from gsam_edge.synthetic.workshop.parts import PARTS
from gsam_edge.synthetic.workshop.phrases import Look, draw_look, draw_told

#: Least longest side, pixels (and at most a third of the image), at which a thing can be told from its look-alikes.
_SMALLEST = {"shape": 20, "part": 34, "long": 52, "counted": 46, "flaw": 16, "long flaw": 28}

#: Smaller shapes, in pixels, have no texture: it could not be told.
_ROOMY = 28


def draw_workshop_scene(rng: np.random.Generator, config: WorkshopConfig) -> Scene:
    """Draws one image of the workshop.

    All phrases of an image tell the same attributes, so that no phrase is true of an object that has another one. Large
    objects are drawn first; an object on top hides pixels of those beneath.

    Args:
        rng: random generator; the same state draws the same image.
        config: limits of the world.

    Returns:
        A scene of `image_size` pixels with at least one object, each at least `min_visible` visible.
    """
    told = draw_told(rng, config)
    canvas = Canvas(rng, config)
    wanted = int(rng.integers(config.min_objects, config.max_objects + 1))
    looks: list[Look] = []
    for _ in range(wanted):
        looks.append(draw_look(rng, config, looks))
    extents = np.exp(rng.uniform(np.log(config.min_extent), np.log(config.max_extent), wanted)) * config.image_size
    sized = [(_extent(look, extent, config), look) for look, extent in zip(looks, extents, strict=True)]
    for extent, drawn_look in sorted(sized, key=lambda pair: pair[0], reverse=True):
        look = drawn_look if extent > _ROOMY else replace(drawn_look, texture="plain")
        angle = look.angle(rng, told)
        drawing = _drawing(rng, look)
        squeeze = rng.uniform(*SHAPES[look.noun].squeeze) if look.noun in SHAPES else 1.0
        for _ in range(6):
            if canvas.place(look, drawing, extent / 2, squeeze, angle):
                break
    while not canvas.looks:
        canvas.place(Look("circle", "white" if canvas.image.mean() < 0.5 else "black"), _shape("circle"), 24, 1.0, 0.0)
    if rng.random() < config.roller_probability:
        canvas.hide_behind(*roller(rng, config.image_size))
    return Scene(
        image=photograph(rng, canvas.image, config.optics),
        masks=canvas.owner[None] == np.arange(len(canvas.looks), dtype=np.int16)[:, None, None],
        phrases=tuple(look.phrase(told) for look in canvas.looks),
    )


def _shape(name: str) -> Drawing:
    return Drawing(SHAPES[name].contours)


def _drawing(rng: np.random.Generator, look: Look) -> Drawing:
    if look.noun in SHAPES:
        return _shape(look.noun)
    return PARTS[look.noun].draw(rng, look.count) if look.noun in PARTS else FLAWS[look.noun].draw(rng)


def _extent(look: Look, extent: float, config: WorkshopConfig) -> float:
    """Returns the longest side in pixels: the drawn one within the limits of its kind."""

    def at_least(kind: str) -> float:
        return min(_SMALLEST[kind], config.image_size / 3)

    if look.noun in SHAPES:
        return max(extent, at_least("shape"))
    if look.noun in PARTS:
        part = PARTS[look.noun]
        return max(extent, at_least("counted" if part.counted else "long" if part.is_long else "part"))
    largest = config.max_flaw_extent * config.image_size * (0.5 if look.noun == "speck" else 1.0)
    return max(min(extent, largest), at_least("long flaw" if FLAWS[look.noun].is_long else "flaw"))

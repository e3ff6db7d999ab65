"""The two inspection lines of the sample world: their belts, their lamps and their cameras' exposure."""

from dataclasses import dataclass

Colour = tuple[float, float, float]
Span = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """What all images of one line share.

    Attributes:
        name: as image records say it.
        belts: reflectances of its belts, RGB 0..1.
        reliefs: surfaces of its belts, names of `belt.RELIEFS`.
        elevation: height of the lamp over the belt, radians, smallest and largest; a low lamp draws relief and shadow.
        shadow: depth of the shadow that a bag casts, 0..1, smallest and largest.
        reach: length of that shadow, pixels of an image of 320, smallest and largest.
        exposure: factor of the brightness, smallest and largest.
        white: tint of lamp and camera, factors of RGB.
    """

    name: str
    belts: tuple[Colour, ...]
    reliefs: tuple[str, ...]
    elevation: Span
    shadow: Span
    reach: Span
    exposure: Span
    white: Colour


#: The line whose images are labelled: black and grey rubber in diffuse, neutral light.
LINE_A = Line(
    name="A",
    belts=((0.13, 0.13, 0.14), (0.3, 0.3, 0.31), (0.2, 0.2, 0.22)),
    reliefs=("ribs", "rubber"),
    elevation=(0.95, 1.25),
    shadow=(0.35, 0.5),
    reach=(5, 10),
    exposure=(0.9, 1.2),
    white=(0.99, 1.0, 1.02),
)

#: The line that only images without labels and test images show: coloured belts below one low, warm lamp.
LINE_B = Line(
    name="B",
    belts=((0.12, 0.3, 0.22), (0.14, 0.24, 0.38), (0.46, 0.41, 0.33)),
    reliefs=("weave", "nubs"),
    elevation=(0.5, 0.7),
    shadow=(0.55, 0.75),
    reach=(14, 24),
    exposure=(0.65, 0.95),
    white=(1.14, 1.0, 0.78),
)

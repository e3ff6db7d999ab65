"""Reads the lines of YOLO's label files: `class x y width height` or `class x0 y0 x1 y1 ...`, shares of the image."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gsam_edge.coco.importers.reading import number

#: Coordinates may pass the image's edges by its own size; beyond, they are no shares.
_LEAST_SHARE, _LARGEST_SHARE = -1.0, 2.0
#: What follows each key point that is visible.
_VISIBLE = 2


@dataclass(frozen=True)
class YoloObject:
    """An object of a label file.

    Attributes:
        class_number: as the file has it; it may be no whole number.
        box: x and y of the centre, width and height; None for a polygon.
        polygon: x0, y0, x1, y1, ...; None for a box.
        confidence: of the model that drew it; None where there is none.
        key_points: how many numbers of key points follow the box.
    """

    class_number: float
    box: Sequence[float] | None
    polygon: Sequence[float] | None
    confidence: float | None
    key_points: int


def object_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yields the lines with content and their numbers, counted from 1; what follows a `#` is a comment."""
    for row, line in enumerate(text.splitlines(), start=1):
        content = line.partition("#")[0].strip()
        if content:
            yield row, content


def is_like_object(line: str) -> bool:
    """Whether a line is made of five numbers or more, as objects are and words are not."""
    try:
        return len([number(word) for word in line.split()]) >= 5
    except ValueError:
        return False


def read_object(line: str, key_points: int | None) -> YoloObject:
    """Reads one line.

    After the class stand four numbers for a box, and an even number from six on for a polygon. One more, from 0 to 1,
    is the confidence of a model.

    Args:
        line: the line.
        key_points: how many numbers of key points follow each box, as data.yaml states; None where it states none.

    Raises:
        ValueError: if it is none of these.
    """
    class_number, *values = (number(word) for word in line.split())
    lengths = [4] if key_points is None else [4, 4 + key_points]
    is_box = len(values) in (*lengths, *(length + 1 for length in lengths))
    is_polygon = key_points is None and len(values) >= 6
    if not (is_box or is_polygon):
        expected = "4 numbers" if key_points is None else f"4 numbers or {4 + key_points}"
        points = ", or 3 points and more" if key_points is None else ""
        raise ValueError(f"expected {expected} after the class{points}, got {len(values)}")
    confidence = values.pop() if (len(values) not in lengths if is_box else len(values) % 2) else None
    if confidence is not None and not 0 <= confidence <= 1:
        raise ValueError(
            f"expected a confidence from 0 to 1 as the last of {len(values) + 1} numbers, got {confidence}"
        )
    shares = values[:4] if is_box else values
    for share in shares:
        if not _LEAST_SHARE <= share <= _LARGEST_SHARE:
            raise ValueError(f"expected shares of the image from 0 to 1, got {share}: pixels?")
    if not is_box:
        if _VISIBLE in shares:
            raise ValueError(
                f"expected points as shares of the image, got {_VISIBLE}, with which key points are marked as visible: "
                "state kpt_shape in data.yaml"
            )
        return YoloObject(class_number, None, shares, confidence, 0)
    if shares[2] <= 0 or shares[3] <= 0:
        raise ValueError(f"expected a width and a height above 0, got {shares[2]} and {shares[3]}")
    return YoloObject(class_number, shares, None, confidence, len(values) - 4)

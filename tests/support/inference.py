"""Engines and sources for tests of inference, which need no backend."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsam_edge.runtime import Card, Detector
from gsam_edge.runtime.tensors import InputTensor

NAMES = ("red", "green")
SIDE = 32


class FindsSquares:
    """An engine that finds every full square of one colour on black, whole, with a mask, and counts its calls.

    A square's score is its brightness; of a square that the edge cuts, the part that is seen is found.
    """

    suffixes = (".squares",)
    device = "cpu"

    def __init__(self, *, several: bool, side: int = SIDE, masks: bool = True) -> None:
        self.card = Card("detect", NAMES, side, "yolov8-seg", "0.1.0", recommended_thresholds=(0.3, 0.5))
        self.inputs = (InputTensor("images", (None if several else 1, 3, side, side), "float32"),)
        self.outputs = ("boxes", "scores", "class_ids", "masks") if masks else ("boxes", "scores", "class_ids")
        self.calls: list[int] = []

    def run(self, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        self.calls.append(len(batch))
        answers = [self._one(image) for image in batch]
        return {name: np.stack([answer[name] for answer in answers]) for name in self.outputs}

    def close(self) -> None:
        self.calls.append(0)

    def _one(self, image: NDArray[np.float32], most: int = 8) -> dict[str, NDArray[Any]]:
        """Finds the parts of one colour that do not touch, by their columns and lines."""
        side = image.shape[1]
        found: list[tuple[list[int], float, int, NDArray[np.float32]]] = []
        padding = np.isclose(image, 114 / 255).all(0)
        for class_id in range(len(NAMES)):
            seen = (image[class_id] > 0.1) & ~padding & (image[2] < 0.1)
            for part in _parts(seen):
                lines, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
                box = [columns[0], lines[0], columns[-1] + 1, lines[-1] + 1]
                found.append((box, float(image[class_id][part].mean()), class_id, part.astype(np.float32)))
        found = sorted(found, key=lambda one: -one[1])[:most]
        answer = {
            "boxes": np.zeros((most, 4), np.float32),
            "scores": np.zeros(most, np.float32),
            "class_ids": np.zeros(most, np.int64),
            "masks": np.zeros((most, side, side), np.float32),
        }
        for row, (box, score, class_id, part) in enumerate(found):
            answer["boxes"][row], answer["scores"][row], answer["class_ids"][row] = box, score, class_id
            answer["masks"][row] = part
        return answer


def _parts(seen: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Returns the parts of a mask that touch no other, grown from one pixel each."""
    left, parts = seen.copy(), []
    while left.any():
        part = np.zeros_like(left)
        part[tuple(np.argwhere(left)[0])] = True
        size = 0
        while part.sum() != size:
            size = part.sum()
            grown = np.pad(part, 1)
            grown = grown[:-2, 1:-1] | grown[2:, 1:-1] | grown[1:-1, :-2] | grown[1:-1, 2:] | part
            part = grown & left
        parts.append(part)
        left &= ~part
    return parts


def detector(*, several: bool = False, side: int = SIDE, masks: bool = True) -> tuple[Detector, FindsSquares]:
    """Returns a detector of squares and its engine."""
    engine = FindsSquares(several=several, side=side, masks=masks)
    return Detector(engine), engine


def squares(image_hw: tuple[int, int], *objects: tuple[int, int, int, int], value: int = 255) -> NDArray[np.uint8]:
    """Returns a black image with squares (class id, left, top, side)."""
    image = np.zeros((*image_hw, 3), np.uint8)
    for class_id, left, top, side in objects:
        image[top : top + side, left : left + side, class_id] = value
    return image


def png(image: NDArray[np.uint8]) -> bytes:
    """Returns an image as a PNG file."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def image_folder(folder: Path, count: int) -> Path:
    """Writes so many images, `0.png` to ..., each with one red square at another place."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        (folder / f"{number}.png").write_bytes(png(squares((SIDE, SIDE), (0, number % 20, 3, 6))))
    return folder


def unwatched(items: Any, count: int) -> Any:
    """Goes through items without showing how far it is."""
    return items


def killed_after(count: int) -> Callable[[Any, int], Any]:
    """Returns a watch that raises KeyboardInterrupt in place of the item after so many."""

    def watch(items: Any, total: int) -> Any:
        for number, item in enumerate(items):
            if number == count:
                raise KeyboardInterrupt
            yield item

    return watch

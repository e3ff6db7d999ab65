"""Compares the outputs of two artefacts of one student."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.export.calibration import Canvases
from gsam_edge.export.format import Precision, StudentModule
from gsam_edge.runtime.card import ArtefactError
from gsam_edge.runtime.engines.engine import Engine
from gsam_edge.runtime.tasks.detect import MASKS_NAME
from gsam_edge.runtime.tasks.table import output_names
from gsam_edge.vision.boxes import box_iou

logger = logging.getLogger(__name__)

#: One image's raw outputs by name, as `Engine.run` gives them.
Outputs = Mapping[str, NDArray[Any]]


class RunFailedError(RuntimeError):
    """An artefact's backend opened it and then failed to run it; the message is a sentence on the artefact."""


class Tolerances(BaseModel):
    """How far the outputs of two artefacts may differ where they find the same object."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    box_tolerance: float = Field(ge=0, description="largest difference of a box's edge in canvas pixels")
    score_tolerance: float = Field(ge=0, le=1, description="largest difference of a score")
    mask_tolerance: float = Field(ge=0, le=1, description="largest difference of a mask's probability")
    stage_tolerance: float = Field(
        ge=0, le=1, description="largest difference at the end of a stage, as a share of its tensor's largest value"
    )


class ParityConfig(Tolerances):
    """Thresholds for comparing two artefacts of one student, and the tolerances of single precision."""

    images: int = Field(ge=1, description="images that are compared")
    score_threshold: float = Field(ge=0, le=1, description="objects that score less are not compared")
    match_iou: float = Field(gt=0, le=1, description="least box IoU of two objects of one class that are the same one")
    agreement: float = Field(
        gt=0, le=1, description="least share of objects, and of a stage's values, within the tolerances"
    )
    half: Tolerances = Field(description="the tolerances of formats that compute in half precision")

    def for_precision(self, precision: Precision) -> "ParityConfig":
        """Returns the configuration with the tolerances of a precision; integer formats are reported by single's."""
        return self.model_copy(update=self.half.model_dump()) if precision == "half" else self


@dataclass(frozen=True)
class Parity:
    """The result of a comparison over all images.

    Two candidates whose scores differ in the last bit may change places in the suppression, so one object that only one
    side finds does not prove an artefact wrong, while a wrong one fails at nearly all objects.

    Attributes:
        images: number of images.
        objects: objects that either finds, each once; of those that one finds alone, only what scored above the
            threshold by more than the score tolerance.
        found_by_both: how many of them both find.
        equal: how many of those are within all tolerances.
        box_difference: largest difference of matched objects' box edges in canvas pixels; None where nothing matched,
            and, as of the others, where a number is NaN or infinite.
        score_difference: likewise of their scores.
        mask_difference: likewise of their masks' probabilities, inside the box and off its edge; None without masks,
            too.
        within_tolerance: whether there are objects, and enough of them are equal.
    """

    images: int
    objects: int
    found_by_both: int
    equal: int
    box_difference: float | None
    score_difference: float | None
    mask_difference: float | None
    within_tolerance: bool

    @property
    def words(self) -> str:
        """The counts as a sentence."""
        if not self.objects:
            return f"nothing to compare: neither it nor PyTorch finds an object in {_count(self.images, 'image')}"
        return (
            f"of {_count(self.objects, 'object')} in {_count(self.images, 'image')}, it and PyTorch both find "
            f"{self.found_by_both}, {self.equal} of them equal within the tolerances"
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns the counts, the differences and `words` for JSON; what does not apply is absent."""
        values = asdict(self) | {"words": self.words}
        del values["within_tolerance"]
        return {key: value for key, value in values.items() if value is not None}


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def parity(pairs: Iterable[tuple[Outputs, Outputs]], config: ParityConfig) -> Parity:
    """Compares raw outputs of two artefacts, image by image.

    Objects are the same if they have one class and overlap by `match_iou`; best overlaps are taken first.

    Args:
        pairs: outputs of the reference and of the other artefact for the same canvas: `boxes` [1, N, 4] in canvas
            pixels, `scores` [1, N], `class_ids` [1, N] and `masks` [1, N, h, w] where the student has them.
        config: thresholds and tolerances.

    Raises:
        ValueError: if there is no pair, or only one of a pair has masks.
    """
    differences: list[tuple[float, float, float]] = []  # of boxes, scores and masks, per matched object
    images = unmatched = 0
    has_masks = False
    for reference, other in pairs:
        if (MASKS_NAME in reference) != (MASKS_NAME in other):
            raise ValueError(
                f"parity: expected both artefacts to have masks or none, got {list(reference)}, {list(other)}"
            )
        images += 1
        has_masks = MASKS_NAME in reference
        rows, other_rows, alone_count = _match(reference, other, config)
        unmatched += alone_count
        for row, other_row in zip(rows, other_rows, strict=True):
            box = float(np.abs(reference["boxes"][0, row] - other["boxes"][0, other_row]).max())
            score = float(abs(reference["scores"][0, row] - other["scores"][0, other_row]))
            differences.append((box, score, _mask_difference(reference, other, row, other_row) if has_masks else 0.0))
    if images == 0:
        raise ValueError("parity: expected at least one image, got none")
    found = np.array(differences).reshape(-1, 3)
    tolerated = (found <= [config.box_tolerance, config.score_tolerance, config.mask_tolerance]).all(axis=1)
    objects, equal = len(found) + unmatched, int(tolerated.sum())
    largest = found.max(axis=0).tolist() if len(found) else [None] * 3
    box_difference, score_difference, mask_difference = (finite(value) for value in largest)
    return Parity(
        images=images,
        objects=objects,
        found_by_both=len(found),
        equal=equal,
        box_difference=box_difference,
        score_difference=score_difference,
        mask_difference=mask_difference if has_masks else None,
        within_tolerance=bool(objects) and equal >= config.agreement * objects,
    )


def finite(value: float | None) -> float | None:
    """Returns the number, or None for one that is NaN or infinite, which no report can hold."""
    return value if value is not None and isfinite(value) else None


def compare_with_torch(student: StudentModule, engine: Engine, canvases: Canvases, config: ParityConfig) -> Parity:
    """Returns `parity` of a PyTorch student, the reference, and an opened artefact of it.

    Raises:
        ArtefactError: if the artefact has other outputs than the student, by names or shapes.
        RunFailedError: see `run_artefact`.
    """
    return parity((_pair(student, engine, canvases[index]) for index in range(len(canvases))), config)


def _pair(student: StudentModule, engine: Engine, batch: NDArray[np.float32]) -> tuple[Outputs, Outputs]:
    reference, other = torch_outputs(student, batch), run_artefact(engine, batch)
    expected, got = ({name: outputs[name].shape for name in outputs} for outputs in (reference, other))
    if expected != {name: got.get(name) for name in expected}:
        raise ArtefactError(f"expected the student's outputs {expected}, got {got}")
    return reference, other


def run_artefact(engine: Engine, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Returns what `engine.run` does.

    Raises:
        RunFailedError: if the backend raises anything.
    """
    try:
        return engine.run(batch)
    except Exception as error:  # a backend may raise whatever it likes, and the run goes on without the artefact
        logger.exception("%s fails to run an artefact", type(engine).__name__)
        raise RunFailedError(f"it fails to run: {type(error).__name__}: {error}") from error


def torch_outputs(student: StudentModule, batch: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Returns a student's outputs for one canvas, float32 [1, 3, S, S], by the names that its exported form uses."""
    import torch

    device = next(student.module.parameters()).device
    with torch.no_grad():
        answer = student.module.eval()(torch.from_numpy(batch).to(device))
    names = output_names(student.card, len(answer))
    return {name: tensor.cpu().numpy() for name, tensor in zip(names, answer, strict=True)}


def _match(reference: Outputs, other: Outputs, config: ParityConfig) -> tuple[list[int], list[int], int]:
    """Returns the rows of the same objects in both, and the number of unmatched objects clearly above the threshold.

    Objects are matched down to a score tolerance below the threshold, so that rounding around it leaves none unmatched.
    """
    low = max(config.score_threshold - config.score_tolerance, np.finfo(np.float32).tiny)
    rows, other_rows = (np.flatnonzero(outputs["scores"][0] >= low) for outputs in (reference, other))
    overlap = box_iou(reference["boxes"][0, rows], other["boxes"][0, other_rows])
    overlap[reference["class_ids"][0, rows][:, None] != other["class_ids"][0, other_rows][None, :]] = 0
    pairs = []
    while overlap.size and overlap.max() >= config.match_iou:
        i, j = np.unravel_index(overlap.argmax(), overlap.shape)
        pairs.append((int(i), int(j)))
        overlap[i, :] = overlap[:, j] = 0
    alone_count = 0
    for outputs, found, taken in ((reference, rows, [i for i, _ in pairs]), (other, other_rows, [j for _, j in pairs])):
        alone = np.delete(found, taken)
        alone_count += int((outputs["scores"][0, alone] >= config.score_threshold + config.score_tolerance).sum())
    return [int(rows[i]) for i, _ in pairs], [int(other_rows[j]) for _, j in pairs], alone_count


def _mask_difference(reference: Outputs, other: Outputs, row: int, other_row: int) -> float:
    """Returns the largest difference of two masks where the reference and its eight neighbours are above 0.

    A mask may be 0 outside its box; a box that moves by a rounding then moves this edge by a whole pixel.
    """
    mask = reference[MASKS_NAME][0, row]
    valued = np.pad(mask > 0, 1)
    height, width = mask.shape
    inner = np.logical_and.reduce([valued[y : y + height, x : x + width] for y in range(3) for x in range(3)])
    return float(np.abs(mask - other[MASKS_NAME][0, other_row]).max(initial=0, where=inner))

"""Combines a teacher that finds objects with one that draws their masks into a single predictor.

With Grounding DINO and SAM this is Grounded SAM (Ren et al. 2024, arXiv:2401.14159).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.family import Base, Setting, TeacherPredict
from gsam_edge.teachers.lora.adapter import Adapter
from gsam_edge.teachers.table import TEACHERS
from gsam_edge.training.device import DeviceName
from gsam_edge.vision import Detections


class Part(NamedTuple):
    """A teacher as a part of the combination.

    Attributes:
        name: name of its family.
        base: its base.
        adapter: its adapter, or None for the untuned base.
    """

    name: str
    base: Base
    adapter: Adapter | None


@dataclass(frozen=True)
class FinderAndOutliner:
    """The teachers that a dataset calls for, combined.

    Attributes:
        find: finds boxes, perhaps with masks; None where the boxes are always given.
        outline: draws masks; None where no masks are wanted, or the finder has its own.

    Raises:
        ValueError: if both are None.
    """

    find: TeacherPredict | None
    outline: TeacherPredict | None

    def __post_init__(self) -> None:
        if self.find is None and self.outline is None:
            raise ValueError("teacher: expected a finder, an outliner or both, got neither")

    def predict(self, image: NDArray[np.uint8], prompt: Detections | None = None) -> Detections:
        """Predicts the objects of an image.

        Args:
            image: uint8 [H, W, 3], RGB.
            prompt: known boxes, required where there is no finder. They get masks; no objects are searched for.

        Returns:
            Without a prompt the finder's boxes, scores and class scores, with the outliner's masks where there is one.
            With one, the outliner's output for it.

        Raises:
            ValueError: if there are neither boxes nor a finder, or boxes but no outliner.
        """
        if prompt is None:
            if self.find is None:
                raise ValueError("teacher: expected the boxes of the objects, since a finder is absent; got none")
            found = self.find(image, None)
            return found if self.outline is None else replace(found, masks=self.outline(image, found).masks)
        if self.outline is None:
            raise ValueError("teacher: expected an outliner to draw the masks of the given boxes, but it is absent")
        return self.outline(image, prompt)


def teacher_predictor(
    *,
    finder: Part | None,
    outliner: Part | None,
    class_names: tuple[str, ...],
    detection: DetectionConfig,
    device: DeviceName,
    own_masks: bool = False,
    keep_bases: bool = True,
) -> Callable[..., Detections]:
    """Builds teachers with their adapters, as a function `predict(image)` or `predict(image, prompt)`.

    A `functools.partial` of this function over its arguments can be pickled and called in another process.

    Args:
        finder: the teacher that finds the objects, or None.
        outliner: the teacher that draws their masks, or None.
        class_names: by class id.
        detection: threshold and suppression.
        device: where to predict.
        own_masks: see `Setting`.
        keep_bases: see `Setting.keep_base`.

    Raises:
        ValueError: if there is no teacher at all.
        AdapterError: if an adapter does not fit its base.
    """
    setting = Setting(class_names, detection, device, own_masks, keep_bases)
    find, outline = (
        None if part is None else TEACHERS[part.name].predictor(part.base, part.adapter, setting)
        for part in (finder, outliner)
    )
    return FinderAndOutliner(find, outline).predict

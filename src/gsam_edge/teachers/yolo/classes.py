"""Which of the weights' classes means which of the data's."""

import logging
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from gsam_edge.coco.class_names import plain_name
from gsam_edge.teachers.errors import ClassMatchError

logger = logging.getLogger(__name__)


class Asked(BaseModel):
    """How a YOLO is asked; an adapter carries it in its `facts`.

    Attributes:
        class_names: for each class of the data, by class id, the names of the weights' classes that mean it; none for a
            class that the weights do not know.
        weights_class_names: by class id of the weights. They are part of what the weights are: the same tensors under
            other names find other things.
        image_size: side of the square network input in pixels.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_names: tuple[tuple[str, ...], ...]
    weights_class_names: tuple[str, ...]
    image_size: int

    @property
    def columns(self) -> list[list[int]]:
        """For each class of the data the ids of the weights' classes that mean it, of all that share a name."""
        return [
            [class_id for class_id, name in enumerate(self.weights_class_names) if name in meant]
            for meant in self.class_names
        ]


def match_classes(
    theirs: Sequence[str], ours: Sequence[str], mapping: Mapping[str, str]
) -> tuple[tuple[str, ...], ...]:
    """For each class of the data, the names of the weights' classes that mean it.

    Args:
        theirs: names of the weights' classes.
        ours: names of the data's classes, by class id.
        mapping: theirs to ours, where they differ. A name that is not in it means the class of the same name; where
            there is none, names are compared without regard to case, spaces, hyphens and underscores.

    Raises:
        ClassMatchError: if the mapping names a class that does not exist, a name may mean several of ours, or no class
            is shared.
    """
    unknown = sorted(set(mapping) - set(theirs)), sorted(set(mapping.values()) - set(ours))
    if any(unknown):
        raise ClassMatchError(
            f"yolo.classes: expected names of the weights' classes {list(theirs)} to names of the data's {list(ours)}; "
            f"the weights do not know {unknown[0]}, the data does not know {unknown[1]}"
        )
    meant: dict[str, list[str]] = {name: [] for name in ours}
    similar: dict[str, list[str]] = {}
    for name in meant:
        similar.setdefault(plain_name(name), []).append(name)
    for name in dict.fromkeys(theirs):
        exact = mapping.get(name, name)
        alike = [exact] if exact in meant else similar.get(plain_name(name), [])
        if len(alike) > 1:
            raise ClassMatchError(
                f"yolo: expected one class of the data that the weights' class {name!r} means, got {alike}, which "
                "differ only in case, spaces, hyphens or underscores; say in yolo.classes which one, as {their name: "
                "your name}"
            )
        for our_name in alike:
            meant[our_name].append(name)
    missing = [name for name in ours if not meant[name]]
    if len(missing) == len(ours):
        raise ClassMatchError(
            f"yolo: expected weights that know a class of the data, {list(ours)}, got weights of {list(theirs)}; say "
            "in yolo.classes which of theirs means which of yours, as {their name: your name}"
        )
    if missing:
        logger.warning(
            "yolo: the weights know no class called %s; it is not found. If they have it under another name, say so in "
            "yolo.classes. They know: %s",
            ", ".join(missing),
            ", ".join(theirs),
            extra={"markup": False},
        )
    return tuple(tuple(meant[name]) for name in ours)


def class_scores(scores: NDArray[np.float32], columns: Sequence[Sequence[int]]) -> NDArray[np.float32]:
    """Scores [N, K] of the weights' classes as those of the data's [N, C]: the highest of those that mean a class.

    A class that the weights do not know is NaN: nothing was said about it.
    """
    ours = np.full((len(scores), len(columns)), np.nan, np.float32)
    for class_id, meant in enumerate(columns):
        if meant:
            ours[:, class_id] = scores[:, list(meant)].max(1)
    return ours

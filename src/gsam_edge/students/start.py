"""What a student's training starts from, and how much of it fitted."""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from torch import Tensor

from gsam_edge.coco.class_names import plain_name
from gsam_edge.students.choice import StudentConfig
from gsam_edge.students.table import ARCHITECTURES
from gsam_edge.students.weights import StudentWeights
from gsam_edge.training.weights_file import read_checkpoint

logger = logging.getLogger(__name__)

#: Ending of the weights files of Ultralytics; any other file is a student of this project.
ULTRALYTICS_SUFFIX = ".pt"


@dataclass(frozen=True)
class Start:
    """Weights that a training starts from, as far as they fit.

    Attributes:
        name: file or training that they come from.
        digest: SHA-256 of their file, hexadecimal.
        class_names: their classes, by class id.
        tensors: the state of their network by name, in any precision.
    """

    name: str
    digest: str
    class_names: tuple[str, ...]
    tensors: Mapping[str, Tensor]

    @classmethod
    def of(cls, weights: StudentWeights, name: str) -> Self:
        """Makes a start of a student's weights.

        Args:
            weights: the student.
            name: file or training that it comes from.
        """
        return cls(name, weights.digest, weights.class_names, weights.tensors)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a student of this project, or a `.pt` file of Ultralytics, in which nothing is run.

        Raises:
            StudentWeightsError: if a file of another ending is no student of this project.
            FileError: if a `.pt` file is damaged or names anything but layers.
        """
        if path.suffix != ULTRALYTICS_SUFFIX:
            return cls.of(StudentWeights.from_bytes(path.read_bytes()), path.name)
        content = read_checkpoint(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return cls(path.name, digest, content.class_names, content.tensors)


@dataclass(frozen=True)
class Transfer:
    """What a network took over from the weights that its training starts from.

    Attributes:
        start: the weights; None where all are random.
        tensors_taken: tensors that were taken over as a whole.
        tensors: tensors of the network.
        share: of the network's elements, those that were taken over (0..1).
        backbone_share: the same of its backbone, the layers before its neck and head (0..1).
        classes: names of the network's classes whose rows were taken over.
        random: by layer ("22 Detect") the share of its elements that is left random, where there are any (0..1).
    """

    start: Start | None
    tensors_taken: int
    tensors: int
    share: float
    backbone_share: float
    classes: tuple[str, ...]
    random: Mapping[str, float]

    def report(self) -> dict[str, Any]:
        """Returns it as JSON values: `from`, `digest`, `tensors` {taken, total}, `share`, `backbone_share`, `classes`,
        `random`; of a random start `from` alone.
        """
        if self.start is None:
            return {"from": "random weights"}
        return {
            "from": self.start.name,
            "digest": self.start.digest,
            "tensors": {"taken": self.tensors_taken, "total": self.tensors},
            "share": self.share,
            "backbone_share": self.backbone_share,
            "classes": list(self.classes),
            "random": dict(self.random),
        }


def announce(transfer: Transfer, architecture: str, student: StudentConfig) -> None:
    """Logs what a training starts from; warns where that is practically a random start.

    Args:
        transfer: what was taken over.
        architecture: the network's.
        student: its size, and from which share on a start counts (`least_start`).
    """
    network = " ".join(filter(None, (architecture, student.size)))
    if transfer.start is None:
        logger.info("student: %s starts from random weights, since no file of weights is named", network)
        return
    classes = f"the classes {', '.join(transfer.classes)}" if transfer.classes else "no class"
    logger.info(
        "student: %s starts from %s (SHA-256 %.12s): %d of its %d tensors, %.2f %% of its elements, %.2f %% of those "
        "of its backbone, and %s; left random, in layers: %s",
        network,
        transfer.start.name,
        transfer.start.digest,
        transfer.tensors_taken,
        transfer.tensors,
        100 * transfer.share,
        100 * transfer.backbone_share,
        classes,
        ", ".join(f"{layer} ({100 * share:.2f} %)" for layer, share in transfer.random.items()) or "none",
        extra={"markup": False},
    )
    if transfer.backbone_share < student.least_start:
        logger.warning(
            "student: practically a random start: %s gives %.2f %% of the backbone of %s, expected at least %.0f %% "
            "(student.least_start). %s, or null, which is a random start on purpose",
            transfer.start.name,
            100 * transfer.backbone_share,
            network,
            100 * student.least_start,
            _advice(architecture, student.size),
            extra={"markup": False},
        )


def _advice(architecture: str, size: str | None) -> str:
    pretrained = ARCHITECTURES[architecture].pretrained.format(size=size)
    known = f"such as Ultralytics' COCO-pretrained {pretrained}" if pretrained else "of an earlier training"
    return f"Name as filepath of student_base in the catalog a file of the same architecture and size, {known}"


def matching_rows(theirs: Sequence[str], ours: Sequence[str]) -> list[tuple[int, int]]:
    """Returns pairs of class ids, theirs and ours, that mean the same class.

    A class means the one of exactly its name, else the one of the same `plain_name`, if just one of each is called so.
    """
    exact = {name: row for row, name in reversed(list(enumerate(theirs)))}  # the first of several
    plain = {plain_name(name): row for row, name in enumerate(theirs)}
    times = Counter(map(plain_name, theirs)), Counter(map(plain_name, ours))
    pairs = []
    for row, name in enumerate(ours):
        key = plain_name(name)
        if name in exact:
            pairs.append((exact[name], row))
        elif key in plain and times[0][key] == times[1][key] == 1:
            pairs.append((plain[key], row))
    return pairs

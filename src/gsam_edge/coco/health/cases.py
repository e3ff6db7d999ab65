"""Input and output of a health check."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations

#: One case as the report shows it.
Example: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Inspected:
    """Input of a health check.

    Attributes:
        annotations: checked and completed annotations.
        duplicates: result of `image_duplicates`; ids of images that are not in the annotations are ignored.
        parts: the annotations of each split by its name; no parts before the images are split.
        related: ids of images that belong together and so in one split; none before the images are split.
    """

    annotations: Annotations
    duplicates: Mapping[str, Any]
    parts: Mapping[str, Annotations] = field(default_factory=dict)
    related: Sequence[Sequence[int]] = ()


@dataclass(frozen=True)
class Cases:
    """All cases of one finding.

    Attributes:
        count: number of cases.
        examples: the cases, worst first.
        image_ids: images that `drop` removes, with their objects.
        rows: objects that `drop` removes or `fix` repairs.
    """

    count: int
    examples: Iterable[Example]
    image_ids: frozenset[int] = frozenset()
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

"""What a health check looks at, and what it gives."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.annotations import Annotations

#: One case, as it stands in the report.
Example: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True)
class Inspected:
    """All that a check may look at.

    Attributes:
        annotations: checked and completed annotations.
        duplicates: what `image_duplicates` gave; ids of images that are not in the annotations are passed over.
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
        count: how many.
        examples: the cases, worst first.
        image_ids: images that `drop` takes out, with their objects.
        rows: objects that `drop` takes out or `fix` mends.
    """

    count: int
    examples: Iterable[Example]
    image_ids: frozenset[int] = frozenset()
    rows: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

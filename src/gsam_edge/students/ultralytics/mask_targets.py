"""The masks that a student learns: how much of each cell of its mask grid an object covers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gsam_edge.students.ultralytics.coverage import learnable_masks
from gsam_edge.students.ultralytics.imports import Format


class CoverageFormat(Format):  # type: ignore[misc]
    """Ultralytics' last transform, with masks of the objects' own area.

    Ultralytics cuts off the coordinates' fractions, fills the polygon with its outline and keeps every fourth pixel or
    so: masks of small objects come out some 20 % too large.
    """

    def _format_segments(
        self, instances: Any, cls: NDArray[np.float32], w: int, h: int
    ) -> tuple[NDArray[np.float32], Any, NDArray[np.float32]]:
        """Returns masks, instances and rows; masks float32 [N, h // mask_ratio, w // mask_ratio] in 0..1.

        See `learnable_masks`.
        """
        grid_hw = h // self.mask_ratio, w // self.mask_ratio
        return learnable_masks(instances.segments / np.float32(self.mask_ratio), grid_hw), instances, cls

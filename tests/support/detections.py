"""What tests ask of Detections."""

import numpy as np

from gsam_edge.vision import Detections


def same(a: Detections, b: Detections) -> bool:
    """Whether two are equal in every part, to the last bit, and of the same types."""
    return all(
        (x is None and y is None) or (x.dtype == y.dtype and np.array_equal(x, y, equal_nan=True))
        for x, y in ((getattr(a, name), getattr(b, name)) for name in vars(a))
    )

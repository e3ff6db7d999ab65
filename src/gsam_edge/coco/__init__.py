"""COCO annotations as a value."""

from gsam_edge.coco.annotations import Annotations

__all__ = ["Annotations"]

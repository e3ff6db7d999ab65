"""Detections, boxes, masks and letterbox geometry: pure functions on arrays."""

from gsam_edge.vision.detections import Detections
from gsam_edge.vision.letterbox import Letterbox

__all__ = ["Detections", "Letterbox"]

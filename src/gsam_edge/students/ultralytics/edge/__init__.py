"""The module to export: from an image tensor to final detections, in operations that every runtime supports."""

from gsam_edge.students.ultralytics.edge.student import EdgeStudent

__all__ = ["EdgeStudent"]

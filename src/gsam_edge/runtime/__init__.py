"""Engines and tasks that run an exported student; they need numpy, Pillow and the engine's own backend, nothing else.

`decode_image` is the function by which the images of training and evaluation are read: a student is as good as
measured on images that come through it.
"""

from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.detector import Detector
from gsam_edge.vision.images import ImageError, decode_image

__all__ = ["ArtefactError", "Card", "Detector", "ImageError", "decode_image"]

"""Engines and tasks that run an exported student; they need numpy, Pillow and the engine's own backend, nothing else.

`decode_image` is the function that reads the images of training and evaluation: a student's measured accuracy holds for
images that it decodes.
"""

from gsam_edge.runtime.card import ArtefactError, Card
from gsam_edge.runtime.detector import Detector
from gsam_edge.vision.images import ImageError, decode_image

__all__ = ["ArtefactError", "Card", "Detector", "ImageError", "decode_image"]

"""Engines that run an exported student; they need numpy, Pillow and their own backend, nothing else.

`decode_image` is the function by which the pictures of training and evaluation are read: a student is as good as
measured on pictures that come through it.
"""

from gsam_edge.runtime.artefact import ArtefactError, StudentCard
from gsam_edge.runtime.onnx_engine import OnnxEngine, onnx_predictor
from gsam_edge.runtime.postprocess import postprocess
from gsam_edge.runtime.preprocess import preprocess
from gsam_edge.vision.images import ImageError, decode_image

__all__ = [
    "ArtefactError",
    "ImageError",
    "OnnxEngine",
    "StudentCard",
    "decode_image",
    "onnx_predictor",
    "postprocess",
    "preprocess",
]

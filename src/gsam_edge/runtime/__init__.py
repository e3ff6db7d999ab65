"""Engines that run an exported student; they need numpy, Pillow and their own backend, nothing else."""

from gsam_edge.runtime.artefact import ArtefactError, StudentCard
from gsam_edge.runtime.onnx_engine import OnnxEngine, onnx_predictor
from gsam_edge.runtime.postprocess import postprocess
from gsam_edge.runtime.preprocess import preprocess

__all__ = ["ArtefactError", "OnnxEngine", "StudentCard", "onnx_predictor", "postprocess", "preprocess"]

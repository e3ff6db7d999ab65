"""Nodes of `optimization`."""

from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.export.int8 import QuantizationConfig
from gsam_edge.export.onnx_export import OnnxConfig
from gsam_edge.export.parity import ParityConfig
from gsam_edge.vision.images import ImageSource


def export_onnx(student_weights: Any, onnx: OnnxConfig) -> bytes:
    """The student as ONNX: `images` in; boxes, scores, class_ids and, where it has them, masks out."""
    from gsam_edge.export.onnx_export import to_onnx
    from gsam_edge.students.ultralytics.edge import EdgeStudent

    return to_onnx(EdgeStudent(student_weights), student_weights.card, onnx)


def quantize_int8(
    student_onnx: bytes, annotations_train: Annotations, images: ImageSource, int8: QuantizationConfig, seed: int
) -> bytes:
    """The same in INT8, its ranges taken from training images."""
    from gsam_edge.export.calibration import CalibrationCanvases
    from gsam_edge.export.int8 import quantize_static

    drawing: dict[str, int] = {"count": int8.calibration_images, "seed": seed}
    canvases = CalibrationCanvases.of_training(student_onnx, annotations_train, images, **drawing)
    return quantize_static(student_onnx, canvases, int8)


def report_optimization(
    student_weights: Any,
    student_onnx: bytes,
    student_onnx_int8: bytes,
    annotations_val: Annotations,
    images: ImageSource,
    parity: ParityConfig,
) -> list[Any]:
    """One row per artefact: artefact, size_mb, prompt_free, parity, verdict (see `export.report`)."""
    from gsam_edge.export.evidence import collect_evidence
    from gsam_edge.students.ultralytics.edge import EdgeStudent

    artefacts = {"student_onnx": (student_onnx, True), "student_onnx_int8": (student_onnx_int8, False)}
    names = [image["file_name"] for image in annotations_val.images]
    return collect_evidence(EdgeStudent(student_weights), artefacts, images, names, parity)


def accept_artefacts(optimization_report: list[dict[str, Any]]) -> None:
    """Ends the run if an artefact was rejected; the report that says why is stored by then."""
    from gsam_edge.export.evidence import require_accepted

    require_accepted(optimization_report)

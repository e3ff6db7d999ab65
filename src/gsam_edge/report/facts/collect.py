"""Collects the facts of a run from what it left."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from platform import python_version
from typing import Any

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.predictions import Predictions
from gsam_edge.metrics.thresholds import thresholds_of
from gsam_edge.report.facts.config import ReportConfig
from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.facts.shown_images import choose_shown, doubted_images, proposed_images
from gsam_edge.vision.images import ImageSource

#: Packages whose versions a figure may depend on.
_PACKAGES = (
    "gsam_edge",
    "kedro",
    "torch",
    "transformers",
    "peft",
    "ultralytics",
    "onnx",
    "onnxruntime",
    "numpy",
    "pillow",
)


def collect_facts(
    truth: Annotations,
    images: ImageSource,
    predictions: Predictions,
    *,
    dataset: str,
    student_digest: str,
    reports: Mapping[str, Any],
    config: ReportConfig,
    most_drop: float,
    match_iou: float,
    unlabelled: ImageSource,
    doubts: Mapping[str, bytes],
) -> Facts:
    """Collects what the report and the model card say, and draws the images.

    Args:
        truth: the test split.
        images: by file name.
        predictions: of the student on that split.
        dataset: folder of the dataset.
        student_digest: SHA-256 of the student's weights.
        reports: by their catalog names, as far as the run left them; `student_thresholds` must be among them.
        config: what is shown.
        most_drop: points of mAP50-95 that the gate lets an artefact lose.
        match_iou: box IoU from which an answer and an object of its class are a pair (0..1).
        unlabelled: images of the folder of unlabelled ones, by name in that folder.
        doubts: names of images whose labels are in doubt to their drawings, JPEG.
    """
    thresholds = thresholds_of(truth.class_names, reports["student_thresholds"])
    digests = {"annotations.json": truth.source, "the split of the images": truth.split_digest}
    shown = choose_shown(
        truth, predictions, images, thresholds, reports.get("failure_report"), config, match_iou=match_iou
    )
    if "review_report" in reports:
        shown += doubted_images(reports["review_report"], doubts, config)
    if "next_to_label" in reports:
        shown += proposed_images(reports["next_to_label"], images, unlabelled, config)
    return Facts(
        dataset=PurePath(dataset).name or dataset,
        reports=reports,
        config=config,
        class_names=truth.class_names,
        digests={
            **{name: digest for name, digest in digests.items() if digest is not None},
            **_teacher_digests(reports.get("teacher_report", {}), reports.get("comparison", ())),
            "the student's weights": student_digest,
        },
        most_drop=most_drop,
        shown_images=shown,
        versions={"python": python_version(), **_versions()},
    )


def _teacher_digests(teachers: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Returns digests of the adapters, and of all that answered as the teacher when it was measured."""
    found = {
        f"the adapter of {name}": part["adapter"]
        for name, part in teachers.items()
        if isinstance(part, Mapping) and "adapter" in part
    }
    for row in rows:
        if row["artefact"] == "teacher" and "digest" in row:
            found["the teacher, with bases, adapters and settings"] = row["digest"]
    return found


def _versions() -> dict[str, str]:
    """Returns the versions of the packages that are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # an extra that is not installed had no part in the figures
    return found

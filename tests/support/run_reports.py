"""The reports of a small made-up run, and the facts of it."""

from collections.abc import Sequence
from typing import Any

from gsam_edge.report.facts.config import ReportConfig
from gsam_edge.report.facts.facts import Facts
from gsam_edge.report.facts.shown_images import ShownImage

CONFIG = ReportConfig(few_objects=10, images=2, image_width=120, jpeg_quality=60)
#: A pixel, as the page holds images.
PIXEL = "data:image/jpeg;base64,/9j/4AAQ"


def counted(objects: int, found: int, false_alarms: int) -> dict[str, Any]:
    """Returns what `metrics.thresholds.at_threshold` says of these counts."""
    return {
        "objects": objects,
        "found": found,
        "missed": objects - found,
        "false_alarms": false_alarms,
        "precision": found / (found + false_alarms),
        "recall": found / objects,
        "f1": 2 * found / (objects + found + false_alarms),
    }


def run_reports(names: Sequence[str] = ("bag", "seam")) -> dict[str, Any]:
    """Returns the reports of a run with two classes, by catalog name: all is well with it.

    Args:
        names: of both classes; they also stand for the names of files, artefacts' runtimes and reasons.
    """
    first, second = names
    at = {
        "threshold": "recommended",
        **counted(100, 94, 3),
        "per_100_images": {"found": 188.0, "missed": 12.0, "false_alarms": 6.0},
        "per_class": {
            first: counted(60, 58, 2) | {"threshold": 0.42},
            second: counted(40, 36, 1) | {"threshold": 0.42},
        },
    }
    figures = {"box_map50": {"value": 0.912, "ci95": [0.881, 0.936]}}
    row = {
        "artefact": "student_onnx_int8",
        "runtime": f"onnxruntime 1.31.1 CPU {first}",
        "device": "cpu",
        "images": 50,
        "objects": 100,
        "box_map50": 0.912,
        "size_mb": 3.8,
        "latency_ms_median": 8.3,
        "latency_ms_p95": 9.9,
        "peak_memory_mb": 96.0,
        "threads": 2,
        "at_threshold": at,
        "stages_ms": {"decode": 1.0, "inference": 7.0},
        "per_class": {first: {"box_map50": 0.95}, second: {"box_map50": 0.87}},
    }
    part = {"images": 50, "annotations": 100, "per_class": {first: 60, second: 40}}
    reasons = [
        {"kind": "missed", "class": first, "text": f"misses {first}", "box": [0, 0, 9, 9]},
        {"kind": "invented", "class": second, "text": f"sees {second} where none is", "box": [0, 0, 9, 9]},
    ]
    return {
        "validation_report": {
            "images": {"in": 150, "kept": 150, "fixed": 0, "dropped": 0},
            "annotations": {"in": 300, "kept": 300, "fixed": 0, "dropped": 0},
            "findings": [
                {
                    "code": "tiny_box",
                    "severity": "warning",
                    "policy": "keep",
                    "count": 3,
                    "meaning": "a box that is tiny",
                    "examples": [{"where": f"annotations of {first}", "detail": second, "file_name": first}],
                }
            ],
            "images_compared": 150,
            "splits": {"train": part, "val": part, "test": part},
            "split": {"why": "images of one group stay together"},
            "statistics": {"per_class": {first: 180, second: 120}},
        },
        "teacher_report": {
            "grounding_dino": {
                "status": "tuned",
                "base": {"map50": 0.02},
                "tuned": {"map50": 0.83},
                "per_class": {first: {"tuned": 0.9}, second: {"tuned": 0.3}},
                "verdict": "better than its base",
                "why": f"of {first} more is found",
                "trainable": 10,
                "total": 100,
            },
            "sam": {"status": "not needed", "why": "the annotations hold no masks"},
        },
        "label_report": {
            "train": {
                "images": 50,
                "labels": 90,
                "precision": 0.8,
                "recall": 0.7,
                "gated": {"objects": 40, "recall": 0.3},
            },
            "gate": {
                first: {"low": 0.1, "high": 0.6, "objects": 60, "labels": 90},
                second: {"objects": 40, "labels": 9},
            },
            "advice": [f"{second!r}: label more"],
            "verdict": "above the floor",
            "why": "of 100 objects the labels hold about 70",
        },
        "distillation_report": {
            "verdict": "distillation adds 3.1 (1.2 to 5.0) mAP50-95 over your labels alone (3 seeds)",
            "titles": {"truth": "your labels alone", "distilled": "distilled"},
            "student": {
                "architecture": "yolov8",
                "size": "n",
                "image_size": 256,
                "parameters": 3022475,
                "start": {"from": first, "share": 0.9},
            },
            "losses": {"box": 1.2},
            "seeds": [0, 1, 2],
            "images": {"test": 50, "labelled": 50, "pool": 100},
            "arms": {
                "truth": {"box_map50_95": {"mean": 0.40, "ci95": [0.37, 0.43]}},
                "distilled": {"box_map50_95": {"mean": 0.43, "ci95": [0.41, 0.46]}},
            },
            "gains": {"truth": {"box_map50_95": {"mean": 0.031, "ci95": [0.012, 0.050]}}},
            "trainings": [
                {"stages": [{"labels": "teacher", "images": 100, "objects": 40, "ignored": 5, "steps": 200}]}
            ],
        },
        "optimization_report": [
            {
                "artefact": "student_onnx_int8",
                "verdict": "accepted: prompt-free, box mAP50-95 +0.1 points",
                "accuracy": {"images": 50, "box_drop": -0.1, "box_drop_ci95": [-0.4, 0.3]},
                "parity": {"words": "of 31 objects both find 31"},
            }
        ],
        "student_thresholds": {
            "split": "val",
            "images": 50,
            "classes": {name: {"threshold": 0.42, "from": "class"} for name in names},
            "all": {"threshold": 0.42},
        },
        "comparison": [{**row, "artefact": "student", "latency_ms_median": 20.0, "size_mb": 12.0}, row],
        "evaluation_report": {
            "split": "test",
            "images": 50,
            "objects": 100,
            "artefacts": {
                "student_onnx_int8": {
                    "figures": figures,
                    "per_class": {
                        first: {"box_map50": {"value": 0.95}, "recall": {"value": 58 / 60, "ci95": [0.9, 0.99]}},
                        second: {"box_map50": {"value": 0.87}},
                    },
                    "per_size": {
                        "small": {"box_map50_95": {"value": 0.7}, "recall": {"value": 0.8, "ci95": [0.7, 0.9]}}
                    },
                    "confusion": {
                        "names": [first, second, "background"],
                        "counts": [[50, 8, 2], [1, 37, 2], [2, 1, 0]],
                    },
                    "curves": {first: [[0.0, 1.0], [0.9, 0.95], [1.0, 0.5]], second: [[0.0, 1.0], [0.9, 0.9]]},
                    "calibration": {
                        "ece": 0.21,
                        "bins": [{"score": 0.5, "correct": 0.7, "count": 9}, {"low": 0.9, "high": 1.0, "count": 0}],
                    },
                    "errors": {"Cls": 0.08, "Miss": 0.17},
                    "error_counts": {"Cls": 4, "Miss": 9},
                    "at_threshold": at,
                }
            },
            "differences": {
                "student_onnx_int8": {
                    "against": "student",
                    "figures": {
                        "box_map50": {
                            "difference": -0.003,
                            "ci95": [-0.007, 0.001],
                            "verdict": "student_onnx_int8 loses 0.3 ± 0.4 points of box mAP50: not distinguishable",
                        }
                    },
                }
            },
        },
        "recommendation": {
            "budget": {"latency_ms": 20.0, "size_mb": None},
            "ship": "student_onnx_int8",
            "file": f"data/06_models/{first}.onnx",
            "digest": "c1f7b0e0",
            "why": "it is the fastest within the budget",
            "others": [{"artefact": "student", "misses": [f"slower than {first}"]}],
        },
        "review_report": {
            "images": {"train": {"looked_at": 50, "of": 60, "doubtful": 2}},
            "candidates": {"class in doubt": 2, "label missing": 0},
            "handed_out": {"images": 1, "candidates": 2},
            "worst": [
                {
                    "rank": 1,
                    "file_name": f"{first}.jpg",
                    "split": "train",
                    "score": 1.2,
                    "candidates": 2,
                    "reasons": [f"{first} may be {second}", f"a label {second} may be missing"],
                }
            ],
        },
        "next_to_label": {
            "images": [
                {
                    "rank": 1,
                    "file_name": f"unlabelled/{second}.jpg",
                    "from": "unlabelled",
                    "score": 3.0,
                    "why": f"the student is unsure of about 3 objects ({first})",
                }
            ],
            "looked_at": 30,
            "of": 30,
        },
        "failure_report": {
            "artefact": "student",
            "thresholds": dict.fromkeys(names, 0.42),
            "totals": {
                "images": 50,
                "with_failures": 9,
                "objects": 100,
                "found": 84,
                "missed": 12,
                "confused": 3,
                "outlined": 1,
                "invented": 6,
            },
            "notable": [f"Objects that are small {first} are lost more often: 12 of 20 (60%), others 5%."],
            "images": [
                {"image_id": 1, "file_name": f"{first}.jpg", "score": 1.0, "counts": "1 missed", "reasons": reasons}
            ],
            "groups": {
                "size": [
                    {
                        "name": f"small {first}",
                        "objects": 20,
                        "missed": 9,
                        "confused": 3,
                        "outlined": 0,
                        "invented": 1,
                        "lost": 0.6,
                        "lost_ci95": [0.4, 0.8],
                        "others": 0.05,
                        "verdict": "lost more often than the others",
                    },
                    {"name": "large", "objects": 0, "missed": 0, "confused": 0, "outlined": 0, "invented": 2},
                ],
                "error": [
                    {
                        "name": "missed",
                        "meaning": f"nothing of {second} is found",
                        "count": 9,
                        "share": 0.5,
                        "objects": 9,
                    }
                ],
            },
        },
        "run_record": {
            "steps": {
                "distillation": {
                    "nodes": {"distil_student": {"ended": "2026-11-27T00:12:20+00:00", "seconds": 3725.0}},
                    "parameters": {"seed": 3, "student": {"size": first}},
                    "commit": "399b316e5f0c-dirty",
                }
            }
        },
    }


def run_facts(reports: dict[str, Any] | None = None, names: Sequence[str] = ("bag", "seam")) -> Facts:
    """Returns the facts of these reports, with an image of each kind."""
    shown_images = [
        ShownImage(kind, f"{names[0]}.jpg", f"Shows {names[1]}.", f"Image {names[0]}", PIXEL, 120, 90)
        for kind in ("found", "missed", "invented", "confused", "doubted", "proposed")
    ]
    return Facts(
        dataset=names[0],
        reports=run_reports(names) if reports is None else reports,
        config=CONFIG,
        class_names=tuple(names),
        digests={"annotations.json": "32cf60a7"},
        most_drop=0.5,
        shown_images=shown_images,
        versions={"torch": f"2.15.0 {names[0]}"},
    )

"""A bundle of the student whose answers are known, unpacked into a folder."""

from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from gsam_edge.export.bundle.bundle import FOLDER, build_bundle
from support.constant_student import CARD, constant_student

NAME = "student_onnx"
STUDENT = constant_student(card=replace(CARD, recommended_thresholds=(0.6, 0.5)))
RECOMMENDATION = {"ship": NAME, "why": "it is the smallest within the budget"}
ROW = {
    "artefact": NAME,
    "digest": sha256(STUDENT).hexdigest(),
    "runtime": "onnxruntime 1.31.1 cpu",
    "device": "cpu",
    "images": 45,
    "objects": 182,
    "box_map50": 0.51234,
    "latency_ms_median": 11.81,
    "threads": 1,
    "intervals": {"box_map50": [0.4021, 0.6021]},
    "at_threshold": {
        "threshold": "recommended",
        "found": 109,
        "objects": 182,
        "false_alarms": 9,
        "per_100_images": {"false_alarms": 20.0},
    },
}
GATE = [{"artefact": NAME, "verdict": "accepted: prompt-free"}]
USE = {
    "max_pixels": 10**6,
    "batch_size": 2,
    "threads": 1,
    "score_threshold": None,
    "tiles": None,
    "drawing": {"width": 64, "sheet_columns": 2, "sheet_rows": 1, "sheet_width": 32},
}


def a_bundle(name: str = NAME, content: bytes = STUDENT, **changed: Any) -> bytes:
    """Returns the bundle of the constant student, with some arguments of `build_bundle` changed."""
    given = {"why": RECOMMENDATION["why"], "comparison": [ROW], "gate": GATE, "use": USE}
    return build_bundle(name, content, **(given | changed))


def files_of(bundle: bytes) -> dict[str, bytes]:
    """Returns the files of a bundle by name in its folder."""
    with ZipFile(BytesIO(bundle)) as archive:
        return {name.removeprefix(f"{FOLDER}/"): archive.read(name) for name in archive.namelist()}


def unpacked(folder: Path, bundle: bytes) -> Path:
    """Unpacks a bundle and returns its folder."""
    with ZipFile(BytesIO(bundle)) as archive:
        archive.extractall(folder)
    return folder / FOLDER

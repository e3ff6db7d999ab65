"""Whole runs on a few images of the sample, as a user starts them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from support.fork_server import forked_kedro_run

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "01_raw" / "sample"
IMAGES = 14


def small_dataset(folder: Path, *, boxes: bool, masks: bool) -> Path:
    """The sample's first images, to be split anew, with only the kinds of labels asked for."""
    content = json.loads((SAMPLE / "annotations.json").read_text())
    content["images"] = content["images"][:IMAGES]
    for image in content["images"]:
        del image["split"]
    ids = {image["id"] for image in content["images"]}
    content["annotations"] = [record for record in content["annotations"] if record["image_id"] in ids]
    for record in content["annotations"]:
        if not boxes:
            del record["bbox"]
        if not masks:
            del record["segmentation"]
    (folder / "images").mkdir(parents=True)
    for image in content["images"]:
        shutil.copy(SAMPLE / image["file_name"], folder / image["file_name"])
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder


def kedro_run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `kedro run` in a process of its own that need not import the libraries."""
    return forked_kedro_run(project, arguments, ROOT / "src")


def typed_kedro_run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs `kedro run` as somebody does who types it: the interpreter and all libraries are started for it."""
    command = [sys.executable, "-m", "kedro", "run", *arguments]
    environment = os.environ | {"COLUMNS": "200", "PYTHONPATH": str(project / "src")}
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False, env=environment)


def report(project: Path, name: str, env: str = "test") -> dict:
    return json.loads((project / "data" / env / "08_reporting" / f"{name}.json").read_text())

"""Calls the converter of LiteRT, which lives in an environment of its own."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gsam_edge.export.litert import program
from gsam_edge.runtime.card import ArtefactError

#: How the environment is made.
MAKE = "make litert-converter"

_SAID = 3  # last lines of what a failed converter said, for the message


class ConverterError(ArtefactError):
    """The converter is not there, took too long, or did not convert."""


def run_converter(
    python: Path, step: str, folder: Path, job: Mapping[str, Any], written: str, *, timeout_s: int
) -> tuple[bytes, dict[str, Any]]:
    """Runs one step of `export.litert.program` on a folder that holds its input.

    Args:
        python: the Python of the converter's environment.
        step: "convert" or "quantize".
        folder: what the step reads, beside `job`, and where it writes.
        job: see the step's function.
        written: the file that the step is to write.
        timeout_s: a converter that takes longer is ended, seconds.

    Returns:
        The written file's content, and what the converter says of itself.

    Raises:
        ConverterError: if there is no such environment, or the converter fails, takes too long or writes nothing.
    """
    if not python.is_file():
        raise ConverterError(
            f"not built here: expected the converter's environment at {python} (litert.converter), got none; {MAKE}"
        )
    (folder / program.JOB).write_text(json.dumps(dict(job)), encoding="utf-8")
    # Not resolved: an environment's Python is a link, and its own path says whose packages it has.
    command = [str(python.absolute()), "-I", program.__file__, step, str(folder)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "HF_HUB_OFFLINE": "1", "JAX_PLATFORMS": "cpu"}
    try:
        ended = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        raise ConverterError(f"LiteRT's converter: expected an end within {timeout_s} s (litert.timeout_s)") from error
    except OSError as error:
        raise ConverterError(f"LiteRT's converter: expected a Python at {python} that starts, but: {error}") from error
    result, done = folder / written, folder / program.DONE
    if ended.returncode != 0 or not result.is_file() or not done.is_file():
        said = (ended.stderr or ended.stdout).strip().splitlines()[-_SAID:]
        raise ConverterError(
            f"LiteRT's converter ({step}): expected {written}, got exit code {ended.returncode}: {said}; if it misses "
            f"a package, {MAKE}"
        )
    return result.read_bytes(), _said_by(done)


def _said_by(done: Path) -> dict[str, Any]:
    try:
        said = json.loads(done.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ConverterError(f"LiteRT's converter: expected JSON in {done.name}, but: {error}") from error
    if not isinstance(said, dict) or not isinstance(said.get("converter"), str):
        raise ConverterError(f"LiteRT's converter: expected its name and version in {done.name}, got {said!r:.80}")
    return said

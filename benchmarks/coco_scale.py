"""Claim: a COCO file of train2017's size is loaded, checked, completed, counted and split in at most 0.6 of the time
in which `pycocotools.coco.COCO` only loads and indexes it, and in no more memory.

Both run in turn, each in a fresh process; of several rounds the fastest counts, as other work on the machine can only
slow them down. Processor time of all threads is given too: it depends less on other work. No images are read: the sizes
in the file are taken for theirs. Memory is the peak of the whole process.

    python benchmarks/coco_scale.py --rounds 3
"""

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from made_up.coco_file import ANNOTATIONS, IMAGES, write

WORKERS = ("ours", "pycocotools")


class DeclaredSizes:
    """Image files whose sizes are those of their records."""

    def __init__(self, images: list[dict[str, Any]]) -> None:
        self._sizes = {image["file_name"]: (image["height"], image["width"]) for image in images}

    def probe(self, file_name: str) -> tuple[int, int]:
        """Returns the declared height and width."""
        return self._sizes[file_name]

    def __iter__(self) -> Iterator[str]:
        """Yields the names."""
        return iter(self._sizes)


def peak_megabytes() -> float:
    """Returns the peak resident memory of this process in megabytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1e3


def run_ours(path: Path) -> dict[str, float]:
    """Returns the seconds of each step."""
    from gsam_edge.coco import RawCoco, SplitConfig, ValidationConfig, complete, split, statistics, validate

    seconds: dict[str, float] = {}

    def timed(name: str, step: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = step()
        seconds[name] = time.perf_counter() - start
        return result

    config = ValidationConfig(
        decode_images=False, area_tolerance=0.05, largest_crowd_share=0.1, max_examples=5, policies={}
    )
    shares = SplitConfig(train=0.8, val=0.1, test=0.1, group_by="none", labels="all")
    raw = timed("load", lambda: RawCoco.parse(path.read_bytes()))
    files = DeclaredSizes(raw.content["images"])
    checked = timed("check", lambda: validate(raw.content, files, config, source=path.name))
    completed = timed("complete", lambda: complete(checked.annotations)).annotations
    timed("statistics", lambda: statistics(completed))
    timed("split", lambda: split(completed, shares, seed=0))
    return seconds


def run_pycocotools(path: Path) -> dict[str, float]:
    """Returns the seconds of loading and indexing."""
    from pycocotools.coco import COCO

    start = time.perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        COCO(str(path))
    return {"load": time.perf_counter() - start}


def measured(worker: str, path: Path) -> dict[str, Any]:
    """Runs one worker in a fresh process; returns `seconds` by step, `processor_seconds` with imports, `peak_mb`."""
    command = [sys.executable, __file__, "--worker", worker, "--file", str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(path: Path, rounds: int) -> None:
    """Prints a row for each worker, and the ratios."""
    runs: dict[str, list[dict[str, Any]]] = {worker: [] for worker in WORKERS}
    for _ in range(rounds):
        for worker in WORKERS:
            runs[worker].append(measured(worker, path))
    best = {worker: min(taken, key=lambda run: sum(run["seconds"].values())) for worker, taken in runs.items()}
    total = {worker: sum(run["seconds"].values()) for worker, run in best.items()}
    processor = {worker: min(run["processor_seconds"] for run in taken) for worker, taken in runs.items()}
    peak = {worker: max(run["peak_mb"] for run in taken) for worker, taken in runs.items()}
    for worker, run in best.items():
        steps = ", ".join(f"{name} {value:.2f}" for name, value in run["seconds"].items())
        print(f"{worker:12s} {total[worker]:6.2f} s ({steps}), ", end="")
        print(f"processor {processor[worker]:.2f} s, peak {peak[worker]:.0f} MB")
    ratios = {
        name: figures["ours"] / figures["pycocotools"]
        for name, figures in {"time": total, "processor time": processor, "memory": peak}.items()
    }
    print("ours / pycocotools: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))


def main() -> None:
    """Compares both workers, or runs the one that `--worker` names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, help="a file of made_up/coco_file.py; else one is made and taken away")
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--annotations", type=int, default=ANNOTATIONS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        before = time.process_time()
        seconds = {"ours": run_ours, "pycocotools": run_pycocotools}[arguments.worker](arguments.file)
        taken = {"processor_seconds": time.process_time() - before, "peak_mb": peak_megabytes()}
        print(json.dumps({"seconds": seconds, **taken}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.file or Path(folder) / "annotations.json"
        if arguments.file is None:
            with path.open("wb") as stream:
                write(stream, images=arguments.images, annotations=arguments.annotations, seed=0)
        print(f"{path.stat().st_size / 1e6:.0f} MB, fastest of {arguments.rounds} rounds")
        compare(path, arguments.rounds)


if __name__ == "__main__":
    main()

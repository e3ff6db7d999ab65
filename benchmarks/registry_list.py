"""Claim: `kedro registry list` takes at most 1.2 times what it takes in an empty Kedro project with the same plugins.

Both run in turns, in fresh processes; processor time is compared, which depends less on other work than
wall-clock time.

    python benchmarks/registry_list.py --runs 7
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
OFFLINE = {"DO_NOT_TRACK": "1", "KEDRO_DISABLE_TELEMETRY": "1"}


def kedro(folder: Path, *arguments: str) -> float:
    """Runs Kedro in a project's folder; returns its processor time in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | OFFLINE | {"PYTHONPATH": str(folder / "src")}
    command = [sys.executable, "-m", "kedro", *arguments]
    subprocess.run(command, cwd=folder, check=True, env=environment, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Times both projects in turns and prints the ratio of the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        kedro(Path(folder), "new", "--name", "empty", "--tools", "none", "--example", "n", "--telemetry", "no")
        projects = {"gsam_edge": ROOT, "an empty project": Path(folder, "empty")}
        for project in projects.values():
            kedro(project, "registry", "list")  # bytecode is compiled once
        seconds: dict[str, list[float]] = {name: [] for name in projects}
        for _ in range(runs):
            for name, project in projects.items():
                seconds[name].append(kedro(project, "registry", "list"))
    for name, times in seconds.items():
        print(f"{name}: {median(times):.2f} s of processor time (median of {runs})")
    print(f"ratio {median(seconds['gsam_edge']) / median(seconds['an empty project']):.2f}, claimed at most 1.2")


if __name__ == "__main__":
    main()

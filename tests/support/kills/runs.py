"""Runs of single steps from a known state of a project, with a fault in them or without."""

import random
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from support.fork_server import Call, forked_calls, forked_kedro_run
from support.kills.results import left_over, results_of
from support.made_up import made_up_dataset
from support.whole_runs import ROOT

_SOURCE = ROOT / "src"
_FAULTS, _DISK = "support.kills.faults", "support.kills.disk"
_LARGE, _PAGE = 2**30, 2**12  # bytes, of the disk in memory and of what it gives at a time
#: How a process ends that was killed, before an operation or in the middle of a write.
KILLED = {-signal.SIGKILL, -signal.SIGXFSZ}


@dataclass(frozen=True)
class Step:
    """A run from a state of the project.

    Attributes:
        name: of its pipeline.
        arguments: of `kedro run`.
        before: a folder with the project as it is before.
        results: of the run without any fault.
        operations: what it does to files, in order.
    """

    name: str
    arguments: tuple[str, ...]
    before: Path
    results: dict[str, str]
    operations: tuple[str, ...]


class Bench:
    """Where runs happen: always in one folder, so that no path tells two of them apart.

    Args:
        folder: for states and the project.
    """

    namespace: tuple[str, ...] = ()

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = folder / "project"

    def bare(self) -> Path:
        """Returns a project in which nothing was run yet, with `dataset`."""
        bare = self.folder / "bare"
        if not bare.exists():
            (bare / "data" / "06_models").mkdir(parents=True)
            (bare / "logs").mkdir()
            shutil.copytree(ROOT / "conf", bare / "conf")
            for name in ("pyproject.toml", ".telemetry"):
                shutil.copy(ROOT / name, bare / name)
            (bare / "src").mkdir()  # Kedro asks for it; the package is that of this checkout
            (bare / "data" / "06_models" / "base").symlink_to(ROOT / "data" / "06_models" / "base")
            made_up_dataset(bare / "dataset")
        return bare

    def with_database(self, state: Path) -> Path:
        """Returns the bare project with MLflow's database of another state."""
        with_database = self.folder / "with_database"
        if not with_database.exists():
            shutil.copytree(self.bare(), with_database, symlinks=True)
            shutil.copy(state / "mlflow.db", with_database)
        return with_database

    def restore(self, state: Path) -> None:
        """Makes the project what it was in a state."""
        shutil.rmtree(self.project, ignore_errors=True)
        shutil.copytree(state, self.project, symlinks=True)

    def run(self, arguments: Sequence[str], *, before: Sequence[Call] = ()) -> CompletedProcess[str]:
        """Runs in the project."""
        return forked_kedro_run(self.project, arguments, _SOURCE, before=before, namespace=self.namespace)

    def seen(self) -> Path:
        """Returns a folder in which the project can be looked at."""
        return self.project

    def fault(self, function: str, *arguments: object) -> list[Call]:
        """Returns the call that lets a fault befall a run."""
        return [(f"{_FAULTS}:{function}", (str(self.project), *arguments))]

    def undisturbed(self, name: str, arguments: tuple[str, ...], before: Path) -> tuple[Step, Path]:
        """Runs a step to its end; returns it, and the state that it leaves."""
        after, counted = self.folder / f"after_{name}", self.folder / f"operations_{name}"
        self.restore(before)
        done = self.run(arguments, before=self.fault("count_operations", str(counted)))
        assert done.returncode == 0, f"{name}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        assert left_over(self.seen()) == []
        shutil.copytree(self.seen(), after, symlinks=True)
        operations = tuple(counted.read_text().splitlines())
        return Step(name, arguments, before, results_of(after), operations), after


class FullDiskBench(Bench):
    """A bench whose project is on a small disk of its own, seen by the runs alone. Needs Linux and `unshare`."""

    namespace = ("unshare", "--map-root-user", "--mount")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.project.mkdir(parents=True)
        self._call("mount_disk", str(self.project), _LARGE)

    def _call(self, function: str, *arguments: object) -> None:
        code, _, said = forked_calls([(f"{_DISK}:{function}", arguments)], _SOURCE, namespace=self.namespace)
        assert code == 0, said

    def restore(self, state: Path) -> None:
        """See `Bench.restore`."""
        self._call("replace", str(state), str(self.project))

    def seen(self) -> Path:
        """Returns a copy: others do not see the disk."""
        copy = self.folder / "seen"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        self._call("replace", str(self.project), str(copy))
        return copy

    @staticmethod
    def size_of(state: Path) -> int:
        """Returns the bytes that a state takes on the disk."""
        pages = (-(-path.stat().st_size // _PAGE) for path in state.rglob("*") if path.is_file())
        return _PAGE * sum(pages)

    def leave_room(self, size: int | None) -> None:
        """Makes the disk so small that this many bytes are free; large for None."""
        self._call("leave_room", str(self.project), size, _LARGE)


def drawn(what: str, number: int) -> random.Random:
    """Returns the chance of one experiment of a kind, the same whenever it is asked for."""
    return random.Random(f"{what} {number}")  # noqa: S311 - no secret


def killed(bench: Bench, step: Step, number: int, most: int) -> list[str]:
    """Kills a run of a step again and again, each where the one before was; the last must end as if nobody had.

    Where a run continues what a killed one left it does less than an undisturbed one, and so it may end before its
    kill; then it is the last.

    Args:
        bench: where it runs.
        step: what runs.
        number: of the first kill; it decides where and how all of them happen, and so finds the same places again.
        most: kills in a row, at least 1.

    Returns:
        Where the runs were killed.
    """
    bench.restore(step.before)
    hit: list[str] = []
    for row in range(number, number + most):
        where, fault = _fault(bench, step, row)
        done = bench.run(step.arguments, before=fault)
        told = "; then ".join([*hit, where])
        assert done.returncode in KILLED | {0}, f"{told}: {done.returncode}, {done.stderr[-4000:]}"
        if not done.returncode:
            break
        hit.append(where)
    again(bench, step, "; then ".join(hit))
    return hit


def _fault(bench: Bench, step: Step, number: int) -> tuple[str, list[Call]]:
    """Draws where and how a run is killed: before an operation, or in the middle of a write from one on."""
    chance = drawn(step.name, number)
    operation = chance.randint(1, len(step.operations))
    what = f"operation {operation}, {step.operations[operation - 1]}"
    if chance.random() < 0.5:
        size = int(2 ** chance.uniform(0, 20))
        where = f"{step.name}, kill {number}: in a write beyond byte {size}, from {what} on"
        return where, bench.fault("kill_in_a_write", operation, size)
    return f"{step.name}, kill {number}: before {what}", bench.fault("kill_at", operation)


def again(bench: Bench, step: Step, where: str) -> None:
    """Runs a step once more in the project as it is; what is there then is what an undisturbed run leaves."""
    done = bench.run(step.arguments)
    assert done.returncode == 0, f"{where}; the next run: {done.returncode}, {done.stdout[-2000:]}{done.stderr[-4000:]}"
    seen = bench.seen()
    assert left_over(seen) == [], where
    found = results_of(seen)
    different = [name for name in step.results.keys() | found.keys() if step.results.get(name) != found.get(name)]
    assert different == [], f"{where}: other results"

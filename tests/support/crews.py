"""Models that workers build in processes of their own, and a program whose workers are to end with it."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gsam_edge.training.errors import SettingError
from gsam_edge.training.workers import Workers, WorkersConfig
from gsam_edge.vision.errors import UserError


class OddError(Exception):
    """One that cannot be pickled and read again."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


class OddUserError(UserError):
    """One that cannot be pickled and read again, and that a user can fix."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"expected {first}, got {second}")


@dataclass(frozen=True)
class Squares:
    """Builds a model that squares numbers and says who did it; each number may do something else first.

    Attributes:
        notes: folder in which each process that built a model leaves a file with its number.
        slow: numbers that take a second.
        refused: numbers that are an error for the user.
        odd: numbers that are an error which cannot be sent; one for the user where they are even.
        told: numbers that are warned of.
        deadly: numbers at which the process is killed.
        deadly_once: numbers at which the first process is killed that comes to them.
    """

    notes: Path
    slow: tuple[int, ...] = ()
    refused: tuple[int, ...] = ()
    odd: tuple[int, ...] = ()
    told: tuple[int, ...] = ()
    deadly: tuple[int, ...] = ()
    deadly_once: tuple[int, ...] = ()

    def __call__(self) -> Callable[[Sequence[int]], list[tuple[int, int]]]:
        (self.notes / f"built-{os.getpid()}").touch(exist_ok=False)
        return self._answer

    def built(self) -> set[int]:
        """Returns the processes that have built a model."""
        return {int(path.name.removeprefix("built-")) for path in self.notes.glob("built-*")}

    def _answer(self, batch: Sequence[int]) -> list[tuple[int, int]]:
        for number in batch:
            if number in self.slow:
                time.sleep(1)
            if number in self.refused:
                raise SettingError(f"number: expected another one, got {number}")
            if number in self.odd:
                raise (OddError if number % 2 else OddUserError)("this", "that")
            if number in self.told:
                logging.getLogger("squares").warning("%d is odd", number)
            if number in self.deadly or (number in self.deadly_once and self._is_first(number)):
                os.kill(os.getpid(), signal.SIGKILL)
        return [(number**2, os.getpid()) for number in batch]

    def _is_first(self, number: int) -> bool:
        try:
            (self.notes / f"killed-at-{number}").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def refuse() -> Callable[[Sequence[int]], list[int]]:
    """A factory that fails."""
    raise SettingError("device: expected one that is there")


def unsendable() -> Callable[[Sequence[int]], list[object]]:
    """Builds a model whose answers cannot be pickled."""
    return lambda batch: [lambda: None for _ in batch]


class Unreadable:
    """An item that a worker cannot read."""

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return int, ("no number",)


def with_threads() -> Callable[[Sequence[int]], list[dict[str, str | None]]]:
    """Builds a model that says what of its environment concerns threads and GPUs."""
    names = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
    return lambda batch: [{name: os.environ.get(name) for name in names} for _ in batch]


def hold_cluster() -> None:
    """Starts a cluster of Ray in the folder that the command line names, and tells its address."""
    import ray

    context = ray.init(address="local", num_cpus=4, include_dashboard=False, _temp_dir=sys.argv[1])
    print(f"address {context.address_info['gcs_address']}", flush=True)  # noqa: T201
    signal.pause()


def main() -> None:
    """Squares numbers slowly as the command line says: folder, engine."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in a shell's background
    folder, engine = Path(sys.argv[1]), sys.argv[2]
    squares = Squares(folder, slow=tuple(range(1000)))
    for item, _ in Workers(WorkersConfig(engine=engine, count=2)).map(squares, range(1000), batch=1):  # type: ignore[arg-type]
        (folder / f"answered-{item}").touch()

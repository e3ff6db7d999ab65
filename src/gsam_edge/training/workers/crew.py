"""Hands batches out to several workers and gives the answers back in the order of the batches."""

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from gsam_edge.training.errors import WorkerError
from gsam_edge.training.workers.member import Outcome

logger = logging.getLogger(__name__)

#: Batches that a worker has at most: the one that it works on, and the next, so that it need not wait for its parent.
_IN_HAND = 2


class Died(NamedTuple):
    """A worker has ended, though it was to live on.

    Attributes:
        why: how it ended, as a clause.
    """

    why: str


class Crew(Protocol):
    """Workers 0 .. count - 1, each of which builds its model first."""

    def send(self, worker: int, batch: Sequence[Any]) -> None:
        """Gives a worker a batch, which it answers after those that it has already."""

    def next_outcome(self) -> tuple[int, Outcome | Died]:
        """Waits for the next outcome of any worker: the first one is of its building, the others of its batches."""

    def close(self) -> None:
        """Ends all workers, whatever they do."""


@dataclass
class _Unit:
    """A batch on its way.

    Attributes:
        number: its place among the batches.
        batch: its items.
        outcome: what came of it.
        deaths: how workers ended that had begun with it.
    """

    number: int
    batch: Sequence[Any]
    outcome: Outcome | None = None
    deaths: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        first = repr(str(self.batch[0]))
        return first if len(self.batch) == 1 else f"{first} and {len(self.batch) - 1} more"


class _Team:
    """Who of a crew lives, and what each of them has in hand."""

    def __init__(self, crew: Crew, count: int) -> None:
        self._crew = crew
        self._starting = set(range(count))
        self._hands: dict[int, deque[_Unit]] = {}
        self._returned: list[_Unit] = []

    def takes_more(self) -> bool:
        """Returns whether there is a worker for one more batch; those of workers that ended are handed out first."""
        while self._returned and (worker := self._free()) is not None:
            self._give(worker, self._returned.pop(0))
        return self._free() is not None

    def take(self, unit: _Unit) -> None:
        """Hands a batch out, after `takes_more` said that somebody takes it."""
        if (worker := self._free()) is None:
            raise RuntimeError("expected a worker for one more batch, got none")
        self._give(worker, unit)

    def wait(self) -> None:
        """Waits until a worker is ready, has answered, or has ended.

        Raises:
            WorkerError: if the work of one that ended cannot go to another.
            Exception: what the factory raised.
        """
        worker, outcome = self._crew.next_outcome()
        if isinstance(outcome, Died):
            self._lose(worker, outcome.why)
            return
        for record in outcome.records:
            told = logging.getLogger(record.name)
            if told.isEnabledFor(record.levelno):
                told.handle(record)
        if worker not in self._starting:
            self._hands[worker].popleft().outcome = outcome
            return
        if outcome.error is not None:
            raise outcome.error
        self._starting.remove(worker)
        self._hands[worker] = deque()

    def _free(self) -> int | None:
        """Returns the worker with the fewest batches in hand, if it takes one more."""
        worker = min(self._hands, key=lambda each: len(self._hands[each]), default=None)
        most = 1 if self._starting else _IN_HAND  # of a few batches each shall have its share
        return worker if worker is not None and len(self._hands[worker]) < most else None

    def _give(self, worker: int, unit: _Unit) -> None:
        self._hands[worker].append(unit)
        self._crew.send(worker, unit.batch)

    def _lose(self, worker: int, why: str) -> None:
        self._starting.discard(worker)
        units = self._hands.pop(worker, ())
        self._returned = sorted([*self._returned, *units], key=lambda unit: unit.number)
        if units:
            units[0].deaths.append(why)
            if len(units[0].deaths) > 1:
                raise WorkerError(
                    f"workers: expected answers for {units[0]}, but two workers ended that had begun with them: one "
                    f"{units[0].deaths[0]}, the other {why}; where memory ran out, take fewer workers or smaller "
                    "batches; where not, try these items alone"
                )
        if not self._hands and not self._starting:
            raise WorkerError(
                f"workers: expected at least one that works on, but all have ended; the last one {why}; where memory "
                "ran out, take fewer workers or smaller batches, and else see standard error above"
            )
        logger.warning(
            "worker %d %s; its batches in hand (%d) go to the other workers (%d)",
            worker,
            why,
            len(units),
            len(self._hands) + len(self._starting),
        )


def in_order(crew: Crew, count: int, batches: Iterator[Sequence[Any]]) -> Iterator[tuple[Sequence[Any], Sequence[Any]]]:
    """Yields each batch with its answers, in the order of the batches.

    At most 2 x `count` batches are read that were not yielded yet. Where a worker ends, its batches go to the others.

    Args:
        crew: workers that were just started.
        count: how many they are.
        batches: of at least one item each.

    Raises:
        WorkerError: if all workers ended, or two of them had begun with the same batch.
        Exception: what a factory raised, at once, or a model, when all batches before were yielded.
    """
    team = _Team(crew, count)
    numbered, more = enumerate(batches), True
    units: deque[_Unit] = deque()
    while True:
        while team.takes_more() and more and len(units) < _IN_HAND * count:
            if (read := next(numbered, None)) is None:
                more = False
            else:
                units.append(_Unit(*read))
                team.take(units[-1])
        if not units:
            if not more:
                return
        elif (outcome := units[0].outcome) is not None:
            if outcome.error is not None:
                raise outcome.error
            yield units.popleft().batch, outcome.value
            continue
        team.wait()

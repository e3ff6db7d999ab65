"""What a worker does, whoever started it: it builds its model once and answers one batch after the other."""

import logging
import os
import pickle
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BufferedReader
from logging.handlers import QueueHandler
from typing import Any, BinaryIO, TypeVar

from gsam_edge.training.errors import WorkerError
from gsam_edge.vision.errors import UserError

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Outcome:
    """What came of one request.

    Attributes:
        value: the answers to a batch, one for each item; None where a model was built, and after an error.
        error: what was raised.
        records: what was logged meanwhile.
    """

    value: Any = None
    error: Exception | None = None
    records: tuple[logging.LogRecord, ...] = ()


def answers_to(model: Callable[[Sequence[Item]], Sequence[Answer]], batch: Sequence[Item]) -> Sequence[Answer]:
    """Returns the model's answers to a batch.

    Raises:
        ValueError: if it does not return one for each item.
    """
    answers = model(batch)
    if len(answers) != len(batch):
        raise ValueError(f"expected one answer for each of {len(batch)} items, got {len(answers)}")
    return answers


class Member:
    """One worker; what it is told is pickled, and its replies are pickled outcomes."""

    def __init__(self) -> None:
        self._model: Callable[[Sequence[Any]], Sequence[Any]] | None = None
        self._log = _KeptRecords()
        logging.getLogger().addHandler(self._log)

    def build(self, factory: bytes) -> bytes:
        """Builds the model of a pickled factory."""

        def built() -> None:
            self._model = pickle.loads(factory)()  # noqa: S301 - our own parent process sent it

        return self._outcome(built)

    def answer(self, batch: bytes) -> bytes:
        """Answers a pickled batch."""

        def answers() -> Sequence[Any]:
            if self._model is None:
                raise RuntimeError("expected a model to be built before the first batch")
            return answers_to(self._model, pickle.loads(batch))  # noqa: S301 - our own parent process sent it

        return self._outcome(answers)

    def _outcome(self, work: Callable[[], Any]) -> bytes:
        try:
            return pickle.dumps(Outcome(work(), None, self._log.taken()), protocol=pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # noqa: BLE001 - handed to the parent, which raises it
            return pickle.dumps(Outcome(None, _as_sent(error), self._log.taken()))


class _KeptRecords(QueueHandler):
    """Keeps what is logged, in a form that can be pickled, until it is taken."""

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # there is no queue: `enqueue` is ours
        self._records: list[logging.LogRecord] = []

    def enqueue(self, record: logging.LogRecord) -> None:
        self._records.append(record)

    def taken(self) -> tuple[logging.LogRecord, ...]:
        records, self._records = tuple(self._records), []
        return records


def _as_sent(error: Exception) -> Exception:
    """Returns an error as the parent will have it: with its traceback as a note, or as a text if it cannot be sent."""
    text = "".join(traceback.format_exception(error))
    try:
        arrives = pickle.loads(pickle.dumps(error))  # noqa: S301 - this process's own
    except Exception:  # noqa: BLE001 - whatever an error class does when it is pickled
        arrives = None
    if type(arrives) is not type(error) or str(arrives) != str(error):
        return WorkerError(str(error)) if isinstance(error, UserError) else RuntimeError(f"a worker failed:\n{text}")
    error.add_note(f"raised in a worker:\n{text}")
    return error


def serve(requests: BufferedReader, answers: BinaryIO) -> None:
    """Replies to a factory and then to batches, as a `Member` does, and returns when there are no more.

    A parent that is gone ends the process.
    """
    member = Member()
    reply: Callable[[bytes], bytes] = member.build
    while requests.peek(1):
        outcome = reply(pickle.load(requests))  # noqa: S301 - our own parent process sent it
        try:
            answers.write(outcome)
            answers.flush()
        except BrokenPipeError:
            os._exit(1)  # an orderly end would write what nobody reads once more
        reply = member.answer

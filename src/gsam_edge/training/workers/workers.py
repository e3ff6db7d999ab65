"""Runs a model on many items, batch by batch: in this process, or in several."""

import pickle
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain, islice
from typing import Protocol, TypeAlias, TypeVar

from gsam_edge.training.workers.config import EngineName, WorkersConfig
from gsam_edge.training.workers.crew import Crew, in_order
from gsam_edge.training.workers.local import LocalCrew
from gsam_edge.training.workers.member import answers_to
from gsam_edge.training.workers.ray_actors import RayCrew

Item = TypeVar("Item")
Answer = TypeVar("Answer")

#: Builds a model that returns one output for each item of a batch, in their order. It can be pickled, so that the model
#: can be built in another process.
ModelFactory: TypeAlias = Callable[[], Callable[[Sequence[Item]], Sequence[Answer]]]


class StartCrew(Protocol):
    """Starts workers."""

    def __call__(self, factory: bytes, count: int) -> Crew:
        """Starts `count` workers, which build the model of the pickled factory."""


#: Who starts workers.
ENGINES: Mapping[EngineName, StartCrew] = {"local": LocalCrew, "ray": RayCrew}


class Workers:
    """Runs models on many items.

    Args:
        config: how many processes do so, and who starts them; None is this process alone.
    """

    def __init__(self, config: WorkersConfig | None = None) -> None:
        self._config = config

    def map(
        self, factory: ModelFactory[Item, Answer], items: Iterable[Item], *, batch: int
    ) -> Generator[tuple[Item, Answer], None, None]:
        """Yields each item with the model's output for it, in the order of the items.

        The batches are the same for any number of workers. In this process, one is read only after the outputs of the
        one before were consumed; with workers, at most two for each of them are read ahead. So the caller can store
        finished outputs, and loses only what the workers have in hand when it is killed.

        Where a worker ends, killed or out of memory, the others take over its batches, with a warning. A batch on which
        two have ended goes to no third one.

        Close the iterator where it is not read to its end: that ends the workers.

        Args:
            factory: builds the model; called once in each process, and not at all where there are no items. Items and
                outputs can be pickled where they go to other processes.
            items: inputs of the model; may be a generator. `str` of one is its name in errors.
            batch: number of items per call of the model, at least 1.

        Raises:
            ValueError: if the batch is smaller than 1, or a model does not return one output for each item.
            TypeError: if a factory for other processes cannot be pickled.
            WorkerError: if all workers ended, or two of them on one batch.
            SettingError: if the engine is not there.
            Exception: what the factory or the model raised, also in another process: there with its traceback as a
                note. One that cannot be pickled is a RuntimeError, and a WorkerError where a user can mend it.
        """
        if batch < 1:
            raise ValueError(f"batch: expected at least 1 item, got {batch}")
        source = iter(items)
        batches = iter(lambda: tuple(islice(source, batch)), ())
        if self._config is None or (self._config.engine == "local" and self._config.count == 1):
            yield from _here(factory, batches)
            return
        # No more workers than there are batches for.
        first = list(islice(batches, self._config.count))
        if not first:
            return
        with closing(ENGINES[self._config.engine](_pickled(factory), len(first))) as crew:
            for asked, answers in in_order(crew, len(first), chain(first, batches)):
                yield from zip(asked, answers, strict=True)


def _here(factory: ModelFactory[Item, Answer], batches: Iterable[Sequence[Item]]) -> Iterator[tuple[Item, Answer]]:
    model: Callable[[Sequence[Item]], Sequence[Answer]] | None = None
    for batch in batches:
        if model is None:
            model = factory()
        yield from zip(batch, answers_to(model, batch), strict=True)


def _pickled(factory: ModelFactory[Item, Answer]) -> bytes:
    try:
        return pickle.dumps(factory, protocol=pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            "workers: expected a factory that can be pickled, as a functools.partial of a module-level function over "
            f"plain values, got {factory!r:.200}: {error}"
        ) from error

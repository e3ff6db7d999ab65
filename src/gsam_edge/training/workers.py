"""Runs a model on many items, in this process, batch by batch."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

#: Builds a model that returns one output for each item of a batch, in their order. It can be pickled, so that the model
#: can be built in another process.
ModelFactory: TypeAlias = Callable[[], Callable[[Sequence[Item]], Sequence[Answer]]]


class Workers:
    """Runs models on many items."""

    def map(
        self, factory: ModelFactory[Item, Answer], items: Iterable[Item], *, batch: int
    ) -> Iterator[tuple[Item, Answer]]:
        """Yields each item with the model's output for it, in the order of the items.

        A batch is read only after the outputs of the one before were consumed, so that the caller can store finished
        outputs before a later batch fails.

        Args:
            factory: builds the model; called once, and not at all where there are no items.
            items: inputs of the model; may be a generator.
            batch: number of items per call of the model, at least 1.

        Raises:
            ValueError: if the batch is smaller than 1, or a model does not return one output for each item.
        """
        if batch < 1:
            raise ValueError(f"batch: expected at least 1 item, got {batch}")
        source = iter(items)
        model: Callable[[Sequence[Item]], Sequence[Answer]] | None = None
        while some := tuple(islice(source, batch)):
            if model is None:
                model = factory()
            answers = model(some)
            if len(answers) != len(some):
                raise ValueError(f"expected one answer for each of {len(some)} items, got {len(answers)}")
            yield from zip(some, answers, strict=True)

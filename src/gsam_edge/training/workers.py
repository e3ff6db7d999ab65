"""Asking a model about many items: in this process, one batch after another."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeAlias, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

#: Builds a model that answers a batch of items, one answer each, in their order. It can be pickled, so that a model may
#: be built elsewhere than where it is asked.
ModelFactory: TypeAlias = Callable[[], Callable[[Sequence[Item]], Sequence[Answer]]]


class Workers:
    """Where models are asked about many items."""

    def map(
        self, factory: ModelFactory[Item, Answer], items: Iterable[Item], *, batch: int
    ) -> Iterator[tuple[Item, Answer]]:
        """Each item with what a model answers about it, in the order of the items.

        A batch is taken from the items only when the answers of the one before have been taken: what was done by then
        can be kept, whatever happens next.

        Args:
            factory: builds the model; called once, and not at all where there are no items.
            items: what is asked about; they may be made while they are taken.
            batch: how many items a model is given at once, at least 1.

        Raises:
            ValueError: if the batch is smaller than 1, or a model does not give one answer for each item.
        """
        if batch < 1:
            raise ValueError(f"batch: expected at least 1 item, got {batch}")
        source = iter(items)
        model: Callable[[Sequence[Item]], Sequence[Answer]] | None = None
        while some := tuple(islice(source, batch)):
            model = model or factory()
            answers = model(some)
            if len(answers) != len(some):
                raise ValueError(f"expected one answer for each of {len(some)} items, got {len(answers)}")
            yield from zip(some, answers, strict=True)

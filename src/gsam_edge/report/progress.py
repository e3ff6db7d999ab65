"""A bar with images a second and the time left."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

Item = TypeVar("Item")


def watched(what: str) -> Callable[[Iterable[Item], int], Iterable[Item]]:
    """Returns a function that goes through items and shows how far it is, where the console is a terminal.

    Args:
        what: what is done with the images, before the bar.
    """

    def watch(items: Iterable[Item], count: int) -> Iterator[Item]:
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
        with Progress(TextColumn("{task.description}"), *columns, transient=True) as progress:
            task = progress.add_task(what, total=count or None, speed="")
            for item in items:
                yield item
                speed = progress.tasks[task].speed
                progress.update(task, advance=1, speed="" if speed is None else f"{speed:.1f} images/s")

    return watch

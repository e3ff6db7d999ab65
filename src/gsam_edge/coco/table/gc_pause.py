"""Pauses Python's garbage collector while the records of a large file are built."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pauses the garbage collector within a block that makes millions of objects without cycles.

    It would traverse them again and again as their number grows. Unreferenced objects are still freed.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

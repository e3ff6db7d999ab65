"""Python's garbage collector, held back while a large file's records are built."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def gc_paused() -> Iterator[None]:
    """Within the block, which makes millions of objects that are in no cycle, the collector does not walk them.

    It would do so again and again as their number grows. Objects that nobody holds are freed all the same.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

"""Two runs at once."""

import atexit
import os
from pathlib import Path


def fork_run(said: str, ended: str) -> None:
    """Makes two processes of this one, both of which go on; the second one says what it says into a file.

    The first waits for the second before it ends, and writes its exit code into another file.

    Args:
        said: what the second one says.
        ended: its exit code.
    """
    child = os.fork()
    if child == 0:
        for stream in (1, 2):
            os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream)
        return
    atexit.register(lambda: Path(ended).write_text(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))))

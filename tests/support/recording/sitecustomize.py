"""Python imports this in every process whose PYTHONPATH has this folder: it notes what goes to the network or a file.

Each event is one line of JSON in the file that GSAM_RECORD names. What is allowed is decided by who reads them: here
nothing may fail, since an error in a hook would change what is watched.
"""

import json
import os
import sys
from typing import Any

_NETWORK = {
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.getnameinfo": 0,
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
}
#: Where what is made stands among an event's arguments. What SQLite writes, Python learns of only here.
_MADE = {"os.mkdir": 0, "os.rename": 1, "os.link": 1, "os.symlink": 1, "os.truncate": 0, "sqlite3.connect": 0}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _made(event: str, arguments: tuple[Any, ...]) -> object:
    """Returns the path that an event writes to, None if it writes to none."""
    if event == "open":
        path, _, flags = arguments
        return path if isinstance(flags, int) and flags & _WRITES else None
    return arguments[_MADE[event]] if event in _MADE else None


def _listen(record: int) -> None:
    def on_event(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _NETWORK:
            said = {"event": event, "what": repr(arguments[_NETWORK[event]])}
            if isinstance(arguments[_NETWORK[event]], tuple):  # an address: host, port
                said["host"] = str(arguments[_NETWORK[event]][0])
            elif event.startswith("socket.get"):
                host = arguments[0]
                said["host"] = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
        elif isinstance(path := _made(event, arguments), str | bytes | os.PathLike):
            said = {"event": event, "path": os.path.abspath(os.fsdecode(path))}
        else:
            return
        said["process"] = " ".join(getattr(sys, "orig_argv", []))[:200]
        os.write(record, json.dumps(said).encode() + b"\n")

    sys.addaudithook(on_event)


if "GSAM_RECORD" in os.environ:
    _listen(os.open(os.environ["GSAM_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))

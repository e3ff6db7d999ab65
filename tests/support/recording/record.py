"""Runs commands whose network and files are watched."""

import ipaddress
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.recording import namespace

_HERE = Path(__file__).parent


#: What of this process's environment a new user has not: places of files, and what keeps libraries from asking home.
_NOT_A_NEW_USERS = ("XDG_", "MPL", "YOLO", "HF_", "ORT_", "MLFLOW_", "KEDRO_", "DO_NOT_TRACK", "NO_ALBUMENTATIONS")


@dataclass(frozen=True)
class Recorded:
    """How a command ended, and what it and its children did.

    Attributes:
        done: exit code and what was said.
        events: of all processes, in order; see `sitecustomize.py`.
        home: the folder that was the user's, empty before.
        temporary: the folder for temporary files, empty before.
    """

    done: "subprocess.CompletedProcess[str]"
    events: tuple[dict[str, Any], ...]
    home: Path
    temporary: Path

    def contacts(self) -> list[dict[str, Any]]:
        """Returns look-ups of names, and what was sent to other machines."""
        return [event for event in self.events if "host" in event and not _is_here(event["host"])]

    def written_outside(self, *folders: Path) -> list[dict[str, Any]]:
        """Returns what was made outside these folders and the temporary one, and what lies in the user's."""
        allowed = [os.path.realpath(folder) for folder in (*folders, self.temporary)]
        outside = [event for event in self.events if "path" in event and not _is_in(event["path"], allowed)]
        return outside + [{"path": str(path)} for path in sorted(self.home.rglob("*"))]


def recorded_run(command: list[str], cwd: Path, folder: Path, **environment: str) -> Recorded:
    """Runs a command as a new user with an empty home, and in a network of its own where the machine allows that.

    Args:
        command: the first word is a program.
        cwd: the working folder.
        folder: for the record, home and temporary files; it must not exist.
        environment: variables beside those of this process.
    """
    home, temporary, record = folder / "home", folder / "tmp", folder / "record.jsonl"
    home.mkdir(parents=True)
    temporary.mkdir()
    record.touch()
    own = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_A_NEW_USERS)}
    own |= {"HOME": str(home), "TMPDIR": str(temporary), "GSAM_RECORD": str(record), "PYTHONDONTWRITEBYTECODE": "1"}
    own |= environment
    own["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_HERE), own.get("PYTHONPATH"))))
    if namespace.why_not() is None:
        command = [*namespace.UNSHARE, sys.executable, "-S", namespace.__file__, str(record), *command]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=own)
    events = tuple(map(json.loads, record.read_text().splitlines()))
    return Recorded(done, events, home, temporary)


def _is_here(host: str) -> bool:
    """Returns whether a name or an address is this machine's; a path is, since it is of a socket in a folder."""
    if host in {"localhost", "None", ""} or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_in(path: str, folders: list[str]) -> bool:
    if path.startswith(("/dev/", "/proc/self/")) or path == ":memory:":
        return True
    real = os.path.realpath(path)
    return any(os.path.commonpath((real, folder)) == folder for folder in folders)

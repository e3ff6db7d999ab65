"""The record of network and files sees what it is there for: without these tests an empty record says nothing."""

import sys
from pathlib import Path

import pytest

from support.recording.namespace import why_not
from support.recording.record import Recorded, recorded_run

LOOK_UP = "import socket\ntry: socket.getaddrinfo('name.invalid', 443)\nexcept OSError: pass"
CONNECT = "import socket\ns = socket.socket()\ns.settimeout(1)\ntry: s.connect(('192.0.2.7', 9))\nexcept OSError: pass"
#: As a library in C does it, of which Python learns nothing.
LOOK_UP_IN_C = "import ctypes; ctypes.CDLL(None).gethostbyname(b'name.invalid')"


def child(tmp_path: Path, code: str) -> Recorded:
    """A Python in a Python, as a worker of a run is."""
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', {code!r}], check=True)"
    recorded = recorded_run([sys.executable, "-c", code], tmp_path, tmp_path / "recorded")
    assert recorded.done.returncode == 0, recorded.done.stderr
    return recorded


@pytest.mark.parametrize(("code", "host"), [(LOOK_UP, "name.invalid"), (CONNECT, "192.0.2.7")])
def test_a_look_up_and_a_connect_of_a_child_are_seen(tmp_path: Path, code: str, host: str) -> None:
    assert host in {event["host"] for event in child(tmp_path, code).contacts()}


def test_a_look_up_that_python_does_not_see_is_seen(tmp_path: Path) -> None:
    if reason := why_not():
        pytest.skip(reason)
    assert {event["host"] for event in child(tmp_path, LOOK_UP_IN_C).contacts()} == {"name asked for: name.invalid"}


def test_what_stays_on_the_machine_is_no_contact(tmp_path: Path) -> None:
    code = """
import socket, threading
server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=lambda: server.accept()[0].close()).start()
socket.create_connection(("localhost", server.getsockname()[1])).close()
"""
    recorded = child(tmp_path, code)
    assert [event for event in recorded.events if "host" in event]
    assert recorded.contacts() == []


def test_a_file_outside_is_seen_and_one_inside_is_allowed(tmp_path: Path) -> None:
    code = """
import pathlib, sqlite3, tempfile
pathlib.Path("inside").write_text("")
tempfile.TemporaryFile().close()
open("/dev/null", "w").close()
pathlib.Path("../outside").write_text("")
sqlite3.connect("../database").close()
(pathlib.Path.home() / ".cache").mkdir()
"""
    project = tmp_path / "project"
    project.mkdir()
    code = f"import os; os.chdir({str(project)!r})\n{code}"
    outside = {Path(event["path"]) for event in child(tmp_path, code).written_outside(project)}
    home = tmp_path / "recorded" / "home"
    assert outside == {tmp_path / "outside", tmp_path / "database", home / ".cache"}

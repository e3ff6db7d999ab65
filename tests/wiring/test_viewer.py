"""Who stops a viewer stops all of its processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: A command as kedro-viz is one: it starts a server in a process of its own, and may end before it.
COMMAND = """
import subprocess, sys, time
server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(server.pid))
time.sleep(float(sys.argv[2]))
"""


def is_there(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, None])
def test_no_process_of_a_viewer_stays(tmp_path, how):
    told = tmp_path / "server"
    seconds = "600" if how is not None else "0.1"  # by itself it ends and leaves its server
    command = [sys.executable, "-m", "gsam_edge.viewer", sys.executable, "-c", COMMAND, str(told), seconds]
    viewer = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT / "src")})
    until = time.monotonic() + 300
    while not (told.exists() and told.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    server = int(told.read_text())
    if how is not None:
        assert is_there(server)
        viewer.send_signal(how)
    assert viewer.wait(300) == 0
    assert not is_there(server)


#: A server that answers on a port, a while after it was started.
SERVER = """
import socket, sys, time
time.sleep(0.3)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    server.accept()
    time.sleep(600)
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_the_browser_opens_on_the_page_as_soon_as_the_server_answers(tmp_path):
    port, opened = free_port(), tmp_path / "opened"
    page = f"http://127.0.0.1:{port}/?types=nodes"
    browser = tmp_path / "browser"
    browser.write_text(f"#!/bin/sh\nprintf %s \"$1\" > '{opened}.part' && mv '{opened}.part' '{opened}'\n")
    browser.chmod(0o755)
    command = [sys.executable, "-c", SERVER, str(port)]
    viewer = subprocess.Popen(
        [sys.executable, "-m", "gsam_edge.viewer", "--port", str(port), "--query", "types=nodes", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "BROWSER": f"{browser} %s"},
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while not opened.exists() and time.monotonic() < until:
        time.sleep(0.05)
    viewer.terminate()
    _, said = viewer.communicate(timeout=60)
    assert (viewer.returncode, opened.read_text()) == (0, page)
    assert page in said


def test_a_page_whose_port_is_taken_is_not_opened_on_another_server():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        viewer = subprocess.run(
            [
                sys.executable,
                "-m",
                "gsam_edge.viewer",
                "--port",
                str(port),
                sys.executable,
                "-c",
                "raise SystemExit(7)",
            ],
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert viewer.returncode == 1
    assert viewer.stderr.startswith(f"Port {port} is taken")

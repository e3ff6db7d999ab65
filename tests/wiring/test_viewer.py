"""Who stops a viewer stops all of its processes."""

import os
import signal
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
    until = time.monotonic() + 60
    while not (told.exists() and told.read_text()) and time.monotonic() < until:
        time.sleep(0.05)
    server = int(told.read_text())
    if how is not None:
        assert is_there(server)
        viewer.send_signal(how)
    assert viewer.wait(60) == 0
    assert not is_there(server)

"""What holds of workers in other processes, whoever starts them."""

import importlib.util
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest

from gsam_edge.training.errors import SettingError, WorkerError
from gsam_edge.training.workers import Workers, WorkersConfig
from support.crews import Squares, Unreadable, refuse, unsendable, with_threads

TESTS = Path(__file__).parents[1]
NO_RAY = "Ray is not installed: pip install 'gsam_edge[ray]'"
ENGINES = [
    "local",
    pytest.param(
        "ray",
        marks=[pytest.mark.slow, pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason=NO_RAY)],
    ),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    """Yields the variables with which a cluster of Ray is joined: on a busy core one takes half a minute to start."""
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "of-a-test" * 8}
    variables = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0", **secret}
    program = [sys.executable, "-c", "from support.crews import hold_cluster; hold_cluster()"]
    environment = os.environ | variables | {"PYTHONPATH": search_path()}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as holders:  # paths of sockets are short
        for attempt in range(4):  # it gives up after 30 s, which a busy machine may need
            command = [*program, f"{folder}/{attempt}"]
            holder = holders.enter_context(
                subprocess.Popen(command, cwd=TESTS, env=environment, stdout=subprocess.PIPE, text=True)
            )
            holders.callback(holder.terminate)
            for line in holder.stdout:
                if line.startswith("address "):
                    yield variables | {"RAY_ADDRESS": line.removeprefix("address ").strip()}
                    return
        pytest.fail("Ray does not start")


def search_path() -> str:
    return os.pathsep.join([str(TESTS), os.environ.get("PYTHONPATH", "")])


@pytest.fixture(params=ENGINES)
def alone(request, monkeypatch) -> str:
    """Names an engine that uses this machine alone."""
    monkeypatch.setenv("PYTHONPATH", search_path())
    return request.param


@pytest.fixture
def engine(alone, request, monkeypatch) -> str:
    """Names an engine, which joins a cluster if it is Ray."""
    if alone == "ray":
        for name, value in request.getfixturevalue("cluster").items():
            monkeypatch.setenv(name, value)
    return alone


@pytest.fixture
def workers(engine) -> Workers:
    return Workers(WorkersConfig(engine=engine, count=2))


def living(numbers: set[int]) -> set[int]:
    """Returns the processes among these that live, after giving them time to end."""
    deadline = time.monotonic() + 20
    while (left := {number for number in numbers if _lives(number)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def _lives(number: int) -> bool:
    return psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE


@pytest.mark.parametrize("batch", [1, 3])
def test_two_processes_answer_in_the_order_of_the_items(workers, tmp_path, batch):
    """Also where an early batch takes longest; each builds its model once, and is gone at the end."""
    squares = Squares(tmp_path, slow=(0,))
    answers = list(workers.map(squares, range(13), batch=batch))
    assert [(item, square) for item, (square, _) in answers] == [(n, n * n) for n in range(13)]
    who = {process for _, (_, process) in answers}
    assert len(squares.built()) == 2
    assert who == squares.built()
    assert os.getpid() not in who
    assert not living(who)


def test_few_batches_start_few_processes_and_none_starts_none(workers, tmp_path):
    squares = Squares(tmp_path)
    assert list(workers.map(squares, [], batch=4)) == []
    assert squares.built() == set()
    assert [square for _, (square, _) in workers.map(squares, [1, 2], batch=4)] == [1, 4]
    assert len(squares.built()) == 1


def test_at_most_two_batches_a_worker_are_read_ahead(workers, tmp_path):
    read = 0

    def items():
        nonlocal read
        while read < 30:
            read += 1
            yield read

    with closing(workers.map(Squares(tmp_path), items(), batch=2)) as answers:
        for consumed, _ in enumerate(answers):
            assert read <= consumed - consumed % 2 + 2 + 2 * 2 * 2
    assert read == 30


def test_an_error_of_a_worker_arrives_as_itself_after_all_answers_before_it(workers, tmp_path):
    squares, answered = Squares(tmp_path, slow=(0,), refused=(4, 5)), []
    with pytest.raises(SettingError, match="number: expected another one, got 4") as failure:
        answered.extend(item for item, _ in workers.map(squares, range(30), batch=1))
    assert answered == [0, 1, 2, 3]
    assert "in _answer" in failure.value.__notes__[0], "where it was raised is lost"
    assert not living(squares.built())


def test_an_error_that_cannot_be_sent_arrives_as_its_text(workers, tmp_path):
    with pytest.raises(RuntimeError, match="OddError: this and that"):
        list(workers.map(Squares(tmp_path, odd=(1,)), range(3), batch=1))


def test_an_error_for_the_user_that_cannot_be_sent_stays_one(workers, tmp_path):
    with pytest.raises(WorkerError, match="expected this, got that"):
        list(workers.map(Squares(tmp_path, odd=(0,)), range(3), batch=1))


def test_answers_that_cannot_be_sent_are_an_error(workers):
    with pytest.raises((AttributeError, pickle.PicklingError), match="pickle"):
        list(workers.map(unsendable, range(3), batch=1))


def test_an_item_that_cannot_be_read_is_an_error(workers, tmp_path):
    with pytest.raises(ValueError, match="no number"):
        list(workers.map(Squares(tmp_path), [Unreadable()], batch=1))


def test_an_error_of_the_factory_arrives_as_itself(workers):
    with pytest.raises(SettingError, match="device: expected one that is there"):
        list(workers.map(refuse, range(3), batch=1))


def test_what_a_worker_logs_is_logged_here(workers, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        list(workers.map(Squares(tmp_path, told=(1, 3)), range(4), batch=1))
    assert sorted(record.getMessage() for record in caplog.records if record.name == "squares") == [
        "1 is odd",
        "3 is odd",
    ]


def test_the_batches_of_a_killed_worker_go_to_the_other(workers, tmp_path, caplog):
    squares = Squares(tmp_path, deadly_once=(4,))
    answers = list(workers.map(squares, range(16), batch=2))
    assert [(item, square) for item, (square, _) in answers] == [(n, n * n) for n in range(16)]
    (told,) = (record.getMessage() for record in caplog.records if "go to the other workers" in record.getMessage())
    assert told.startswith("worker ")
    assert not living(squares.built())


def test_an_item_that_kills_each_worker_is_named(tmp_path, engine):
    squares = Squares(tmp_path, deadly=(5,))
    with pytest.raises(WorkerError, match="expected answers for '4' and 1 more, but two workers ended"):
        list(Workers(WorkersConfig(engine=engine, count=3)).map(squares, range(40), batch=2))
    assert not living(squares.built())


def test_where_all_workers_end_the_work_ends(workers, tmp_path):
    squares = Squares(tmp_path, deadly=(0, 1))
    with pytest.raises(WorkerError, match=r"two workers ended|all have ended"):
        list(workers.map(squares, range(4), batch=1))
    assert not living(squares.built())


def test_who_stops_reading_leaves_no_process(workers, tmp_path):
    squares = Squares(tmp_path, slow=tuple(range(1, 40)))
    with closing(workers.map(squares, range(40), batch=1)) as answers:
        assert next(iter(answers))[0] == 0
    assert squares.built()
    assert not living(squares.built())


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_program_that_is_ended_leaves_no_process(tmp_path, alone, ending):
    """Ctrl-C reaches all processes of a terminal, the others the program alone. Nobody is listened to from outside."""
    command = [sys.executable, "-c", "from support.crews import main; main()", str(tmp_path), alone]
    (tmp_path / "home").mkdir()
    environment = os.environ | {"HOME": str(tmp_path / "home")}
    program = subprocess.Popen(command, cwd=TESTS, stderr=subprocess.PIPE, start_new_session=True, env=environment)
    squares = Squares(tmp_path)
    try:
        while not list(tmp_path.glob("answered-*")):
            assert program.poll() is None, program.communicate()[1].decode()
            time.sleep(0.05)
        started = {child.pid for child in psutil.Process(program.pid).children(recursive=True)}
        assert squares.built() <= started
        places = [place for number in (program.pid, *started) for place in psutil.Process(number).net_connections()]
        addresses = {place.laddr.ip for place in places if place.status == psutil.CONN_LISTEN}
        assert addresses <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}
        assert bool(addresses) == (alone == "ray")
        if ending == signal.SIGINT:
            os.killpg(program.pid, ending)
        else:
            program.send_signal(ending)
        told = program.communicate(timeout=60)[1].decode()
    finally:
        program.kill()
    assert program.returncode != 0
    assert not living(started)
    assert not list((tmp_path / "home").iterdir())
    if ending == signal.SIGINT:
        assert told.count("Traceback") <= 1, f"more than the program itself tells of it:\n{told}"


def test_a_factory_that_cannot_be_sent_is_refused():
    with pytest.raises(TypeError, match="expected a factory that can be pickled"):
        list(Workers(WorkersConfig(engine="local", count=2)).map(lambda: len, [1], batch=1))


@pytest.mark.parametrize(("given", "expected"), [(None, "share"), ("3", "3")])
def test_the_threads_of_local_workers_share_the_cores(monkeypatch, given, expected):
    """Unless the user has said how many there are."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    monkeypatch.setattr("gsam_edge.training.workers.local.cores", lambda: 8)
    answers = Workers(WorkersConfig(engine="local", count=2)).map(with_threads, [1, 2], batch=1)
    assert [answer["OMP_NUM_THREADS"] for _, answer in answers] == ["4" if expected == "share" else expected] * 2


def test_each_local_worker_sees_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    answers = Workers(WorkersConfig(engine="local", count=3)).map(with_threads, range(30), batch=1)
    seen = {answer["CUDA_VISIBLE_DEVICES"] for _, answer in answers}
    assert seen <= {"5", "7"}
    assert seen


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed")
def test_ray_that_is_not_there_is_one_message_with_the_command(monkeypatch):
    monkeypatch.setattr(os, "environ", {**os.environ})
    with pytest.raises(SettingError, match=r"Ray, since engine is ray, .*pip install 'gsam_edge\[ray\]'"):
        list(Workers(WorkersConfig(engine="ray", count=2)).map(refuse, [1], batch=1))

"""Runs of each step are killed anywhere, meet a full disk, or meet each other; the next run ends as if nothing was.

Where a run is killed is drawn by the kill's number, so that `-k` and the number in a message find it again.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from support.kills.runs import Bench, FullDiskBench, Step, again, drawn, killed
from support.recording.namespace import why_not

pytestmark = pytest.mark.slow
logger = logging.getLogger(__name__)

DATASET = "dataset=dataset,labelling.detection.max_detections=2,bundle.artefact=student_onnx"
PARAMETERS = ("--env=test", f"--params={DATASET}")
IMPORT = ("--env=test", "--pipeline=import_dataset", "--params=source=dataset,format=coco,output=imported")

#: Of a hundred kills, how many each step gets: those that are quick get most. Each begins where the one before ended.
SHARES = {
    "first_run": 4,
    "data_validation": 30,
    "import_dataset": 20,
    "teacher_finetune": 6,
    "distillation": 6,
    "optimization": 2,
    "evaluation": 2,
    "review": 6,
    "report": 12,
    "bundle": 12,
}

#: Kills after each other, each of a run that continues what the one before left: a run that is compared follows five.
IN_A_ROW = 5


def arguments_of(step: str) -> tuple[str, ...]:
    if step == "import_dataset":
        return IMPORT
    return (*PARAMETERS, f"--pipeline={'data_validation' if step == 'first_run' else step}")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("kills"))


@pytest.fixture(scope="module")
def step_of(bench: Bench) -> Callable[[str], Step]:
    """A step by its name; those before it are run first, once."""

    @cache
    def run(name: str) -> tuple[Step, Path]:
        before = bench.bare()
        if name in {"data_validation", "import_dataset"}:  # where MLflow has its database, which takes most of a run
            before = bench.with_database(run("first_run")[1])
        elif name != "first_run":
            names = [other for other in SHARES if other not in {"first_run", "import_dataset"}]
            before = run(names[names.index(name) - 1])[1]
        return bench.undisturbed(name, arguments_of(name), before)

    return lambda name: run(name)[0]


@pytest.mark.parametrize("name", SHARES)
def test_a_run_that_was_killed_ends_as_one_that_was_not(
    bench: Bench, step_of: Callable[[str], Step], name: str, request: pytest.FixtureRequest
) -> None:
    kills = request.config.getoption("--kills") * SHARES[name] // 100
    if not kills:
        pytest.skip(f"{name} gets {SHARES[name]} of 100 kills")
    step = step_of(name)
    hit: list[str] = []
    for number in range(0, kills, IN_A_ROW):
        hit += killed(bench, step, number, min(IN_A_ROW, kills - number))
    logger.info("%s: %d of %d kills; %d operations: %s", name, len(hit), kills, len(step.operations), hit)
    assert hit, "it was never killed"


@pytest.mark.parametrize("name", ["data_validation", "import_dataset", "report", "bundle"])
def test_a_full_disk_is_one_message_and_costs_nothing(
    bench: Bench, step_of: Callable[[str], Step], name: str, request: pytest.FixtureRequest
) -> None:
    """Nothing can be made or grow from an operation on that is drawn."""
    step = step_of(name)
    told = 0
    for number in range(max(1, request.config.getoption("--kills") // 20)):
        operation = drawn(f"full {name}", number).randint(1, len(step.operations))
        bench.restore(step.before)
        done = bench.run(step.arguments, before=bench.fault("no_room_from", operation))
        where = f"{name}: no room from operation {operation}, {step.operations[operation - 1]}, on"
        if done.returncode:
            assert_one_message(done.stderr, where)
            told += 1
        again(bench, step, where)
    assert told, "the disk was never full"


def assert_one_message(said: str, where: str) -> None:
    assert "Traceback" not in said, f"{where}: {said[-4000:]}"
    assert "free some room on the disk, then run again" in " ".join(said.replace("│", " ").split()), f"{where}: {said}"


def test_a_disk_that_is_really_full_is_one_message(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """As above with a disk of its own that has room for a number of bytes: what writes in C meets its end, too."""
    if reason := why_not():
        pytest.skip(reason)
    bench = FullDiskBench(tmp_path / "disk")
    first, after = bench.undisturbed("first_run", arguments_of("first_run"), bench.bare())
    before = bench.with_database(after)
    step = replace(first, before=before)
    written = bench.size_of(after) - bench.size_of(before)
    for number in range(max(1, request.config.getoption("--kills") // 20)):
        room = drawn("disk", number).randrange(written)
        bench.restore(before)
        bench.leave_room(room)
        done = bench.run(step.arguments)
        where = f"room for {room} of {written} bytes"
        bench.leave_room(None)
        assert done.returncode, where
        assert_one_message(done.stderr, where)
        again(bench, step, where)


@pytest.mark.parametrize("name", ["first_run", "data_validation", "import_dataset", "report"])
def test_two_runs_at_once_end_as_one(bench: Bench, step_of: Callable[[str], Step], name: str, tmp_path: Path) -> None:
    step = step_of(name)
    bench.restore(step.before)
    said, ended = tmp_path / "said", tmp_path / "ended"
    done = bench.run(step.arguments, before=[("support.kills.twice:fork_run", (str(said), str(ended)))])
    for code, text in ((done.returncode, done.stderr), (int(ended.read_text()), said.read_text())):
        assert code == 0 or "already running" in text, text[-4000:]
        assert "Traceback" not in text
    again(bench, step, "two at once")

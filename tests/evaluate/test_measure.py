import contextlib
import functools
import os
import subprocess
import sys
import textwrap
import time

import numpy as np
import psutil
import pytest

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate import measure as measuring
from gsam_edge.evaluate import worker
from gsam_edge.evaluate.calls import Calls
from gsam_edge.evaluate.energy import Energy
from gsam_edge.evaluate.measure import (
    MeasurementError,
    MeasurementRefusedError,
    ProcessHungError,
    measure,
    predict_all,
    times_in_turns,
)
from gsam_edge.evaluate.memory import peak_memory_mb
from gsam_edge.vision import Detections
from support.odd_artefacts import artefacts

__all__ = ["artefacts"]


def images(count, side=8):
    return [np.full((side, side, 3), row, np.uint8) for row in range(count)]


def quick(factory, count=3, *, warmup=0, repeats=1, prompts=None, threads=1, timeout_s=60):
    """Measures an artefact whose predictions come from the same factory."""
    usual = {"prompts": prompts, "threads": threads, "timeout_s": timeout_s}
    calls = Calls(warmup, repeats, 60, 1)
    return measure(predict_all(factory, images(count), **usual), factory, images(count), calls=calls, **usual)


class TestAnswers:
    @pytest.mark.parametrize("with_masks", [True, False])
    def test_predictions_come_back_in_order(self, artefacts, with_masks):
        measurement = quick(functools.partial(artefacts.echo, with_masks), 12)
        assert len(measurement.predictions) == 12
        for row, packed in enumerate(measurement.predictions):
            found = packed.unpack()
            np.testing.assert_array_equal(found.xyxy, np.full((1, 4), row, np.float32))
            if with_masks:
                np.testing.assert_array_equal(found.masks, np.full((1, 8, 8), row > 7))
            else:
                assert found.masks is None

    def test_prompts_go_with_their_images(self, artefacts):
        prompts = [np.full((1, 4), value, np.float32) for value in (7, 5, 3)]
        measurement = quick(artefacts.prompted, prompts=prompts)
        assert [float(found.unmasked.xyxy[0, 0]) for found in measurement.predictions] == [7, 5, 3]

    def test_what_a_library_prints_does_no_harm(self, artefacts, capfd):
        assert [float(found.unmasked.xyxy[0, 0]) for found in quick(artefacts.talker).predictions] == [5, 5, 5]
        assert capfd.readouterr().out == ""


class TestFigures:
    def test_calls(self, artefacts):
        measurement = quick(artefacts.counter, 3, warmup=4, repeats=10)
        assert measurement.timed_calls == 10
        assert [float(found.unmasked.xyxy[0, 0]) for found in measurement.predictions] == [1, 2, 3]
        assert quick(artefacts.counter, 3, repeats=2).timed_calls == 2

    def test_the_clock_sees_the_artefact_as_it_is_used(self, artefacts):
        echo = functools.partial(artefacts.echo, False)
        found = predict_all(echo, images(3), threads=1, timeout_s=60)
        measurement = measure(found, artefacts.sleeper, images(3), calls=Calls(0, 4, 60, 1), threads=1, timeout_s=60)
        assert [float(each.unmasked.xyxy[0, 0]) for each in measurement.predictions] == [0, 1, 2]
        assert measurement.latency_ms_median >= 20

    @pytest.mark.parametrize(
        ("count", "repeats", "seen"), [(3, 5, [0, 1, 2, 0, 1]), (9, 3, [0, 3, 6]), (5, 4, [0, 1, 2, 3])]
    )
    def test_timed_calls_are_spread_over_the_images(self, artefacts, tmp_path, count, repeats, seen):
        noting = functools.partial(artefacts.noting, str(tmp_path / "seen"))
        found = [PackedDetections.pack(Detections.empty())] * count
        measure(found, noting, images(count), calls=Calls(0, repeats, 60, 1), threads=1, timeout_s=60)
        assert (tmp_path / "seen").read_text().split() == [str(row) for row in seen]

    def test_parts_of_a_call_are_told_apart_where_the_artefact_does(self, artefacts):
        stages_ms = quick(artefacts.Staged, 4, repeats=4).stages_ms
        assert list(stages_ms) == ["decode", "preprocess", "inference"]
        assert (stages_ms["preprocess"], stages_ms["inference"]) == (1.0, 1.5)  # the median of 0, 1, 2, 3
        assert list(quick(artefacts.counter).stages_ms) == ["decode"]

    def test_energy_is_that_of_a_call_and_absent_without_a_counter(self, artefacts, monkeypatch):
        for joules, energy_mj in ((None, None), (3.0, 750.0)):
            counted = functools.partial(contextlib.nullcontext, Energy(joules))
            monkeypatch.setattr(measuring, "counted_energy", counted)
            assert quick(artefacts.counter, repeats=4).energy_mj == energy_mj

    def test_latency_is_that_of_the_call(self, artefacts):
        measurement = quick(artefacts.sleeper, 5)
        assert 20 <= measurement.latency_ms_median < 200  # a busy machine may take its time
        assert measurement.latency_ms_p95 >= measurement.latency_ms_median

    def test_threads_are_set_before_the_libraries_load(self, artefacts):
        measurement = quick(artefacts.settings, 1, threads=3)
        assert float(measurement.predictions[0].unmasked.xyxy[0, 0]) == 3
        assert measurement.threads == 3

    def test_memory_is_the_artefacts_not_the_parents(self, artefacts):
        ballast = np.ones(40_000_000)
        assert peak_memory_mb() > ballast.nbytes / 1e6
        small = quick(artefacts.counter, 1).peak_memory_mb
        large = quick(artefacts.large, 1).peak_memory_mb
        assert small < 150
        assert large - small == pytest.approx(25_000_000 * 8 / 1e6, rel=0.03)  # 2^20 would be 5 % off


def test_a_file_of_the_working_directory_is_not_run(artefacts, tmp_path, monkeypatch):
    folder = tmp_path / "of the user"
    folder.mkdir()
    for name in ("pickle", "queue", "signal", "numpy"):
        (folder / f"{name}.py").write_text('raise ImportError("a file of the working directory was run")')
    monkeypatch.chdir(folder)
    monkeypatch.setattr("sys.path", [entry for entry in sys.path if entry])
    assert quick(functools.partial(artefacts.echo, False)).predictions


def test_artefacts_are_timed_in_turns_on_the_same_images_each_in_its_process(artefacts, tmp_path):
    """Each beginning every second turn, so that neither always runs in the other's wake."""
    notes = [tmp_path / "slow", tmp_path / "fast"]
    factories = [functools.partial(artefacts.noting, str(path)) for path in notes]
    times = times_in_turns(factories, images(3), warmup=1, repeats=3, threads=1, timeout_s=60)
    assert times.shape == (3, 2)
    assert (times > 0).all()
    assert notes[0].read_text() == notes[1].read_text() == "0 1 2 0 "
    slow = times_in_turns([artefacts.sleeper, functools.partial(artefacts.echo, False)], images(1), warmup=0,
                          repeats=2, threads=1, timeout_s=60)  # fmt: skip
    assert (slow[:, 0] > 20).all()
    assert (slow[:, 1] < slow[:, 0]).all()


class TestGraphicsCard:
    def test_the_clock_waits_for_it(self, monkeypatch):
        events = []

        class Cuda:
            synchronize = staticmethod(lambda: events.append("waited"))
            max_memory_reserved = staticmethod(lambda: 3_000_000)

        def predict(image):
            events.append("predicted")
            return Detections.empty()

        monkeypatch.setattr(worker, "_cuda", lambda: Cuda)
        process = worker.Worker()
        process.load(lambda: predict, 1)
        process.predict(images(1)[0], None)
        assert events == ["waited", "predicted", "waited"]
        assert process.memory()[1] == 3

    def test_a_measurement_without_one_does_not_speak_of_it(self, artefacts):
        assert quick(artefacts.counter, 1).peak_gpu_memory_mb is None


@pytest.mark.slow
def test_torch_is_told_its_threads(artefacts):
    assert float(quick(artefacts.torch_threads, 1, threads=1).predictions[0].unmasked.xyxy[0, 0]) == 1
    assert float(quick(artefacts.torch_threads, 1, threads=2).predictions[0].unmasked.xyxy[0, 0]) == 2


def workers():
    """Returns the processes that measure for this one; other tests may have begun others."""
    return [child for child in psutil.Process().children() if "gsam_edge.evaluate.worker" in child.cmdline()]


class TestFailures:
    def test_of_loading(self, artefacts):
        with pytest.raises(MeasurementError, match="failed to load") as caught:
            quick(artefacts.missing)
        assert "FileNotFoundError: no weights at models/student.onnx" in str(caught.value)
        assert "in missing" in str(caught.value)

    def test_what_a_user_can_mend_comes_without_a_traceback(self, artefacts):
        with pytest.raises(MeasurementRefusedError, match=r"refused to load: expected a device, got none$"):
            quick(artefacts.refusing)

    @pytest.mark.parametrize("error", [RuntimeError, EOFError])
    def test_of_predicting(self, artefacts, error):
        with pytest.raises(MeasurementError, match="failed to predict") as caught:
            quick(functools.partial(artefacts.raising, error))
        assert f"{error.__name__}: the engine refuses" in str(caught.value)

    def test_of_a_killed_process(self, artefacts):
        with pytest.raises(MeasurementRefusedError, match="killed by SIGKILL, most likely because memory ran out"):
            quick(functools.partial(artefacts.dying, 9))

    def test_of_a_crashed_process(self, artefacts):
        with pytest.raises(MeasurementError, match="was ended by SIGSEGV when asked to predict") as caught:
            quick(functools.partial(artefacts.dying, 11))
        assert not isinstance(caught.value, MeasurementRefusedError)

    @pytest.mark.parametrize("where", ["load", "predict"])
    def test_of_a_process_that_hangs(self, artefacts, where):
        """A backend in a deadlock must not keep the run for ever; a busy machine does not even come to predict."""
        begun = time.monotonic()
        message = r"gave no answer within 2 s \(evaluation.timeout_s\) when asked to (load|predict), and was ended"
        with pytest.raises(ProcessHungError, match=message):
            quick(functools.partial(artefacts.hanging, where), timeout_s=2)
        assert time.monotonic() - begun < 500  # it would have answered after 600
        assert not workers()

    def test_of_a_process_that_does_not_even_listen(self, artefacts):
        """What it is sent is larger than what a pipe holds, so that whoever sends it waits, too."""
        with pytest.raises(ProcessHungError):
            predict_all(artefacts.deaf, images(1, side=2000), threads=1, timeout_s=2)

    def test_the_clock_of_each_answer_stops_with_it(self, artefacts, monkeypatch):
        """A slow one is left alone as long as each answer is in time: no clock runs on while the next is asked for."""
        begun, stopped = [], []

        class Watch:
            def __init__(self, seconds, end):
                assert seconds == 20

            def start(self):
                assert begun == stopped
                begun.append(self)

            def cancel(self):
                stopped.append(self)

        monkeypatch.setattr("gsam_edge.evaluate.measure.Timer", Watch)
        assert len(quick(artefacts.sleeper, 5, timeout_s=20).predictions) == 5
        assert begun == stopped
        assert len(begun) > 5

    def test_of_a_process_that_leaves(self, artefacts):
        with pytest.raises(MeasurementError, match="ended with exit code 3"):
            quick(artefacts.leaving)

    def test_no_process_stays(self, artefacts):
        with pytest.raises(MeasurementError):
            quick(artefacts.missing)
        assert not workers()

    def test_of_a_factory_that_cannot_travel(self):
        with pytest.raises(TypeError, match="load: expected values that can be pickled"):
            quick(lambda: None)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"count": 0}, "images: expected at least one"),
            ({"prompts": [None]}, "prompts: expected one for each of 3 images, got 1"),
            ({"warmup": -1}, "warmup=-1"),
            ({"repeats": 0}, "most=0"),
            ({"threads": 0}, "expected threads >= 1, got 0"),
        ],
    )
    def test_of_arguments(self, options, message):
        with pytest.raises(ValueError, match=message):
            quick(print, **options)

    def test_of_predictions_of_other_images(self):
        with pytest.raises(ValueError, match="predictions: expected one for each of 3 images, got 0"):
            measure([], print, images(3), calls=Calls(0, 1, 60, 1), threads=1, timeout_s=60)


@pytest.mark.parametrize(
    ("warmup_ms", "timed"),
    [([], 200), ([1.0], 200), ([100.0], 200), ([99.0, 500.0, 600.0], 40), ([5000.0], 20), ([0.0], 200)],
)
def test_a_slow_artefact_is_timed_for_so_many_seconds(warmup_ms, timed):
    assert Calls(warmup=5, most=200, seconds=20, least=20).timed(warmup_ms) == timed
    assert Calls(warmup=5, most=3, seconds=20, least=20).timed(warmup_ms) == 3


def test_a_slow_artefact_is_measured_by_fewer_calls(artefacts):
    calls = Calls(warmup=1, most=50, seconds=0.1, least=2)
    found = [PackedDetections.pack(Detections.empty())]
    slow = measure(found, artefacts.sleeper, images(1), calls=calls, threads=1, timeout_s=60)
    assert 2 <= slow.timed_calls <= 5  # 20 ms each, on a busy machine more


PROGRAM = """
import numpy as np
import artefacts
from gsam_edge.evaluate import worker
from gsam_edge.evaluate.calls import Calls
from gsam_edge.evaluate.calls import Calls
from gsam_edge.evaluate.measure import measure, predict_all

print("the program runs")
images = [np.zeros((4, 4, 3), np.uint8)]
predictions = predict_all(artefacts.counter, images, threads=1, timeout_s=60)
found = measure(predictions, artefacts.counter, images, calls=Calls(0, 1, 60, 1), threads=1, timeout_s=60)
print(found.timed_calls)
"""


@pytest.mark.parametrize("as_file", [True, False])
def test_a_program_without_a_main_guard_runs_once(artefacts, tmp_path, as_file):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    arguments = [str(script)] if as_file else ["-c", textwrap.dedent(PROGRAM)]
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["the program runs", "1", ""]


def test_the_worker_imports_nothing_heavy():
    program = "import sys, gsam_edge.evaluate.worker; print(*sorted(sys.modules))"
    modules = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"torch", "transformers", "ultralytics", "onnxruntime", "pandas", "matplotlib", "kedro", "mlflow", "cv2"}
    assert not heavy & set(modules)

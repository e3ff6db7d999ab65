"""Measures an artefact's predictions, latency and memory in processes of their own.

One process makes the predictions for the accuracy, down to very low scores. Another runs the artefact as in normal use,
for latency and memory; where the latencies of two artefacts are compared, their processes answer in turns, so that what
else the machine does falls on both. Each is a plain interpreter (`training.interpreter`): the libraries of the program
that starts it would count as the artefact's memory. Images are sent one by one, so that the process holds the artefact
and one image.
"""

import pickle
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from threading import Event, Timer
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.packed import PackedDetections
from gsam_edge.evaluate.calls import Calls
from gsam_edge.evaluate.energy import counted_energy
from gsam_edge.metrics.measured import Measurement
from gsam_edge.training.interpreter import how_it_ended, start_interpreter, thread_variables
from gsam_edge.vision import Detections
from gsam_edge.vision.errors import UserError

#: `predict(image)`, or `predict(image, prompt)` for a model that is prompted.
Predict: TypeAlias = Callable[..., Detections]

#: Images whose decoding is timed.
_DECODED = 20


class MeasurementError(RuntimeError):
    """The measured artefact raised an exception, whose traceback the message holds, or its process ended early."""


class MeasurementRefusedError(UserError, MeasurementError):
    """A `MeasurementError` that the user can fix: the artefact raised a `UserError`, or memory ran out."""


class ProcessEndedError(MeasurementError):
    """The process of the measured artefact ended early: its backend crashed."""


class ProcessHungError(MeasurementRefusedError, ProcessEndedError):
    """The process of the measured artefact gave no answer for too long, and was ended."""


class ProcessKilledError(MeasurementRefusedError, ProcessEndedError):
    """The process of the measured artefact was killed, most likely because memory ran out."""


def measure(
    predictions: Sequence[PackedDetections],
    factory: Callable[[], Predict],
    images: Sequence[NDArray[np.uint8]],
    *,
    prompts: Sequence[Any] | None = None,
    calls: Calls,
    threads: int,
    timeout_s: float,
) -> Measurement:
    """Measures an artefact's latency and memory, as it is used, in a fresh process.

    The timed calls are spread over the images, which are repeated where they are fewer. A timed call includes the wait
    for a GPU that torch uses.

    Args:
        predictions: what it finds in each image down to low scores (see `predict_all`), for its accuracy.
        factory: builds the predictor with the settings of normal use inside the process: `functools.partial` of a
            module-level function over plain values. An engine with a thread pool of its own (ONNX Runtime) must be told
            its threads here.
        images: uint8 [H, W, 3] RGB, read one at a time.
        prompts: one per image, passed as the predictor's second argument; None for predictors without prompts.
        calls: how many are made.
        threads: CPU threads for BLAS, OpenMP, torch and OpenCV.
        timeout_s: seconds after which a process that does not answer is ended.

    Raises:
        ValueError: if there are no images, or not as many predictions or prompts as images, or a number is out of
            range.
        TypeError: if the factory cannot be pickled.
        MeasurementError: if the artefact raised an exception (its traceback is in the message) or its process ended;
            MeasurementRefusedError if the user can fix that.
    """
    _require_one_each(images, predictions=predictions, prompts=prompts)

    def request(row: int) -> tuple[Any, ...]:
        row %= len(images)
        return "predict", images[row], None if prompts is None else prompts[row]

    with worker_process(threads, timeout_s) as ask:
        ask("load", factory, threads)
        repeats = calls.timed([ask(*request(row))[1] for row in range(calls.warmup)])
        step = max(1.0, len(images) / repeats)
        rows = [int(call * step) for call in range(repeats)]
        latencies_ms: list[float] = []
        stages: list[dict[str, float]] = []
        with counted_energy() as energy:
            for row in rows:
                _, latency_ms, stages_ms = ask(*request(row))
                latencies_ms.append(latency_ms)
                stages.append(stages_ms)
        memory_mb, gpu_memory_mb = ask("memory")
    return Measurement(
        predictions=predictions,
        latency_ms_median=float(np.median(latencies_ms)),
        latency_ms_p95=float(np.percentile(latencies_ms, 95)),
        peak_memory_mb=memory_mb,
        timed_calls=len(latencies_ms),
        threads=threads,
        peak_gpu_memory_mb=gpu_memory_mb,
        stages_ms={"decode": _decoding_ms(images, rows)} | _medians(stages),
        energy_mj=None if energy.joules is None else 1000 * energy.joules / repeats,
    )


def _require_one_each(images: Sequence[Any], **values: Sequence[Any] | None) -> None:
    """Checks that there are images, and one of each of the values for each of them."""
    if not len(images):
        raise ValueError("images: expected at least one, got none")
    for name, each in values.items():
        if each is not None and len(each) != len(images):
            raise ValueError(f"{name}: expected one for each of {len(images)} images, got {len(each)}")


def _decoding_ms(images: Sequence[NDArray[np.uint8]], rows: Sequence[int]) -> float:
    """Returns the median time in milliseconds in which an image is read and decoded, in this process."""
    times = []
    for row in rows[:_DECODED]:
        start = perf_counter()
        images[row % len(images)]
        times.append(1000 * (perf_counter() - start))
    return float(np.median(times))


def _medians(stages: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the median of each part of a call, of calls that all tell the same parts apart."""
    return {name: float(np.median([each[name] for each in stages])) for name in stages[0]}


def predict_all(
    factory: Callable[[], Predict],
    images: Sequence[NDArray[np.uint8]],
    *,
    prompts: Sequence[Any] | None = None,
    threads: int,
    timeout_s: float,
) -> list[PackedDetections]:
    """Returns what an artefact finds in each image, in a fresh process; arguments and errors as of `measure`."""
    _require_one_each(images, prompts=prompts)
    with worker_process(threads, timeout_s) as ask:
        ask("load", factory, threads)
        asked = [None] * len(images) if prompts is None else prompts
        return [ask("predict", images[row], asked[row])[0] for row in range(len(images))]


def times_in_turns(
    factories: Sequence[Callable[[], Predict]],
    images: Sequence[NDArray[np.uint8]],
    *,
    warmup: int,
    repeats: int,
    threads: int,
    timeout_s: float,
) -> NDArray[np.float64]:
    """Times artefacts in turns, each in a fresh process of its own; all of them are loaded at once.

    In each turn all get the same image, and the one that begins changes from turn to turn.

    Args:
        factories: of the artefacts with the settings of normal use; else, and all errors, as of `measure`.
        images: uint8 [H, W, 3] RGB, read one at a time.
        warmup: turns that are not timed, at least 0.
        repeats: timed turns, at least 1.
        threads: CPU threads of each.
        timeout_s: as of `measure`.

    Returns:
        Milliseconds of each call, float64 [repeats, artefacts].
    """
    times = np.empty((warmup + repeats, len(factories)))
    step = max(1.0, len(images) / repeats)
    with ExitStack() as processes:
        asks = [processes.enter_context(worker_process(threads, timeout_s)) for _ in factories]
        for ask, factory in zip(asks, factories, strict=True):
            ask("load", factory, threads)
        for turn in range(warmup + repeats):
            image = images[int(turn * step) % len(images)]
            for place in range(len(asks)):
                column = (turn + place) % len(asks)
                times[turn, column] = asks[column]("predict", image, None)[1]
    return times[warmup:]


@contextmanager
def worker_process(threads: int, timeout_s: float) -> Iterator[Callable[..., Any]]:
    """Starts a worker process and ends it with the block; yields `ask(name, *arguments)`, which returns its reply.

    Args:
        threads: CPU threads of it.
        timeout_s: seconds after which it is ended if it has not replied.

    Raises:
        ValueError: if `threads` is below 1.
    """
    if threads < 1:
        raise ValueError(f"expected threads >= 1, got {threads}")
    process, requests, answers = start_interpreter("gsam_edge.evaluate.worker", thread_variables(threads))
    ended_here = Event()

    def ask(*message: Any) -> Any:
        # Also a process that does not read what it is sent would keep this one waiting.
        watch = Timer(timeout_s, hung)
        watch.start()
        try:
            return answer_to(message)
        finally:
            watch.cancel()

    def hung() -> None:
        ended_here.set()
        process.kill()

    def answer_to(message: tuple[Any, ...]) -> Any:
        try:
            pickle.dump(message, requests, protocol=pickle.HIGHEST_PROTOCOL)
            requests.flush()
        except BrokenPipeError as error:
            raise why_it_ended(message[0]) from error
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            expected = "values that can be pickled (as factory a functools.partial of a module-level function)"
            raise TypeError(f"{message[0]}: expected {expected}, got {message[1]!r}: {error}") from error
        try:
            status, value = pickle.load(answers)  # noqa: S301 - our own child process sent it
        except (EOFError, pickle.UnpicklingError) as error:
            raise why_it_ended(message[0]) from error
        if status == "refused":
            raise MeasurementRefusedError(f"the measured artefact refused to {message[0]}: {value}")
        if status == "failed":
            raise MeasurementError(f"the measured artefact failed to {message[0]}:\n{value}")
        return value

    def why_it_ended(request: str) -> ProcessEndedError:
        if ended_here.is_set():
            return ProcessHungError(
                f"the process of the measured artefact gave no answer within {timeout_s:g} s (evaluation.timeout_s) "
                f"when asked to {request}, and was ended"
            )
        return _why_it_ended(process, request)

    try:
        yield ask
    finally:
        process.kill()
        process.communicate()


def _why_it_ended(process: "subprocess.Popen[bytes]", request: str) -> ProcessEndedError:
    """Returns the error that says why a worker ended without a reply."""
    code = process.wait()
    kind = ProcessKilledError if code < 0 and -code == signal.SIGKILL else ProcessEndedError
    cause = f"{how_it_ended(code)} when asked to {request}"
    return kind(f"the process of the measured artefact {cause}; see its standard error above")

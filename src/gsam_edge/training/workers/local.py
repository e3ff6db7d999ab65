"""Workers that are processes of this machine."""

import os
import pickle
from collections.abc import Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import Any

from gsam_edge.training.interpreter import Interpreter, how_it_ended, start_interpreter, thread_variables
from gsam_edge.training.workers.crew import Died
from gsam_edge.training.workers.member import Outcome


class LocalCrew:
    """A `Crew` of processes of this machine.

    Each has an equal share of the machine's cores for its threads, unless OMP_NUM_THREADS says how many there are.
    Where there are GPUs each process sees one of them, in turn. The processes end with this one, however it ends.

    Args:
        factory: pickled; see `ModelFactory`.
        count: processes.
    """

    def __init__(self, factory: bytes, count: int) -> None:
        self._outcomes: SimpleQueue[tuple[int, Outcome | Died]] = SimpleQueue()
        self._started: list[tuple[Interpreter, Thread]] = []
        gpus = visible_gpus()
        try:
            for worker in range(count):
                environment = thread_share(cores(), count)
                if gpus:
                    environment["CUDA_VISIBLE_DEVICES"] = gpus[worker % len(gpus)]
                process = start_interpreter("gsam_edge.training.workers", environment)
                listener = Thread(target=self._listen, args=(worker, process), daemon=True)
                self._started.append((process, listener))
                listener.start()
            for worker in range(count):
                self._write(worker, factory)
        except BaseException:
            self.close()
            raise

    def send(self, worker: int, batch: Sequence[Any]) -> None:
        """See `Crew.send`."""
        self._write(worker, pickle.dumps(batch, protocol=pickle.HIGHEST_PROTOCOL))

    def next_outcome(self) -> tuple[int, Outcome | Died]:
        """See `Crew.next_outcome`."""
        return self._outcomes.get()

    def close(self) -> None:
        """See `Crew.close`."""
        for process, _ in self._started:
            process.process.kill()
        for process, listener in self._started:
            process.process.wait()
            listener.join()
            process.answers.close()
            with suppress(OSError):  # what it has not read
                process.requests.close()

    def _write(self, worker: int, message: bytes) -> None:
        requests = self._started[worker][0].requests
        with suppress(OSError):  # it has ended, as its listener will say
            pickle.dump(message, requests, protocol=pickle.HIGHEST_PROTOCOL)
            requests.flush()

    def _listen(self, worker: int, started: Interpreter) -> None:
        """Passes on what a worker replies, until it has ended."""
        while True:
            try:
                outcome = pickle.load(started.answers)  # noqa: S301 - our own child process sent it
            except (EOFError, OSError, pickle.UnpicklingError):
                self._outcomes.put((worker, Died(how_it_ended(started.process.wait()))))
                return
            except Exception as error:  # noqa: BLE001 - raised by whoever waits for the answer
                outcome = Outcome(error=error)
            self._outcomes.put((worker, outcome))


def thread_share(cores: int, count: int) -> dict[str, str]:
    """Returns the variables of the environment that give each of so many workers its share of the cores."""
    return {} if "OMP_NUM_THREADS" in os.environ else thread_variables(max(1, cores // count))


def visible_gpus() -> list[str]:
    """Returns the GPUs that torch sees, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    return named.split(",")[:count] if named else [str(number) for number in range(count)]


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

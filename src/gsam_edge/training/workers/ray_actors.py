"""Workers that are actors of Ray, on this machine or on several; nothing here imports Ray before it is asked for."""

import os
import pickle
import secrets
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from math import ceil
from typing import Any

from gsam_edge.training.errors import SettingError
from gsam_edge.training.workers.crew import Died
from gsam_edge.training.workers.local import cores, thread_share
from gsam_edge.training.workers.member import Member, Outcome

#: Ray reads these when it is imported: no report to its makers, no environment of its own under `uv run`.
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}

#: Of a cluster of this machine alone: it listens on the loopback address only, as it would on Windows, and obeys only
#: who knows its token, which `_imported` makes; Ray would keep one in the user's home.
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}


class RayCrew:
    """A `Crew` of actors, one CPU each, and a GPU or an equal share of one where there are any.

    They run on the cluster that RAY_ADDRESS names, or else on one that is started on this machine alone, on its
    loopback address and without a dashboard, and ended with the crew. On other machines the project and the images lie
    at the same places as here.

    Args:
        factory: pickled; see `ModelFactory`.
        count: actors.

    Raises:
        SettingError: if Ray is missing or does not start, or its cluster cannot be joined or has too few CPUs.
    """

    def __init__(self, factory: bytes, count: int) -> None:
        self._ray = _imported()
        self._pending: dict[Any, int] = {}
        with ExitStack() as started:
            threads = _joined(self._ray, count, started)
            member = self._ray.remote(Member).options(**_share(self._ray.cluster_resources(), count, threads))
            content = self._ray.put(factory)
            self._actors = [member.remote() for _ in range(count)]
            for worker, actor in enumerate(self._actors):
                started.callback(self._ray.kill, actor)
                self._pending[actor.build.remote(content)] = worker
            self._started = started.pop_all()

    def send(self, worker: int, batch: Sequence[Any]) -> None:
        """See `Crew.send`."""
        content = pickle.dumps(batch, protocol=pickle.HIGHEST_PROTOCOL)
        self._pending[self._actors[worker].answer.remote(content)] = worker

    def next_outcome(self) -> tuple[int, Outcome | Died]:
        """See `Crew.next_outcome`."""
        (done,), _ = self._ray.wait(list(self._pending), num_returns=1)
        worker = self._pending.pop(done)
        try:
            return worker, pickle.loads(self._ray.get(done))  # noqa: S301 - our own actor sent it
        except self._ray.exceptions.RayError as error:  # a member itself raises nothing
            self._pending = {pending: each for pending, each in self._pending.items() if each != worker}
            return worker, Died(f"was lost by Ray ({str(error).strip().splitlines()[0]})")

    def close(self) -> None:
        """See `Crew.close`."""
        self._started.close()


def _imported() -> Any:
    """Returns Ray.

    Raises:
        SettingError: if it is missing.
    """
    alone = {} if _joins() else {**_ALONE, "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for name, value in {**_QUIET, **alone}.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise SettingError(
            "workers: expected Ray, since engine is ray, but it is not installed (pip install 'gsam_edge[ray]'); or "
            "take engine local"
        ) from error
    return ray


def _joins() -> bool:
    """Returns whether there is a cluster to join."""
    return bool(os.environ.get("RAY_ADDRESS"))


def _joined(ray: Any, count: int, started: ExitStack) -> dict[str, str]:
    """Joins a cluster, or starts one that `started` ends; returns the variables of the environment of its actors.

    Raises:
        SettingError: if that fails.
    """
    threads: dict[str, str] = {}
    options: dict[str, Any] = {}
    what = f"join the cluster at {os.environ.get('RAY_ADDRESS')} (RAY_ADDRESS)"
    if not _joins():
        what, threads = "start on this machine", thread_share(cores(), count)
        folder = started.enter_context(tempfile.TemporaryDirectory(prefix="gsam-ray-", ignore_cleanup_errors=True))
        options = {"address": "local", "num_cpus": max(count, cores()), "include_dashboard": False, "_temp_dir": folder}
    try:
        ray.init(configure_logging=False, **options)
    except Exception as error:  # Ray raises bare ones
        raise SettingError(f"workers: expected Ray to {what}, but: {error}") from error
    started.callback(ray.shutdown)
    return threads


def _share(there: dict[str, float], count: int, threads: dict[str, str]) -> dict[str, Any]:
    """Returns the options of one of so many actors on a cluster with these resources.

    Raises:
        SettingError: if it has too few CPUs: the actors would wait for ever.
    """
    cpus, gpus = int(there.get("CPU", 0)), int(there.get("GPU", 0))
    if cpus < count:
        raise SettingError(
            f"workers: expected a cluster of Ray with a CPU for each of {count} workers, got one with {cpus}; add "
            "machines to it, or take fewer workers"
        )
    gpu = 1 / ceil(count / gpus) if gpus else 0
    return {"num_cpus": 1, "num_gpus": gpu, "runtime_env": {"env_vars": threads}}

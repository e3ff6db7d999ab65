"""What a run is doing now, and one line for each step that has ended. Kedro's own lines go to the log file."""

import atexit
import logging
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from threading import Lock
from typing import Any

from kedro.framework.hooks import hook_impl
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from rich import get_console
from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from gsam_edge.report.sections.lines import LINES
from gsam_edge.vision.text import visible

logger = logging.getLogger(__name__)

_TOLD = {name for line in LINES.values() for name in line.needs}


class StepHooks:
    """Shows the node that works, with its time, below all that it shows itself; tells each step's result."""

    def __init__(self) -> None:
        self._lock = Lock()  # under Kedro's ThreadRunner several nodes begin and end at once
        self._stop()
        atexit.register(self._stop)  # Ctrl-C is no error to Kedro, and a bar that is not ended keeps the cursor hidden

    def _stop(self) -> None:
        """Takes the bar away and forgets the run, of which `kedro server` does several in one process."""
        if (progress := getattr(self, "_progress", None)) is not None:
            progress.stop()
        self._progress: Progress | None = None
        self._bars: dict[str, Any] = {}
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = defaultdict(float)
        self._left: Counter[str] = Counter()
        self._unsaved: dict[str, set[str]] = {}
        self._reports: dict[str, Any] = {}
        self._done, self._count = 0, 0

    @hook_impl
    def before_pipeline_run(self, pipeline: Pipeline) -> None:
        """Counts the nodes of each step."""
        self._stop()
        self._left = Counter(_step(node) for node in pipeline.nodes)
        self._count = len(pipeline.nodes)

    @hook_impl
    def before_node_run(self, node: Node) -> None:
        """Shows the node where the console is a terminal."""
        with self._lock:
            self._began[node.name] = time.monotonic()
            self._unsaved[node.name] = set(node.outputs)
            if not get_console().is_terminal:
                return
            if self._progress is None:
                columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), MofNCompleteColumn())
                self._progress = Progress(*columns, transient=True)
                self._progress.start()
            self._bars[node.name] = self._progress.add_task(node.name, total=self._count, completed=self._done)

    @hook_impl
    def after_node_run(self, node: Node) -> None:
        """Counts a node without outputs as done; those of others are saved after this."""
        if not node.outputs:
            self._end(node)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Node) -> None:
        """Keeps a report that a step tells, and counts a node as done when the last of its outputs is saved."""
        if dataset_name in _TOLD:
            self._reports[dataset_name] = data
        with self._lock:
            self._unsaved[node.name].discard(dataset_name)
            saved = not self._unsaved[node.name]
        if saved:
            self._end(node)

    def _end(self, node: Node) -> None:
        """Tells the step's result after the last of its nodes."""
        step = _step(node)
        with self._lock:
            self._took[step] += time.monotonic() - self._began.pop(node.name)
            self._left[step] -= 1
            self._done += 1
            self._hide(node)
            ended = self._left[step] == 0
        if ended:
            logger.info("%s", _told(step, self._took[step], self._reports), extra={"markup": False})

    @hook_impl
    def on_node_error(self, node: Node) -> None:
        """Hides the node, whose error is told below."""
        with self._lock:
            self._hide(node)

    def _hide(self, node: Node) -> None:
        if self._progress is not None and node.name in self._bars:
            self._progress.remove_task(self._bars.pop(node.name))

    @hook_impl(tryfirst=True)
    def after_pipeline_run(self) -> None:
        """Makes room for the summary."""
        self._stop()

    @hook_impl(tryfirst=True)
    def on_pipeline_error(self) -> None:
        """Makes room for the error."""
        self._stop()


def _step(node: Node) -> str:
    return node.namespace or node.name


def _told(step: str, seconds: float, reports: Mapping[str, Any]) -> str:
    """Returns what a step came to, and how long its nodes worked."""
    took, line = _duration(seconds), LINES.get(step)
    if line is None or not reports.keys() >= set(line.needs):
        return f"{step}: done in {took}"
    return visible(f"{step}: {line.tell(reports)} ({took})")


def _duration(seconds: float) -> str:
    """Returns a duration as people say it: 12 s, 3 min 20 s, 1 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"

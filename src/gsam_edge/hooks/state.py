"""What killed runs left behind: states that this run continues from, and files that nobody will finish."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import settings

from gsam_edge.training.durable import remove_abandoned

if TYPE_CHECKING:
    from gsam_edge.training.checkpoints import FolderCheckpoints

logger = logging.getLogger(__name__)


class CheckpointHooks:
    """Keeps the checkpoints of a run's trainings until the whole run has ended well, then deletes them.

    So a run that is killed, or ends with an error, in a later step does not repeat a training that was finished: the
    next one finds its last state.
    """

    def __init__(self) -> None:
        self._opened: list[FolderCheckpoints] = []

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Forgets the handles of an earlier run of this process."""
        self._release()

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        """Keeps the handle that a node is given: it holds which states the node's trainings opened."""
        if dataset_name.endswith("_checkpoints"):
            self._opened.append(data)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Deletes the checkpoints of this run's trainings, whose results are all written."""
        for store in self._opened:
            store.clear()
        self._opened.clear()

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Lets other processes continue the trainings; this one may live on."""
        self._release()

    def _release(self) -> None:
        for store in self._opened:
            store.release()
        self._opened.clear()


class RemnantHooks:
    """Removes what killed runs left half written, before a run begins."""

    def __init__(self) -> None:
        self._written_to: Path | None = None

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Notes where the project writes its results (`output_root` in globals.yml)."""
        # A loader of its own: loading globals takes `runtime_params` from the run's.
        loader = type(context.config_loader)(
            conf_source=context.config_loader.conf_source, env=context.env, **settings.CONFIG_LOADER_ARGS
        )
        self._written_to = Path(context.project_path) / loader["globals"]["output_root"]

    @hook_impl
    def before_pipeline_run(self) -> None:
        """Removes files and folders whose writer is gone, and says how many."""
        if self._written_to is None:
            return
        if removed := remove_abandoned(self._written_to, below=True):
            logger.info("removed %d files and folders that killed runs left half written", len(removed))

"""A run in several processes (`accelerate launch`): the first one is a run as ever, the others help it train.

Each of them runs the same nodes with the same inputs, and the training loop takes their gradients together. The others
write nothing: no datasets, no reports, no MLflow, no checkpoints.
"""

import logging
import os
from typing import Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Pipeline

from gsam_edge.training.errors import SettingError

#: The pipeline whose trainings all go through the loop; Ultralytics trains a student in its own way.
PIPELINE = "teacher_finetune"


def is_helper() -> bool:
    """Returns whether this process only helps the first one to train; the launcher numbers its processes."""
    return int(os.environ.get("RANK", "0")) > 0


class ProcessHooks:
    """Refuses what several processes cannot run, and keeps all but the first from writing."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Silences a helper's progress, which the first process tells already."""
        if is_helper():
            logging.disable(logging.INFO)

    @hook_impl(tryfirst=True)
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Pipeline, catalog: DataCatalog) -> None:
        """Keeps a helper's outputs in its memory, where its own later nodes find them.

        Raises:
            SettingError: if several processes are to run another pipeline than `PIPELINE`, or only a part that each of
                them would choose by what the first one has written meanwhile; or if the runner is Kedro's
                `ParallelRunner`.
        """
        if "ParallelRunner" in str(run_params.get("runner")):
            raise SettingError(
                "--runner: expected SequentialRunner (the default) or ThreadRunner, got ParallelRunner; trainings use "
                "all cores by themselves, and their datasets are not shared between processes"
            )
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return
        names = list(run_params["pipeline_names"] or [])
        if names != [PIPELINE]:
            raise SettingError(
                f"accelerate launch: expected --pipeline={PIPELINE}, the one whose trainings several processes share, "
                f"got {', '.join(names) or 'the whole job'}; run other pipelines without it"
            )
        if run_params["only_missing_outputs"]:
            raise SettingError("accelerate launch: expected no --only-missing-outputs, name the nodes with --nodes")
        if is_helper():
            for name in pipeline.all_outputs():
                catalog[name] = MemoryDataset(copy_mode="assign")

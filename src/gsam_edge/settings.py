"""Project settings. Environment variables come first: they keep libraries from telemetry and network access."""

import os

for _name, _value in {
    "DO_NOT_TRACK": "1",
    "KEDRO_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "TOKENIZERS_PARALLELISM": "false",
}.items():
    os.environ.setdefault(_name, _value)

from kedro.config import OmegaConfigLoader  # noqa: E402

from gsam_edge.hooks import (  # noqa: E402
    CheckpointHooks,
    ErrorHooks,
    FreshnessHooks,
    InputHooks,
    InterruptHooks,
    LocalHooks,
    ProcessHooks,
    RecordHooks,
    RemnantHooks,
    ReportHooks,
    SceneHooks,
    StepHooks,
    StudentHooks,
    SummaryHooks,
    TrackingHooks,
    is_helper,
)

# Of several processes (`accelerate launch`) the first checks, tracks and tells; the others only help it train.
_OF_A_RUN = (
    InterruptHooks(),
    FreshnessHooks(),
    InputHooks(),
    LocalHooks(),
    SceneHooks(),
    SummaryHooks(),
    StepHooks(),
    RemnantHooks(),
    CheckpointHooks(),
    RecordHooks(),
    ReportHooks(),
    StudentHooks(),
    TrackingHooks(),
)
HOOKS = (ErrorHooks(), ProcessHooks(), *(() if is_helper() else _OF_A_RUN))
# TrackingHooks is kedro-mlflow's own hook with typed parameters flattened, so the plugin's must not run beside it.
# kedro-viz notes the sizes of what a run wrote.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow", *(("kedro-viz",) if is_helper() else ()))

CONFIG_LOADER_CLASS = OmegaConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "merge_strategy": {"parameters": "soft"},
}

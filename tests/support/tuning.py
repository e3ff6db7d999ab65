"""The parameters of the teachers' tuning, as an environment sets them."""

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader

from gsam_edge.teachers.table import TEACHERS

ROOT = Path(__file__).parents[2]


def environment(name: str) -> OmegaConfigLoader:
    """Returns catalog and parameters of an environment of conf/."""
    return OmegaConfigLoader(
        conf_source=str(ROOT / "conf"), base_env="base", default_run_env=name, merge_strategy={"parameters": "soft"}
    )


def tuning_config(name: str, env: str) -> Any:
    """Returns the config of a teacher of the table in an environment of conf/."""
    return TEACHERS[name].config.model_validate(environment(env)["parameters"][name])

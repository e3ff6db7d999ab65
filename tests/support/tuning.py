"""The parameters of the teachers' tuning, as an environment sets them."""

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader

from gsam_edge.teachers.table import TEACHERS

ROOT = Path(__file__).parents[2]


def tuning_config(name: str, env: str) -> Any:
    """Returns the config of a teacher of the table in an environment of conf/."""
    loader = OmegaConfigLoader(
        conf_source=str(ROOT / "conf"), base_env="base", default_run_env=env, merge_strategy={"parameters": "soft"}
    )
    return TEACHERS[name].config.model_validate(loader["parameters"][name])

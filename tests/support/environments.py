"""Parameters of a teacher in an environment, as a run reads them."""

from pathlib import Path
from typing import Any

from kedro.config import OmegaConfigLoader

ROOT = Path(__file__).parents[2]


def teacher_parameters(name: str, env: str) -> dict[str, Any]:
    """Returns conf/base's parameters of a teacher with those of the environment over them."""
    loader = OmegaConfigLoader(
        conf_source=str(ROOT / "conf"), base_env="base", default_run_env=env, merge_strategy={"parameters": "soft"}
    )
    return dict(loader["parameters"][name])

"""Says where values of conf/local do not hold: Kedro reads conf/base and one environment, and --env names another."""

import logging
from pathlib import Path

import yaml
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import settings

logger = logging.getLogger(__name__)


class LocalHooks:
    """Warns where the user has a configuration of their own and runs another environment."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Names each file of the default environment that is not read, with what it sets."""
        own = settings.CONFIG_LOADER_ARGS["default_run_env"]
        if context.env in (None, own):
            return
        unread = unread_values(Path(str(context.config_loader.conf_source)) / own)
        if unread:
            told = "; ".join(f"{name}: {', '.join(keys)}" for name, keys in unread.items())
            logger.warning(
                "--env=%s: conf/%s is not read (%s). Kedro reads conf/base and one environment. What shall hold here, "
                "too, goes into conf/%s/parameters.yml or onto the command line (docs/parameters.md)",
                context.env,
                own,
                told,
                context.env,
                extra={"markup": False},
            )


def unread_values(folder: Path) -> dict[str, list[str]]:
    """Returns the names of YAML files below a folder with their top-level keys; empty files are left out."""
    unread: dict[str, list[str]] = {}
    for file in sorted(folder.rglob("*.yml")):
        try:
            content = yaml.safe_load(file.read_text("utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError):
            content = {"what does not parse": None}
        if isinstance(content, dict) and content:
            unread[file.relative_to(folder).as_posix()] = sorted(map(str, content))
    return unread

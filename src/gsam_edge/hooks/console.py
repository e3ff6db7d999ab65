"""The console: errors in one message, and names from outside without the codes of a terminal."""

import logging
import os
import sys
from difflib import get_close_matches
from pathlib import Path
from traceback import format_exception, walk_tb
from types import TracebackType
from typing import Any

import yaml
from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.framework.project import LOGGING, settings
from kedro.io import DatasetError
from kedro.validation import ParameterValidationError
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from gsam_edge.hooks.full_disk import as_full_disk, tell_once
from gsam_edge.hooks.place import keep_font_list, require_usable_path
from gsam_edge.vision.errors import UserError
from gsam_edge.vision.text import visible

logger = logging.getLogger(__name__)

#: Errors whose message is written for the user. Kedro's own errors about the command line and the configuration count
#: as such, too; all others are defects and show their traceback.
USER_ERRORS = (UserError, DatasetError, ParameterValidationError, FileNotFoundError, PermissionError)

#: Modules in which Kedro refuses a command line, for instance for a pipeline or a node that does not exist.
COMMAND_LINE = ("kedro.framework.", "kedro.pipeline.pipeline", "kedro.runner.runner")
#: Our modules that may call Kedro in the traceback of such an error.
STARTERS = ("gsam_edge.__main__", "gsam_edge.pipeline_registry")

#: Parameters that name files and folders.
PATHS = ("dataset", "source", "output", "corrections", "review_folder")


class ShownNames(logging.Filter):
    """Gives a message that quotes a terminal's codes without them to all handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replaces control characters of the message."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            return True  # a call with arguments that do not fit: the handler says so and goes on
        if (text := visible(message)) != message:
            record.msg, record.args = text, None
        return True


_SHOWN_NAMES = ShownNames()


class ErrorHooks:
    """Shows an error that the user can fix in one message; the traceback goes to the log file."""

    @hook_impl(tryfirst=True)
    def after_context_created(self, context: KedroContext) -> None:
        """Installs `show_error`, the project's log, `ShownNames` and places; refuses what conf/base does not have.

        Raises:
            DatasetError: if there is no configuration.
            PlaceError: if the project's path cannot be used.
            ParameterValidationError: if `--params` or a file of the environment names a top-level parameter that
                conf/base does not have, or `--params` gives a number or a truth value for a path.
        """
        sys.excepthook = show_error
        require_usable_path(context.project_path)
        keep_font_list(Path(context.project_path))
        source = str(context.config_loader.conf_source)
        if "://" not in source and not Path(source).exists():
            raise DatasetError(
                f"expected the project's configuration in {source}, found none; give one with --conf-source: a copy of "
                "the project's conf folder, or conf-gsam_edge.tar.gz, which `kedro package` writes beside the wheel"
            )
        _log_into(Path(context.project_path))
        for handler in _handlers():
            handler.addFilter(_SHOWN_NAMES)
            tell_once(handler)
        known = _parameters(context, "base")
        for name in PATHS:
            value = (context._runtime_params or {}).get(name, "")
            if not isinstance(value, str | os.PathLike):
                raise ParameterValidationError(
                    f"--params: {name}: expected a path, got {value!r} ({type(value).__name__}): numbers, on, off and "
                    f"null are read as YAML. Begin a relative path with ./ as in {name}=./2024_06_01"
                )
        for place, given in (
            ("--params", context._runtime_params or {}),
            (
                f"conf/{context.env or settings.CONFIG_LOADER_ARGS['default_run_env']}",
                _parameters(context, context.env),
            ),
        ):
            for name in given:
                if name not in known:
                    near = get_close_matches(name, known, n=1)
                    hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(sorted(known))}"
                    raise ParameterValidationError(f"{place}: no parameter is called {name!r}; {hint}")


def _handlers() -> set[logging.Handler]:
    """Returns the handlers of all loggers: those of libraries show names from outside, too."""
    loggers = (each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger))
    return {handler for each in (logging.root, *loggers) for handler in each.handlers}


def _log_into(project: Path) -> None:
    """Sets logging up by the project's file where Kedro did not find it, because it was started in another folder."""
    file = project / "conf" / "logging.yml"
    if "KEDRO_LOGGING_CONFIG" in os.environ or not file.is_file() or Path.cwd().samefile(project):
        return
    config = yaml.safe_load(file.read_text("utf-8"))
    for handler in config["handlers"].values():
        if "filename" in handler:
            handler["filename"] = str(project / handler["filename"])
    LOGGING.configure(config)


def _parameters(context: KedroContext, env: str | None) -> dict[str, Any]:
    """Returns the parameters of an environment's files and of conf/base, without those of the command line."""
    loader = type(context.config_loader)(
        conf_source=context.config_loader.conf_source, env=env, **settings.CONFIG_LOADER_ARGS
    )
    return loader["parameters"]


def show_error(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Prints one message for an error that the user can fix, the whole traceback otherwise (`sys.excepthook`)."""
    told = error if _is_for_user(error) else as_full_disk(error)
    if told is None and not _is_answer_of_kedro(error, traceback):
        sys.stderr.write(visible("".join(format_exception(kind, error, traceback))))
        return
    logger.debug("the run ended with an error", exc_info=(kind, error, traceback))
    console = Console(stderr=True)
    message = Text(visible(str(told or error)))  # not markup: a message may hold brackets
    console.print(
        Panel(message, title=type(told or error).__name__, border_style="red", subtitle="traceback: logs/gsam_edge.log")
    )


def _is_for_user(error: BaseException) -> bool:
    """Returns whether the user can fix an error. Kedro wraps what datasets raise: there the cause decides."""
    if isinstance(error, DatasetError) and error.__cause__ is not None:
        return _is_for_user(error.__cause__)
    return isinstance(error, USER_ERRORS)


def _is_answer_of_kedro(error: BaseException, traceback: TracebackType | None) -> bool:
    """Returns whether Kedro itself refuses the command line, a file in conf/ or a catalog entry, often by ValueError.

    If our own code raised the error or its cause, it is a defect.
    """
    frames = _frames(traceback)
    if not frames:
        return False
    module, function = frames[-1]
    caused_by_us = error.__cause__ is not None and _is_ours(_frames(error.__cause__.__traceback__))
    if module.startswith(("kedro.config.", "omegaconf.")) or (module, function) == ("kedro.io.core", "from_config"):
        return not caused_by_us
    return module.startswith(COMMAND_LINE) and not caused_by_us and not _is_ours(frames)


def _frames(traceback: TracebackType | None) -> list[tuple[str, str]]:
    """Returns module and function of each frame; the last one raised the error."""
    return [(str(frame.f_globals.get("__name__")), frame.f_code.co_name) for frame, _ in walk_tb(traceback)]


def _is_ours(frames: list[tuple[str, str]]) -> bool:
    return any(module.startswith("gsam_edge.") and module not in STARTERS for module, _ in frames)

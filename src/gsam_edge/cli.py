"""Commands of the project: Kedro's `run` with lists in `--params`, the parameters in words, `jupyter` where it is."""

from copy import copy
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from kedro.framework.cli.jupyter import jupyter_cli
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.cli.utils import CONTEXT_SETTINGS, env_option
from kedro.framework.project import pipelines, settings

_OPENING, _CLOSING, _QUOTES = "[{", "]}", "\"'"
#: What `kedro jupyter` needs, by its command.
_JUPYTER = {"notebook": "notebook", "lab": "jupyterlab", "setup": "ipykernel"}


@click.group(context_settings=CONTEXT_SETTINGS, name="gsam_edge")
def cli() -> None:
    """Commands of gsam_edge."""


def split_parameters(text: str) -> list[str]:
    """Returns the `key=value` of `--params`: parted at commas, but not in brackets, braces or quotation marks."""
    items, depth, quote = [""], 0, ""
    for sign in text:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in _QUOTES:
            quote = sign
        depth += (sign in _OPENING) - (sign in _CLOSING) if not quote else 0
        if sign == "," and depth <= 0 and not quote:
            items.append("")
        else:
            items[-1] += sign
    return [item.strip() for item in items if item.strip()]


def _parameters_given(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Reads `--params` as Kedro does, lists and mappings included; `help` tells all parameters in place of a run."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    if isinstance(value, dict):
        return value
    if value.strip() == "help":
        _tell_parameters("", ctx.params.get("env"))
        ctx.exit()
    if value.encode("utf-8", "replace").decode() != value:  # the console hands on bytes that are no text as half signs
        ctx.fail(f"--params: expected text in UTF-8, got {value!r}; give the file or folder another name")
    items = []
    for item in split_parameters(value):
        key, sign, given = item.partition("=")
        if not sign or not key.strip():
            ctx.fail(
                f"--params: expected key=value,key=value, got {item!r}; a list stands in brackets and quotation marks: "
                "'--params=formats=[onnx, onnx_int8]'; all parameters: kedro parameters"
            )
        items.append(f"{key.strip()}={given}")
    try:
        return OmegaConf.to_container(OmegaConf.from_dotlist(items))
    except (YAMLError, OmegaConfBaseException) as error:
        ctx.fail(f"--params: expected values that YAML can read, got {value!r}: {error}")


def _with_our_parameters() -> click.Command:
    """Returns Kedro's `run` with its option `--params` read by this module."""
    command = copy(kedro_run)
    command.params = [copy(option) for option in kedro_run.params]
    for option in command.params:
        if option.name == "params":
            option.callback = _parameters_given
    return command


run = _with_our_parameters()
cli.add_command(run)


@cli.command("parameters")
@click.argument("words", nargs=-1)
@env_option  # type: ignore[untyped-decorator]
def parameters(words: tuple[str, ...], env: str | None) -> None:
    """Tells every parameter whose name holds all of the WORDS: its value, what it may be, what it means."""
    _tell_parameters(" ".join(words), env)


def _tell_parameters(words: str, env: str | None) -> None:
    """Prints the parameters of an environment whose names hold all of these words."""
    from kedro.validation.type_extractor import TypeExtractor

    from gsam_edge.report.parameters import comments_of, parameters_in_words

    conf = Path.cwd() / settings.CONF_SOURCE
    loader = settings.CONFIG_LOADER_CLASS(conf_source=str(conf), env=env, **settings.CONFIG_LOADER_ARGS)
    pipelines.set_requested(None)
    models = {
        name.removeprefix("params:"): kind
        for name, kind in TypeExtractor(dict(pipelines)).extract_types_from_pipelines().items()
    }
    comments = comments_of(sorted((conf / "base").glob("parameters*.yml")))
    told = [
        each
        for each in parameters_in_words(loader["parameters"], models, comments)
        if all(word in each.name for word in words.split())
    ]
    for each in told:
        allowed = f"   [{each.allowed}]" if each.allowed else ""
        click.echo(f"{click.style(each.name, bold=True)}={each.value}{click.style(allowed, dim=True)}")
        if each.meaning:
            click.echo(f"    {each.meaning}")
    if not told:
        raise click.ClickException(f"no parameter's name holds {words!r}; without words all are told")


@cli.group("jupyter")
@click.pass_context
def jupyter(ctx: click.Context) -> None:
    """Open Jupyter with the project's catalog, where it is installed."""
    needed = _JUPYTER.get(ctx.invoked_subcommand or "")
    if needed and find_spec(needed) is None:
        raise click.ClickException(
            f"kedro jupyter {ctx.invoked_subcommand} needs the package {needed}, which the project does not install: "
            f".venv/bin/uv pip install --python .venv/bin/python {needed}; kedro ipython is there without it"
        )


for _command in jupyter_cli.commands["jupyter"].commands.values():
    jupyter.add_command(_command)

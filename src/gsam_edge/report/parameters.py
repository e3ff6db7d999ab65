"""All parameters in words: value, what it may be, what it means; made from the models and the comments in conf."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

#: Limits of a number, by the attribute that holds them in pydantic's metadata.
_LIMITS = {"ge": "at least {:g}", "gt": "more than {:g}", "le": "at most {:g}", "lt": "less than {:g}"}
_KINDS = {int: "whole number", float: "number", bool: "true | false", str: "text"}


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: as `--params` takes it, with dots.
        value: in the environment, as YAML writes it.
        allowed: what it may be, in words; empty where only its model knows.
        meaning: the comment beside it, which has its unit, or what the model says.
    """

    name: str
    value: str
    allowed: str
    meaning: str


def parameters_in_words(
    values: Mapping[str, Any], models: Mapping[str, Any], comments: Mapping[str, str]
) -> list[Parameter]:
    """Returns every parameter, those of a group in the order of its model.

    Args:
        values: parameters of an environment, nested, as they stand in its files.
        models: by top-level name the type that nodes ask for; names without one are plain values.
        comments: by dotted name what stands beside it in conf/base (see `comments_of`).
    """
    found: list[Parameter] = []
    for name, value in values.items():
        found += _walk(name, value, models.get(name, Any), None, comments)
    return found


def _walk(
    name: str, value: Any, kind: Any, field: FieldInfo | None, comments: Mapping[str, str]
) -> Iterator[Parameter]:
    """Yields a value, or in place of one that has a model all that is in it."""
    model = _model_of(kind, value)
    if model is not None and isinstance(value, Mapping):
        for key, part in model.model_fields.items():
            if key not in value and part.is_required():
                continue  # of a file that a run would refuse
            given = value[key] if key in value else part.get_default(call_default_factory=True)
            plain = given.model_dump() if isinstance(given, BaseModel) else given
            yield from _walk(f"{name}.{key}", plain, part.annotation, part, comments)
        return
    told = (field.description or "") if field is not None else ""
    yield Parameter(name, _as_yaml(value), _allowed(kind, field), comments.get(name) or told)


def _model_of(kind: Any, value: Any) -> type[BaseModel] | None:
    """Returns the model among the types of an annotation that has all keys of a value, None where there is none."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        keys = set(value) if isinstance(value, Mapping) else set()
        return kind if keys <= kind.model_fields.keys() else None
    return next((found for each in get_args(kind) if (found := _model_of(each, value)) is not None), None)


def _allowed(kind: Any, field: FieldInfo | None) -> str:
    """Returns what a value may be: its choices, or its kind and limits."""
    words = _kind_in_words(kind)
    metadata = field.metadata if field is not None else []
    limits = [
        text.format(limit)
        for each in metadata
        for name, text in _LIMITS.items()
        if (limit := getattr(each, name, None)) is not None
    ]
    return ", ".join([*([words] if words else []), *limits])


def _kind_in_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return " | ".join(map(str, get_args(kind)))
    if get_origin(kind) in (Union, UnionType):
        parts = ["null" if each is type(None) else _kind_in_words(each) for each in get_args(kind)]
        return " | ".join(dict.fromkeys(part for part in parts if part))
    if get_origin(kind) in (list, tuple):
        inner = next((each for each in get_args(kind) if each is not Ellipsis), None)
        return f"list of {words}" if (words := _kind_in_words(inner)) else "list"
    return _KINDS.get(kind, "")


def _as_yaml(value: Any) -> str:
    """Returns a value in one line, as `--params` takes it."""
    text = yaml.safe_dump(_plain(value), default_flow_style=True, width=10**6, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def comments_of(files: list[Path]) -> dict[str, str]:
    """Returns by dotted name the comment that stands on the line of a parameter, in YAML files of parameters."""
    comments: dict[str, str] = {}
    for file in files:
        text = file.read_text("utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if isinstance(node, yaml.MappingNode):
            comments |= dict(_comments(node, text.splitlines(), ""))
    return comments


def _comments(node: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in node.value:
        name = f"{prefix}{key.value}"
        nested = isinstance(value, yaml.MappingNode)
        # The comment of a block stands behind its key, that of a value behind the value.
        mark = key.end_mark if nested and not value.flow_style else value.end_mark
        rest = lines[mark.line][mark.column :] if mark.line < len(lines) else ""
        before, sign, comment = rest.partition("#")
        if sign and not before.strip(" :,}]\"'"):
            yield name, comment.strip()
        if nested and not value.flow_style:  # a comment behind {a: 1, b: 2} is about the whole
            yield from _comments(value, lines, f"{name}.")

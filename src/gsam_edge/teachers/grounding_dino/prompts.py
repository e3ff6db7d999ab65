"""Prompts of class names for Grounding DINO, with the tokens of each class."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gsam_edge.teachers.errors import ClassNameError

_ADVICE = "rename the category in the annotations, for example in plain letters a-z"


@dataclass(frozen=True)
class Prompt:
    """A text that names some of the classes.

    Attributes:
        text: such as "ear of bag. surface defect."; every class ends with a full stop as separator.
        class_ids: the classes in the text's order, as positions in the sequence that was given.
        spans: for each class the positions of its tokens, counted from [CLS] at 0, without its full stop.
    """

    text: str
    class_ids: tuple[int, ...]
    spans: tuple[tuple[int, ...], ...]


def readable_name(class_name: str) -> str:
    """Returns a class name as used in a prompt: lower case, single spaces, none of the separators . and ?.

    Raises:
        ClassNameError: if nothing is left of it.
    """
    name = " ".join(re.sub(r"[.?]", " ", class_name.lower()).split())
    if not name:
        raise ClassNameError(f"class name: expected at least one letter or digit, got {class_name!r}; {_ADVICE}")
    return name


def refuse_equal_names(class_names: Sequence[str], tokenizer: Any) -> None:
    """Refuses names that are the same to the text encoder: of such classes, at most one would be found.

    Raises:
        ClassNameError: if two of them are the same tokens.
    """
    known: dict[tuple[int, ...], str] = {}
    for class_name in class_names:
        tokens = tuple(tokenizer(readable_name(class_name), add_special_tokens=False)["input_ids"])
        if tokens in known:
            raise ClassNameError(
                f"class names: expected names that the text encoder tells apart, got {known[tokens]!r} and "
                f"{class_name!r}, which are the same tokens to it (it knows neither capitals nor accents): of such "
                "classes Grounding DINO finds one at most. Merge them (where they differ in capitals, with "
                "--params=validation.policies.category_name_alike=fix), rename one, or choose another finder"
            )
        known[tokens] = class_name


def compose_prompts(class_names: Sequence[str], tokenizer: Any, max_tokens: int) -> tuple[Prompt, ...]:
    """Joins all classes, in order, into as few prompts as the text encoder's limit allows.

    Args:
        class_names: at least one; two that are equal in the prompt get a span each.
        tokenizer: a fast tokenizer of transformers (it returns the offsets of its tokens).
        max_tokens: the most tokens of one prompt, [CLS] and [SEP] included (`config.max_text_len`).

    Raises:
        ValueError: without classes.
        ClassNameError: if a single name exceeds the limit, has a word that the tokenizer cannot spell, or consists of
            characters that it drops (such as a zero-width space).
    """
    if not class_names:
        raise ValueError("class names: expected at least one, got none")
    names = [readable_name(name) for name in class_names]
    lengths = [len(tokenizer(name, add_special_tokens=False)["input_ids"]) for name in names]
    unread = [name for name, length in zip(class_names, lengths, strict=True) if not length]
    if unread:
        raise ClassNameError(
            f"class name: expected at least one character that the text encoder reads, got {unread[0]!r}; {_ADVICE}"
        )
    groups: list[list[int]] = [[]]
    used = 2
    for class_id, length in enumerate(lengths):
        cost = length + 1  # its full stop
        if cost + 2 > max_tokens:
            raise ClassNameError(
                f"class name: expected at most {max_tokens - 3} tokens, got {length} for {class_names[class_id]!r}"
                "; shorten the category's name in the annotations"
            )
        if used + cost > max_tokens:
            groups.append([])
            used = 2
        groups[-1].append(class_id)
        used += cost
    return tuple(_prompt(group, names, tokenizer) for group in groups)


def _prompt(class_ids: Sequence[int], names: Sequence[str], tokenizer: Any) -> Prompt:
    text = ". ".join(names[class_id] for class_id in class_ids) + "."
    encoded = tokenizer(text, return_offsets_mapping=True)
    spans: list[tuple[int, ...]] = []
    start = 0
    for class_id in class_ids:
        stop = start + len(names[class_id])
        span = tuple(i for i, (left, right) in enumerate(encoded["offset_mapping"]) if start <= left < right <= stop)
        if any(encoded["input_ids"][i] == tokenizer.unk_token_id for i in span):
            raise ClassNameError(
                f"class name: expected words that the text encoder can spell, got {names[class_id]!r}; {_ADVICE}"
            )
        spans.append(span)
        start = stop + len(". ")
    return Prompt(text, tuple(class_ids), tuple(spans))

"""What an import gives: a dataset in COCO form with its report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

#: What to do with an image that has annotations of which none could be taken over.
LabelsLost: TypeAlias = Literal["drop", "keep", "error"]


@dataclass(frozen=True)
class Imported:
    """A dataset in COCO form.

    Attributes:
        content: the COCO mapping; its `file_name`s are names of the source's files, or of `embedded`.
        report: `format`, `images`, `annotations`, `crowds`, `boxes`, `masks`, `per_class` (without crowds), `splits`
            where the source names them, and `account`, `skipped` and `notes` (see `Account.to_json`).
        embedded: images that lie inside an annotation file, by `file_name`; each is read when it is called.
        incomplete: images of which annotations were left behind, by `file_name`, each with the first reason.
    """

    content: Mapping[str, Any]
    report: Mapping[str, Any]
    embedded: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    incomplete: Mapping[str, str] = field(default_factory=dict)

    @property
    def image_names(self) -> list[str]:
        """The image files that the content names."""
        return [image["file_name"] for image in self.content["images"]]

"""What a file format has to offer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeVar, runtime_checkable

from pydantic import BaseModel

from gsam_edge.coco import Annotations
from gsam_edge.runtime.card import Card
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from torch import nn

#: The `source` of a format that is made from the PyTorch student itself.
MODULE: Literal["module"] = "module"


@dataclass(frozen=True)
class StudentModule:
    """The PyTorch student that formats are made from.

    Attributes:
        module: `forward(images [1, 3, S, S] float32, RGB 0..1)` gives the tuple of its task's outputs.
        card: what its artefacts say about themselves.
    """

    module: "nn.Module"
    card: Card


@dataclass(frozen=True)
class BuildData:
    """What a format may look at while it is made.

    Attributes:
        train: the training split, the only one that may set a quantised student's ranges.
        images: its images by `file_name`.
        seed: of whatever is drawn.
    """

    train: Annotations
    images: ImageSource
    seed: int


@dataclass(frozen=True)
class NotBuilt:
    """The value that stands in the graph for an artefact that this machine cannot make, and why."""

    why: str


Source_contra = TypeVar("Source_contra", contravariant=True)
Config = TypeVar("Config", bound=BaseModel)


@runtime_checkable
class Format(Protocol[Source_contra, Config]):
    """A kind of file that a student is exported to.

    Attributes:
        name: key of `export.table.FORMATS`; its parameters and, behind the student's name, its catalog entry are called
            so.
        suffix: what is appended to the student's name for the file's.
        source: "module" for `StudentModule`, or the name of another format for the content of its file.
        engine: what runs it, a name of `runtime.engines.table.ENGINES`.
        exact: whether it is meant to answer like PyTorch; of a quantised format the accuracy is measured.
        config: class of its parameters.
        install: the command that installs what `build` imports.
    """

    name: str
    suffix: str
    source: str
    engine: str
    exact: bool
    config: type[Config]
    install: str

    def build(self, source: Source_contra, data: BuildData, config: Config) -> bytes | NotBuilt:
        """The file's content; a module that it imports and does not find needs no handling here."""
        ...

    def read_card(self, content: bytes) -> Card:
        """What an exported student says about itself.

        Raises:
            ArtefactError: if the content is no such file, or one that holds no card.
        """
        ...

    def inputs(self, content: bytes) -> tuple[str, ...]:
        """Names of everything that must be fed to the artefact, read from the file itself.

        Raises:
            ArtefactError: if the content is no such file.
        """
        ...

"""The interface of an export format."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from pydantic import BaseModel

from gsam_edge.coco import Annotations
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tensors import InputTensor
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from torch import nn

#: The `source` of a format that is made from the PyTorch student itself.
MODULE: Literal["module"] = "module"

#: How a format computes, which decides what it must prove. "single": outputs equal PyTorch's within the tolerances of
#: parity; "half": within the wider ones of `parity.half`; "integer": outputs differ by design, and accuracy decides.
Precision: TypeAlias = Literal["single", "half", "integer"]


@dataclass(frozen=True)
class StudentModule:
    """The PyTorch student that formats are made from.

    Attributes:
        module: `forward(images [1, 3, S, S] float32, RGB 0..1)` gives the tuple of its task's outputs.
        card: the card that its artefacts hold.
    """

    module: "nn.Module"
    card: Card


@dataclass(frozen=True)
class BuildData:
    """The data that a format may use while it is built.

    Attributes:
        train: the training split, the only one that may set a quantised student's ranges.
        val: the validation split, by whose accuracy a format may choose among several ways to build itself.
        images: the images of both by `file_name`.
        seed: seed of random draws.
        threads: CPU threads that the format may use to build and to measure.
    """

    train: Annotations
    val: Annotations
    images: ImageSource
    seed: int
    threads: int


@dataclass(frozen=True)
class NotBuilt:
    """The value that the graph holds for an artefact that there is not, with the reason.

    It was not asked for, this machine cannot build it, or the gate refused it.
    """

    why: str


Source_contra = TypeVar("Source_contra", contravariant=True)
Config = TypeVar("Config", bound=BaseModel)


@runtime_checkable
class Format(Protocol[Source_contra, Config]):
    """A kind of file that a student is exported to.

    Attributes:
        name: key of `export.table.FORMATS`, name of its parameters and, behind "candidate" and "student", of its two
            catalog entries: as it was built, and as the gate accepted it.
        suffix: appended to the student's name to give the name of the file.
        source: "module" for `StudentModule`, or the name of another format for the content of its candidate.
        engine: the engine that runs it, a name of `runtime.engines.table.ENGINES`.
        precision: see `Precision`.
        must_be_faster: whether it is refused where it is not faster than `export.table.REFERENCE` on the machine that
            builds it; false for files that are made for other devices, whose speed here says nothing.
        oldest_runtime: the oldest runtime in which its files were tried, such as "onnxruntime 1.15.1"; None where no
            older one than the installed was tried.
        config: class of its parameters.
        install: the command that installs what `build` imports.
    """

    name: str
    suffix: str
    source: str
    engine: str
    precision: Precision
    must_be_faster: bool
    oldest_runtime: str | None
    config: type[Config]
    install: str

    def build(self, source: Source_contra, data: BuildData, config: Config) -> bytes | NotBuilt:
        """Returns the file's content; a module that is not installed needs no handling here.

        What the format chose and did (images, method, layers left out, with figures) belongs into the card's `notes`,
        sentences that `optimization_report` shows.
        """
        ...

    def read_card(self, content: bytes) -> Card:
        """Reads the card of an exported student.

        Raises:
            ArtefactError: if the content is no such file, or one that holds no card.
        """
        ...

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """Returns everything that can be fed to the artefact, also what has a default, read from the file itself.

        Raises:
            ArtefactError: if the content is no such file.
        """
        ...

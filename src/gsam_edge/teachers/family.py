"""Interface of a family of teachers; a family imports heavy libraries inside its methods."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import Need
from gsam_edge.teachers.config import DetectionConfig, TuningConfig
from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.maps import NoMaps, TeacherMaps
from gsam_edge.training.device import DeviceName
from gsam_edge.training.run import Run
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from torch import nn

    from gsam_edge.augmentation.augmentation import Augmentation
    from gsam_edge.teachers.lora.adapter import Adapter

#: "find": the boxes of named classes. "outline": the masks of given boxes. "both": boxes and their masks at once; such
#: a teacher draws the masks of what it found itself and of nothing else.
Role: TypeAlias = Literal["find", "outline", "both"]

#: RGB, uint8 [H, W, 3].
Image: TypeAlias = NDArray[np.uint8]

#: `predict(images, prompts)`: the prompts are None where objects are to be found, and hold the boxes of each image
#: where only their masks are to be drawn. The answers come in the order of the images, and may be made only as they are
#: read: masks of many images take much memory.
TeacherPredict: TypeAlias = Callable[[Sequence[Image], Sequence[Detections] | None], Iterable[Detections]]


class Base(Protocol):
    """A loaded base model; it never changes, since tuning makes a separate adapter."""

    @property
    def model(self) -> "nn.Module":
        """The network; the digest of its weights is in the adapters that belong to it (`weights_digest`)."""


BaseModelType = TypeVar("BaseModelType", bound=Base)
ConfigType = TypeVar("ConfigType", bound=TuningConfig)


class SavedBase(Base, Protocol):
    """A base that this project trained."""

    def save(self, folder: Path) -> None:
        """Writes it into a folder that its family loads."""


@dataclass(frozen=True)
class TuningData:
    """Data on which a teacher is tuned.

    Attributes:
        train: annotations to learn.
        val: annotations to choose the best adapter by.
        images: RGB images of both by `file_name`.
        augmentation: augmentation of the training images, or None.
        own_masks: whether a teacher that finds and outlines is to draw the masks, too.
        features: keeps what a frozen encoder computes.
    """

    train: Annotations
    val: Annotations
    images: ImageSource
    augmentation: "Augmentation | None"
    own_masks: bool
    features: FeatureStore


@dataclass(frozen=True)
class Setting:
    """Settings of a teacher's predictions.

    Attributes:
        class_names: by class id.
        detection: what counts as a detection.
        device: where to predict.
        own_masks: whether a teacher that finds and outlines returns masks; otherwise only boxes are wanted.
        keep_base: whether the base must stay unchanged; a separate process may apply the adapter in place and so hold
            the weights only once.
        features: keeps what a frozen encoder computes; None computes it anew for each image.
    """

    class_names: tuple[str, ...]
    detection: DetectionConfig
    device: DeviceName
    own_masks: bool
    keep_base: bool
    features: FeatureStore | None


class TeacherFamily(Protocol[BaseModelType, ConfigType]):
    """One kind of teacher. Its name is that of its catalog entries (`<name>_base`, `<name>_adapter`) and parameters.

    Attributes:
        name: its key in `table.TEACHERS`.
        title: its name in reports.
        role: see `Role`.
        config: the type of its parameters.
        expects: what its base is, for a message.
        advice: where to get one, for a message.
    """

    name: str
    title: str
    role: Role
    config: type[ConfigType]
    expects: str
    advice: str

    def need(self, annotations: Annotations) -> Need:
        """Returns whether annotations call for it, and why."""

    def load(self, source: str, *, allow_download: bool) -> BaseModelType:
        """Loads the base, in evaluation mode on the CPU.

        Args:
            source: a file, a folder or an id, depending on the family.
            allow_download: whether an id may be downloaded.

        Raises:
            FileNotFoundError: if there is none.
            BaseModelError: if it is damaged or not a base of this family.
        """

    def base_digest(self, base: BaseModelType) -> str:
        """Returns a digest, hexadecimal, of all of a base on which its tuning and its answers depend."""

    def tune(self, base: BaseModelType, data: TuningData, config: ConfigType, run: Run) -> "Adapter":
        """Trains an adapter of the base on the data; the base itself is not changed."""

    def predictor(self, base: BaseModelType, adapter: "Adapter | None", setting: Setting) -> TeacherPredict:
        """Builds the function that predicts with the teacher; None for the adapter means the untuned base.

        For a teacher that finds, `predict(images, None)` returns boxes, scores and class scores, and masks where it
        draws its own and the setting asks for them; it is given images of one size at a time, at most
        `setting.detection.batch_size` of them. For one that outlines, `predict(images, prompts)` returns the rows of
        each prompt unchanged and in the same order, with masks, and in `mask_scores` its own estimate of each mask's
        IoU (0..1). `one_by_one` makes such a function of one for a single image.
        """

    def maps(self, base: BaseModelType, adapter: "Adapter | None", setting: Setting) -> TeacherMaps | NoMaps:
        """Builds the function that says what the teacher knows of every place of an image, or says why there is none.

        Arguments as those of `predictor`.
        """


def one_by_one(predict: Callable[[Image, Detections | None], Detections]) -> TeacherPredict:
    """Returns a prediction of one image as one of many, each made when it is read."""

    def each(images: Sequence[Image], prompts: Sequence[Detections] | None) -> Iterable[Detections]:
        given = [None] * len(images) if prompts is None else prompts
        return (predict(image, prompt) for image, prompt in zip(images, given, strict=True))

    return each


#: A family of any types, for the table.
AnyFamily: TypeAlias = TeacherFamily[Any, Any]


@dataclass(frozen=True)
class BaseSource:
    """Where the base of a teacher is. Nothing is read before `load`, since not every run needs every teacher.

    Attributes:
        family: the teacher's family.
        source: a file, a folder or an id, depending on the family.
        allow_download: whether an id may be downloaded.
    """

    family: AnyFamily
    source: str
    allow_download: bool

    def load(self) -> Base:
        """Loads the base anew; it lives as long as the caller keeps it. Errors: see `TeacherFamily.load`."""
        base: Base = self.family.load(self.source, allow_download=self.allow_download)
        return base

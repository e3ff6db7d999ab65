"""What a family of teachers is to the rest of the project; a family imports heavy libraries inside its methods."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import Need
from gsam_edge.teachers.config import DetectionConfig, TuningConfig
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

#: `predict(image, prompt)`: an image uint8 [H, W, 3] RGB; the prompt is None where objects are to be found, and holds
#: the boxes where only their masks are to be drawn.
TeacherPredict: TypeAlias = Callable[[NDArray[np.uint8], Detections | None], Detections]


class Base(Protocol):
    """A loaded base, which nobody changes: tuning makes an adapter beside it."""

    @property
    def model(self) -> "nn.Module":
        """The network, whose weights say which base this is (`weights_digest`)."""


BaseModelType = TypeVar("BaseModelType", bound=Base)
ConfigType = TypeVar("ConfigType", bound=TuningConfig)


class SavedBase(Base, Protocol):
    """A base that the project trained itself."""

    def save(self, folder: Path) -> None:
        """Writes it into a folder that its family loads."""


@dataclass(frozen=True)
class TuningData:
    """What a teacher is tuned on.

    Attributes:
        train: annotations to learn.
        val: annotations to choose the best adapter by.
        images: RGB images of both by `file_name`.
        augmentation: how training images vary, or None.
    """

    train: Annotations
    val: Annotations
    images: ImageSource
    augmentation: "Augmentation | None"


@dataclass(frozen=True)
class Setting:
    """How a teacher is asked.

    Attributes:
        class_names: by class id.
        detection: what counts as a detection.
        device: where to predict.
        own_masks: whether a teacher that finds and outlines gives the masks; else only its boxes are asked for.
        keep_base: whether the base is left as it is; a process of its own may put the adapter on it in place and so
            hold its weights only once.
    """

    class_names: tuple[str, ...]
    detection: DetectionConfig
    device: DeviceName
    own_masks: bool
    keep_base: bool


class TeacherFamily(Protocol[BaseModelType, ConfigType]):
    """One kind of teacher. Its name is that of its catalog entries (`<name>_base`, `<name>_adapter`) and parameters.

    Attributes:
        name: its key in `table.TEACHERS`.
        title: what reports call it.
        role: what it does.
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
        """Whether annotations call for it, and why."""

    def load(self, source: str, *, allow_download: bool) -> BaseModelType:
        """The base in evaluation mode on the CPU.

        Args:
            source: a file, a folder or an id, as the family says.
            allow_download: whether the network may be asked for an id.

        Raises:
            FileNotFoundError: if there is none.
            BaseModelError: if it is damaged or no base of this family.
        """

    def tune(self, base: BaseModelType, data: TuningData, config: ConfigType, run: Run) -> "Adapter":
        """An adapter with which the base knows the data; the base itself is left as it is."""

    def predictor(self, base: BaseModelType, adapter: "Adapter | None", setting: Setting) -> TeacherPredict:
        """The teacher, ready to be asked; None in the adapter's place leaves the base as it is.

        One that finds answers `predict(image, None)` with boxes, scores and class scores, and with masks where it draws
        its own and the setting asks for them. One that outlines answers `predict(image, prompt)` with the prompt's rows
        in its order, masks, and as score its own estimate of the mask's IoU (0..1).
        """


#: A family whatever its types are, as a table holds it.
AnyFamily: TypeAlias = TeacherFamily[Any, Any]

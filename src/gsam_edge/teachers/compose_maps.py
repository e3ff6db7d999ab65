"""The tuned teachers of a dataset, asked what they know of every place of an image."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gsam_edge.coco import Annotations
from gsam_edge.teachers.compose import TunedTeachers, tuned_pair
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.family import Setting
from gsam_edge.teachers.maps import MapPart, NoMaps, TeacherMaps
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.training.checkpoints import fingerprint
from gsam_edge.training.device import DeviceName


@dataclass(frozen=True)
class MappingTeacher:
    """A tuned teacher that is asked for maps.

    Attributes:
        digest: of all that its maps depend on but the image and the boxes.
        maps: the function that gives them, or the reason why there is none.
    """

    digest: str
    maps: TeacherMaps | NoMaps


def mapping_teachers(
    data: Annotations,
    teachers: TunedTeachers,
    choice: TeacherChoice,
    parts: Collection[MapPart],
    *,
    detection: DetectionConfig,
    device: DeviceName,
) -> Mapping[MapPart, MappingTeacher]:
    """Builds the chosen teachers that are to give maps; one that the data did not call for has none, either.

    Args:
        data: the part of the split that they are asked about.
        teachers: bases and adapters; the adapters are applied to these bases in place.
        choice: which teachers find and outline.
        parts: which of them are asked.
        detection: what counts as a detection of theirs elsewhere; maps do not depend on it.
        device: where they predict.

    Raises:
        InvalidDatasetError: if one that is needed was not tuned, or was tuned for other classes or an earlier split.
        BaseModelError: if the base of an adapter is not named.
        AdapterError: if an adapter belongs to another family.
    """
    setting = Setting(
        class_names=data.class_names,
        detection=detection,
        device=device,
        own_masks=False,
        keep_base=False,
        features=None,  # the maps themselves are kept
    )
    built: dict[MapPart, MappingTeacher] = {}
    for part in parts:
        name = choice.finder if part == "finder" else choice.outliner
        family, pair = TEACHERS[name], tuned_pair(name, teachers[name], data)
        if pair is None:
            built[part] = MappingTeacher("", NoMaps(f"the data does not call for {family.title}"))
            continue
        base, adapter = pair
        digest = fingerprint(family.base_digest(base), adapter.digest, data.class_names)
        built[part] = MappingTeacher(digest, family.maps(base, adapter, setting))
    return built

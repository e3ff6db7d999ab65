"""The teachers' maps of the training images, asked for once and kept."""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gsam_edge.distill.config import LossWeights
from gsam_edge.distill.losses import LOSSES, asked_maps
from gsam_edge.teachers.compose_maps import MappingTeacher
from gsam_edge.teachers.features import FeatureStore
from gsam_edge.teachers.maps import MapPart, NoMaps, TeacherMaps
from gsam_edge.training.checkpoints import fingerprint
from gsam_edge.training.errors import SettingError
from gsam_edge.vision.images import ImageSource
from gsam_edge.vision.letterbox import Letterbox

#: Raised when a kept map means something else than before, so that those of an earlier format are made anew.
_FORMAT = 1


class StoredMaps:
    """The maps that the losses ask for, image by image (`students.maps.ImageMaps`).

    They are kept in half precision under a digest of the image on its canvas, the teacher, its adapter, the class names
    and the boxes. What the store dropped is asked for anew, and is the same: a training does not depend on the store,
    and a killed one continues with what was kept.
    """

    def __init__(
        self,
        teachers: Mapping[MapPart, MappingTeacher],
        weights: LossWeights,
        images: ImageSource,
        store: FeatureStore,
        *,
        image_size: int,
        plain_share: float,
    ) -> None:
        """Binds the teachers to the images.

        Args:
            teachers: those that the losses ask (`losses.asked_maps`).
            weights: of the losses, one of `LOSSES` at least above 0.
            images: RGB images by `file_name`.
            store: keeps the maps.
            image_size: side of the student's canvas in pixels.
            plain_share: see `MapsConfig`.

        Raises:
            SettingError: if a loss asks a teacher that has no such maps.
        """
        self._asked: dict[MapPart, tuple[TeacherMaps, tuple[str, ...]]] = {}
        given = weights.model_dump()
        for part, names in asked_maps(weights).items():
            maps = teachers[part].maps
            if isinstance(maps, NoMaps):
                losses = [name for name, one in LOSSES.items() if given[name] and one.part == part]
                raise SettingError(
                    f"distillation.losses: expected 0 for {' and '.join(losses)}, or a {part} that gives such maps "
                    f"(teachers.{part}), got one that gives none; {maps.why}"
                )
            self._asked[part] = maps, names
        self._digests = {part: teachers[part].digest for part in self._asked}
        self._images = images
        self._store = store
        self._side = image_size
        self._seen: dict[str, tuple[str, tuple[int, int]]] = {}
        self.plain_share = plain_share

    @property
    def digest(self) -> str:
        """Of all that the maps of an image depend on besides the image."""
        asked = {part: names for part, (_, names) in self._asked.items()}
        return fingerprint(_FORMAT, self._digests, asked, self._side, self.plain_share)

    def of(self, name: str, xyxy: NDArray[np.float32]) -> dict[str, Tensor]:
        """See `students.maps.ImageMaps.of`."""
        if name not in self._seen:
            image = self._images[name]
            image_hw = (image.shape[0], image.shape[1])
            self._seen[name] = hashlib.sha256(self._letterbox(image_hw).image(image).tobytes()).hexdigest(), image_hw
        image_digest, image_hw = self._seen[name]
        boxes = self._letterbox(image_hw).boxes_to_canvas(xyxy)
        found: dict[str, Tensor] = {}
        for part, (ask, names) in self._asked.items():
            prompts = boxes if part == "outliner" else boxes[:0]
            key = self._key(part, names, image_digest, prompts)
            kept = self._store.get(key)
            if kept is None:
                answer = ask(self._letterbox(image_hw).image(self._images[name]), prompts)
                kept = {each: answer[each].half() for each in names}
                self._store.put(key, kept)
            found |= {each: kept[each].float() for each in names}
        return found

    def _letterbox(self, image_hw: tuple[int, int]) -> Letterbox:
        return Letterbox.fit(image_hw, (self._side, self._side))

    def _key(self, part: MapPart, names: tuple[str, ...], image_digest: str, prompts: NDArray[np.float32]) -> str:
        facts = fingerprint(_FORMAT, self._digests[part], names, self._side)
        digest = hashlib.sha256(f"{facts} {image_digest} {prompts.shape} ".encode())
        digest.update(np.ascontiguousarray(prompts, np.float32).tobytes())
        return digest.hexdigest()

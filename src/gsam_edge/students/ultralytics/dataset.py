"""Labelled images from memory in the format of Ultralytics' augmentation."""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from gsam_edge.augmentation import Sample
from gsam_edge.students.ultralytics.copy_paste import RareCopyPaste, rare_classes
from gsam_edge.students.ultralytics.imports import BaseMixTransform, CopyPaste, RandomPerspective, YOLODataset
from gsam_edge.students.ultralytics.labels import TrainingLabels
from gsam_edge.students.ultralytics.mask_targets import CoverageFormat
from gsam_edge.students.ultralytics.own_boxes import OwnBoxPerspective
from gsam_edge.students.ultralytics.plain.images import PlainImages, not_plain
from gsam_edge.students.ultralytics.polygons import outlines, polygon_masks
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import cxcywh_to_xyxy, xyxy_to_cxcywh
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation


@dataclass(frozen=True)
class _Pool:
    """What Ultralytics' mosaic and mixup take for their dataset: the images that they draw partners from."""

    dataset: "MemoryDataset"
    indices: Sequence[int]

    def __len__(self) -> int:
        return len(self.indices)

    def get_image_and_label(self, number: int) -> dict[str, Any]:
        return self.dataset.get_image_and_label(self.indices[number])


class MemoryDataset(YOLODataset):  # type: ignore[misc]
    """Ultralytics' dataset without files: images from an `ImageSource`, labels from `collect_labels`.

    Index i is an image mixed with others of its pool, by the probabilities of mosaic, mixup and copy-paste; the pools
    are the images with the truth and those whose labels no person gave. Index i + n, of n images, is image i unmixed.
    """

    format_class = CoverageFormat

    def __init__(
        self,
        labels: TrainingLabels,
        images: ImageSource,
        *,
        augmentation: "Augmentation | None",
        rare_below: float,
        cache_megabytes: int,
        names: Mapping[int, str],
        **options: Any,
    ) -> None:
        """Builds Ultralytics' dataset.

        Args:
            labels: labels of all images.
            images: RGB images by `file_name`.
            augmentation: changes each image with its objects before Ultralytics' own changes, or None.
            rare_below: objects of classes with fewer objects than this fraction of an equal share are pasted in again.
                Only the truth is counted, and only its objects are pasted.
            cache_megabytes: resized images are kept in memory up to this size together.
            names: class names by class id.
            options: Ultralytics' further options by name: `imgsz`, `augment`, `hyp`, `task` and the like.
        """
        self._labels = labels
        self._images = images
        self._augmentation = augmentation
        table = labels.table
        class_ids, is_true = table.class_ids.numpy(), ~(table.is_pseudo | table.ignored).numpy()
        rare = rare_classes(class_ids[is_true], len(names), rare_below)
        self._may_be_pasted = rare[class_ids] & is_true & table.has_mask.numpy()
        self._own_box = table.own_box.numpy()
        self._free_bytes = cache_megabytes * 2**20
        self._resized: dict[int, tuple[NDArray[np.uint8], tuple[int, int]]] = {}
        # With the "ram" cache mosaics draw from all images, not from a buffer that a resumed run would lack.
        super().__init__(img_path="", data={"names": dict(names), "nc": len(names)}, cache="ram", **options)

    def build_transforms(self, hyp: Any = None) -> Any:
        """Builds Ultralytics' transforms: those of each pool, by name, of "unmixed" and "plain" images."""
        still = copy(hyp)
        still.mosaic = still.mixup = still.cutmix = still.copy_paste = 0.0
        everything = range(len(self.im_files))
        pools = {
            "truth": [index for index in everything if index not in self._labels.pseudo],
            "pseudo": sorted(self._labels.pseudo),
        }
        mixed = {name: self._own_transforms(hyp, indices) for name, indices in pools.items()}
        unmixed = self._own_transforms(still, everything)
        return {**mixed, "unmixed": unmixed, "plain": PlainImages(unmixed, self.imgsz)}

    def _own_transforms(self, hyp: Any, partners: Sequence[int]) -> Any:
        """Builds them with copy-paste of rare classes only, with the data's own boxes kept and partners of one pool."""
        transforms = super().build_transforms(hyp)
        steps = transforms.transforms[0].transforms  # shared with mixup, which draws its second image by them
        for place, step in enumerate(steps):
            if isinstance(step, RandomPerspective):
                steps[place] = OwnBoxPerspective(self._own_box, **vars(step))
            elif isinstance(step, CopyPaste) and hyp.copy_paste > 0:
                steps[place] = RareCopyPaste(self._may_be_pasted, hyp.copy_paste)
        for step in (*steps, *transforms.transforms):
            if isinstance(step, BaseMixTransform):
                step.dataset = _Pool(self, partners)
        return transforms

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Returns an image with its labels, augmented; see `PoolSampler` for the index."""
        way, index = divmod(index, len(self))
        if way == 2:
            return self.transforms["plain"](self, index)
        name = "unmixed" if way else "pseudo" if index in self._labels.pseudo else "truth"
        return not_plain(self.transforms[name](self.get_image_and_label(index)))

    def get_img_files(self, img_path: str | list[str]) -> list[str]:
        """Returns names instead of paths."""
        return [record["im_file"] for record in self._labels.records]

    def get_labels(self) -> list[dict[str, Any]]:
        """Returns the records; their `cls` column holds rows of the `LabelTable`."""
        return self._labels.records

    def check_cache_ram(self, safety_margin: float = 1.0) -> bool:
        """Returns True: `load_image` checks its own limit."""
        return True

    def cache_images(self) -> None:
        """Does nothing: images are read when they are needed."""

    def fill_cache(self) -> None:
        """Reads images until the memory for them is used up."""
        for index in track(range(len(self.im_files)), description="images into memory"):
            self.load_image(index)
            if index not in self._resized:
                return

    def load_image(
        self, i: int, rect_mode: bool = True, resize_short: bool = False
    ) -> tuple[NDArray[np.uint8], tuple[int, int], tuple[int, int]]:
        """Returns an image as BGR with its longer side at `imgsz`, and its height and width before and after.

        Resized as `vision.Letterbox` does it at inference: antialiased, which OpenCV's bilinear is not.
        """
        if i not in self._resized:
            image = self._images[self.im_files[i]]
            height, width = image.shape[:2]
            scale = self.imgsz / max(height, width)
            resized_wh = (max(1, round(width * scale)), max(1, round(height * scale)))
            resized = np.asarray(Image.fromarray(image).resize(resized_wh, Image.Resampling.BILINEAR))
            loaded = np.ascontiguousarray(resized[..., ::-1]), (height, width)
            if loaded[0].nbytes > self._free_bytes:
                return loaded[0], loaded[1], loaded[0].shape[:2]
            self._free_bytes -= loaded[0].nbytes
            self._resized[i] = loaded
        bgr, image_hw = self._resized[i]
        return bgr, image_hw, bgr.shape[:2]

    def update_labels_info(self, label: dict[str, Any]) -> dict[str, Any]:
        """Augments an image as the description asks, before Ultralytics' own update and before images are mixed."""
        if self._augmentation is not None:
            own_box = self._own_box[label["cls"][:, 0].astype(np.int64)]
            label = change_label(label, self._augmentation, own_box=own_box, seed=int(torch.randint(2**31, ())))
        return super().update_labels_info(label)


def change_label(
    label: Mapping[str, Any], augmentation: "Augmentation", *, own_box: NDArray[np.bool_], seed: int
) -> dict[str, Any]:
    """Augments an image with its objects in Ultralytics' format.

    Args:
        label: `img` BGR uint8 [H, W, 3], `cls` [N, 1] rows of the `LabelTable`, `bboxes` [N, 4] cxcywh and `segments`
            (N polygons or none at all) in fractions of the image.
        augmentation: the augmentation to apply.
        own_box: bool [N], objects with a mask whose box is not the mask's. Such a box is augmented like one without a
            mask; the object stays where enough of both is left.
        seed: equal seeds give equal images.

    An object with a box of its own is passed twice: by its mask and, after all objects, by its box. Example: of three
    objects 0 and 2 have own boxes. The augmentation gets five: 0, 1 and 2, and the boxes of 0 and 2 as 3 and 4. It
    returns those that are left, say 1, 2, 3 and 4. Then 1 stays; 2 stays, with the box of 4; 0 is dropped, because its
    box (3) is left and its mask is not.
    """
    # N objects, K of them with an own box; of these N + K instances I are left after the changes, and so L objects.
    height, width = label["img"].shape[:2]
    scale = np.array([width, height], np.float32)  # [2]
    xyxy = cxcywh_to_xyxy(label["bboxes"]) * np.tile(scale, 2)  # [N, 4], pixels
    count, owners = len(xyxy), np.flatnonzero(own_box)  # N, [K]
    masks = polygon_masks([segment * scale for segment in label["segments"]], (height, width))  # N or 0
    rows = count + len(owners)  # N + K
    objects = Detections(
        xyxy=np.concatenate([xyxy, xyxy[owners]]),  # [N + K, 4]
        scores=np.ones(rows, np.float32),
        class_ids=np.zeros(rows, np.int64),
        masks=masks.with_empty(len(owners)) if label["segments"] else None,  # N + K, those of the boxes empty
    )
    changed = augmentation(Sample(cv2.cvtColor(label["img"], cv2.COLOR_BGR2RGB), objects), seed=seed)
    ids, moved = changed.instance_ids, changed.objects  # [I], of 0..N+K-1
    own = {int(owners[i - count]): box for i, box in zip(ids, moved.xyxy, strict=True) if i >= count}
    left = [place for place, i in enumerate(ids.tolist()) if i < count and (i in own or not own_box[i])]
    ids, tight = ids[left], moved.xyxy[left]  # [L], [L, 4]
    polygons = outlines(moved.select(np.array(left, np.int64)).crop(), tight)
    boxes = np.array([own.get(i, box) for i, box in zip(ids.tolist(), tight, strict=True)], np.float32)  # [L, 4] or [0]
    height, width = changed.image.shape[:2]
    scale = np.array([width, height], np.float32)
    return {
        **label,
        "img": cv2.cvtColor(changed.image, cv2.COLOR_RGB2BGR),
        "resized_shape": (height, width),
        "cls": label["cls"][ids],
        "bboxes": xyxy_to_cxcywh(boxes.reshape(-1, 4) / np.tile(scale, 2)),
        "segments": [polygon / scale for polygon in polygons],
    }

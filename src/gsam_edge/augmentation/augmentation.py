"""Applies a plan of transforms to an image and its labels with albumentations."""

import inspect
import math
import random
import warnings
from dataclasses import dataclass, field, replace
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from gsam_edge.augmentation.config import ImageConfig, ends
from gsam_edge.augmentation.geometry import A, Compose, transform_class
from gsam_edge.augmentation.mask_bits import pack_masks, passes, unpack_masks
from gsam_edge.augmentation.names import AugmentationError, check_known
from gsam_edge.augmentation.plan import Step
from gsam_edge.augmentation.sample import Sample
from gsam_edge.augmentation.transform_names import GEOMETRIC
from gsam_edge.vision.boxes import box_area, clip_xyxy
from gsam_edge.vision.masks import CroppedMasks, masks_to_xyxy

#: Images are grouped by size, this many groups per doubling of the size; a group shares its parameters.
_SIZES_PER_OCTAVE = 2


@dataclass(frozen=True)
class Augmentation:
    """Changes images together with their labels; made by `gsam_edge.augmentation.build`.

    It holds no state between images, so the same sample and seed give the same result in any process and order. It is
    not thread-safe.

    Attributes:
        steps: the transforms, in the order of application.
        image: settings that hold for every image.

    Raises:
        AugmentationError: if a step names a parameter that its transform does not have, or a value that it refuses.
    """

    steps: tuple[Step, ...]
    image: ImageConfig
    _by_size: dict[int, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for side in (self.image.smallest_side, self.image.reference_side):
            self._compose((side, side))

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        return type(self), (self.steps, self.image)

    @property
    def moves_pixels(self) -> bool:
        """Whether any step is geometric, that is, changes masks and boxes."""
        return any(step.transform in GEOMETRIC for step in self.steps)

    def __call__(self, sample: Sample, *, seed: int) -> Sample:
        """Returns an augmented copy of a sample.

        Args:
            sample: not changed.
            seed: seed of all random draws, not negative.

        Returns:
            A sample that shares no memory with the given one. Objects keep their order and ids. The box of an object
            with a mask is the tight box of its mask, also where nothing moved. Objects of which too little is left in
            the image, and boxes without an area, are gone from objects and instance ids.
        """
        given, image_hw = sample.objects, (sample.image.shape[0], sample.image.shape[1])
        xyxy, masked = clip_xyxy(given.xyxy, image_hw), np.zeros(len(given), bool)
        masks = given.crop()
        if masks is not None:
            xyxy, masked = _tight(xyxy, masks)
        moved, masks = self._apply(sample, xyxy, masks, seed=seed)

        # albumentations returns shape [0, 4] where no box is left
        xyxy, rows = moved["bboxes"][:, :4].astype(np.float32), moved["bboxes"][:, 4:].ravel().astype(np.int64)
        if masks is not None:
            masks = masks[rows]
            xyxy, present = _tight(xyxy, masks)
            left = present | ~masked[rows]
            xyxy, rows, masks = xyxy[left], rows[left], masks[left]
        kept = replace(given, masks=None).select(rows)
        return Sample(moved["image"], replace(kept, xyxy=xyxy, masks=masks), sample.instance_ids[rows])

    def _apply(
        self, sample: Sample, xyxy: NDArray[np.float32], masks: CroppedMasks | None, *, seed: int
    ) -> tuple[dict[str, Any], CroppedMasks | None]:
        """Runs albumentations; the last column of the boxes is the row they came from. Returns all masks, moved.

        Of a large image with many objects the masks go through it some at a time, with the same draws.
        """
        if masks is None or not self.moves_pixels:
            return self._run(sample, xyxy, None, seed=seed), masks
        first: dict[str, Any] = {}
        parts: list[CroppedMasks] = []
        for rows in passes(len(masks), masks.image_hw):
            some = masks[range(rows.start, rows.stop)]
            moved = self._run(sample, xyxy, pack_masks(some), seed=seed)
            bits = moved.pop("mask").reshape(*moved["image"].shape[:2], -1)
            parts.append(unpack_masks(bits, len(some)))
            first = first or moved
        return first, CroppedMasks.joined(parts)

    def _run(
        self, sample: Sample, xyxy: NDArray[np.float32], bits: NDArray[np.uint8] | None, *, seed: int
    ) -> dict[str, Any]:
        data: dict[str, Any] = {"image": sample.image.copy(), "bboxes": _with_rows(xyxy)}
        if bits is not None:
            data["mask"] = bits
        compose = self._compose(sample.image.shape[:2])
        # All transforms share one pair of generators: albumentations' own seeding gives every transform the same draws.
        compose.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311
        moved: dict[str, Any] = compose(**data)
        return moved

    def _compose(self, image_hw: tuple[int, ...]) -> Any:
        """Returns the steps as an albumentations pipeline for images of about this size."""
        octaves = math.log2(max(*image_hw, self.image.smallest_side) / self.image.reference_side)
        size = round(octaves * _SIZES_PER_OCTAVE) if any(step.spec.size_power for step in self.steps) else 0
        if size not in self._by_size:
            growth = 2 ** (size / _SIZES_PER_OCTAVE)
            with warnings.catch_warnings():
                # Boxes are also passed where no transform changes them.
                warnings.filterwarnings("ignore", message="Got processor for")
                self._by_size[size] = Compose(
                    [_transform(step, growth) for step in self.steps],
                    bbox_params=A.BboxParams(
                        "pascal_voc", min_visibility=self.image.min_visible, clip=True, filter_invalid_bboxes=True
                    ),
                    mask_interpolation=cv2.INTER_NEAREST,
                )
        return self._by_size[size]


def _tight(xyxy: NDArray[np.float32], masks: CroppedMasks) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Returns boxes [N, 4], tight around the mask where there is one, and which objects have a mask, bool [N]."""
    tight = masks_to_xyxy(masks)
    present = box_area(tight) > 0
    return np.where(present[:, None], tight, xyxy), present


def _with_rows(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    rows = np.arange(len(xyxy), dtype=np.float32)
    return np.concatenate([xyxy, rows[:, None]], axis=1)


def _transform(step: Step, growth: float) -> Any:
    """Builds one step's albumentations transform for images `growth` times the reference size."""
    kind = transform_class(step.transform)
    known = {name: each.default for name, each in inspect.signature(kind.__init__).parameters.items()}
    place = f"augmentation_rules.transforms.{step.transform}"
    # A parameter that no word sets gets its neutral value: albumentations' default would change the image.
    parameters: dict[str, Any] = {**step.spec.settings, **step.spec.neutral, **step.strength}
    for name in parameters:
        check_known(name, known.keys() - {"self", "p"}, place)
    # albumentations reads one number as a range around zero or one: a brightness of 1.2 would be 0 to 2.2.
    ranges = {name for name in step.spec.neutral if isinstance(known[name], tuple)}
    parameters |= {name: ends(parameters[name]) for name in ranges}
    if "fill_mask" in known:
        parameters["fill_mask"] = 0  # covered pixels, and those from outside the image, belong to no object
    for name, power in step.spec.size_power.items():
        parameters[name] = _grown(parameters[name], growth**power, kernel=name in step.spec.kernels)
    with warnings.catch_warnings():
        # A warning here means that albumentations would silently change a value.
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", message="This augmenter is very slow")
        try:
            return kind(p=step.p, **parameters)
        except (ValueError, TypeError, UserWarning) as error:
            raise AugmentationError(f"{place}: expected parameters that it takes, got {parameters}: {error}") from error


def _grown(value: Any, factor: float, *, kernel: bool) -> Any:
    """Scales a length in pixels, or a range of lengths, by a factor: integers stay integers, kernel widths odd."""
    if isinstance(value, tuple):
        return tuple(_grown(end, factor, kernel=kernel) for end in value)
    if kernel:
        return max(3, 2 * round((value * factor - 1) / 2) + 1)
    return max(2, round(value * factor)) if isinstance(value, int) else value * factor

"""LoRA tuning of SAM on a labelled dataset.

While only the mask decoder is adapted, the embedding of an image never changes and is computed once. The image encoder
can be adapted too, at the cost of an encoder pass for every image in every step.
"""

import copy
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.teachers.augmented import augmented
from gsam_edge.teachers.lora.adapter import Adapter, AdapterConfig, extract_adapter
from gsam_edge.teachers.lora.layers import adapter_parameters, add_lora, verify_only_adapters_trainable, weights_digest
from gsam_edge.teachers.sam.config import SamTuningConfig
from gsam_edge.teachers.sam.loss import Prompts, jitter_boxes, mask_targets, prompted_losses
from gsam_edge.teachers.sam.model import EmbeddedImage, SamModel
from gsam_edge.training.errors import TrainingError
from gsam_edge.training.loop import train
from gsam_edge.training.run import Run
from gsam_edge.training.sampling import epoch_rows
from gsam_edge.training.seed import derived_seed
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_area
from gsam_edge.vision.images import ImageSource
from gsam_edge.vision.masks import paired_iou

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation

logger = logging.getLogger(__name__)

# Separate random streams: the prompts of a step, the adapters' first values, the augmentation of images.
_PROMPTS, _ADAPTERS, _AUGMENTATION = 1, 2, 3

#: An image by its name, whose embedding can be kept, or augmented pixels uint8 [H, W, 3], which are used only once.
_Image: TypeAlias = str | NDArray[np.uint8]


def prompted_objects(split: Annotations, image_id: int) -> PackedDetections:
    """Returns the objects of an image that can be prompts and targets: those with a mask and a box with an area."""
    truth = split.packed_truth(image_id)
    return truth.select((truth.mask_areas > 0) & (box_area(truth.unmasked.xyxy) > 0))


def tune_sam(
    base: SamModel,
    train_set: Annotations,
    val_set: Annotations,
    images: ImageSource,
    config: SamTuningConfig,
    *,
    augmentation: "Augmentation | None",
    run: Run,
) -> Adapter:
    """Trains adapters on SAM, from jittered true boxes to true masks.

    Args:
        base: not changed; the tuning works on a copy.
        train_set: annotations with masks.
        val_set: its mean mask IoU from true boxes chooses the best adapter; without masks, the last one is taken.
        images: the images of both.
        config: adapter, loss and schedule.
        augmentation: augmentation of the training images, or None.
        run: its log receives `sam/train_loss`, `sam/val_score` and the parts of the loss; its seed is that of adapters,
            order and prompts.

    Returns:
        The adapter, for `apply_adapter` on the same base.

    Raises:
        InvalidDatasetError: if no training object has both a mask and a box.
        TrainingError: if training left the adapters at zero.
    """
    digest = weights_digest(base.model)
    model = copy.deepcopy(base.model)
    add_lora(model, config.lora, seed=derived_seed(run.seed, _ADAPTERS))
    verify_only_adapters_trainable(model)
    sam = replace(base, model=model.to(run.device))

    image_ids = _prompted_images(train_set)
    if not image_ids:
        raise InvalidDatasetError(
            f"tune_sam: expected objects with a mask and a box, got none in {len(train_set.images)} images"
        )
    val_image_ids = _prompted_images(val_set)
    embeddings = _Embeddings(sam, images, config.embedding_cache_mb)

    def batches(step: int) -> list[tuple[_Image, Prompts]]:
        rng = np.random.default_rng(derived_seed(run.seed, _PROMPTS, step))
        rows = epoch_rows(step, config.batch_size, len(image_ids), seed=run.seed)
        batch = []
        for place, image_id in enumerate(image_ids[row] for row in rows):
            file_name, objects = _file_name(train_set, image_id), prompted_objects(train_set, image_id).unpack()
            one: _Image = file_name
            if augmentation is not None:
                chance = derived_seed(run.seed, _AUGMENTATION, step, place)
                one, objects = _augmented(images[file_name], objects, augmentation, seed=chance)
            batch.append((one, _prompts(sam, objects, config, rng)))
        return batch

    def step_loss(_: nn.Module, batch: list[tuple[_Image, Prompts]]) -> dict[str, Tensor]:
        features = embeddings.features([one for one, _ in batch])
        return prompted_losses(sam, features, [prompts for _, prompts in batch], config.loss)

    train(
        sam.model,
        batches,
        step_loss,
        config.loop,
        name="sam",
        run=run,
        validate=(lambda _: _mean_iou(sam, val_set, val_image_ids, embeddings)) if val_image_ids else None,
        trainable_only=True,
    )
    adapter = extract_adapter(
        sam.model,
        AdapterConfig(
            kind="sam",
            class_names=train_set.class_names,
            base_name=base.name,
            base_digest=digest,
            lora=config.lora,
            split=train_set.split_digest,
        ),
    )
    if adapter.changes_nothing:
        raise TrainingError(
            "tune_sam: expected training to change the adapters, but every B matrix is still zero; try a higher "
            "learning rate or more steps"
        )
    return adapter


def _prompted_images(split: Annotations) -> list[int]:
    return [image_id for image_id in split.image_by_id if len(prompted_objects(split, image_id))]


def _file_name(split: Annotations, image_id: int) -> str:
    return str(split.image_by_id[image_id]["file_name"])


class _Embeddings:
    """Embedded images by file name, kept in half precision while they fit into the limit and the encoder is frozen.

    They are kept on the CPU, which has more memory, and copied to the model's device when they are used.
    """

    def __init__(self, sam: SamModel, images: ImageSource, bound_mb: int) -> None:
        self._sam, self._images = sam, images
        self._frozen = not any(name.startswith("image_encoder.") for name in adapter_parameters(sam.model))
        self._bytes_left = bound_mb * 2**20 if self._frozen else 0
        self._full = not self._frozen
        self._kept: dict[str, EmbeddedImage] = {}

    def features(self, shown: Sequence[_Image]) -> Tensor:
        """Returns the images' features float [B, C, h, w]; with gradients where the image encoder is adapted."""
        if self._frozen:
            return torch.cat([self._frozen_features(one) for one in shown])
        images = [self._images[one] if isinstance(one, str) else one for one in shown]
        return self._sam.model.image_encoder(torch.cat([self._sam.prepare(image).pixels for image in images]))

    def _frozen_features(self, one: _Image) -> Tensor:
        return self[one].features if isinstance(one, str) else self._sam.embed(one).features

    def __getitem__(self, file_name: str) -> EmbeddedImage:
        kept = self._kept.get(file_name)
        if kept is None:
            image = self._sam.embed(self._images[file_name])
            # Half precision in any case, so that an embedding is the same whether it was kept or not.
            kept = image._replace(features=image.features.half())
            if kept.features.nbytes <= self._bytes_left:
                self._bytes_left -= kept.features.nbytes
                self._kept[file_name] = kept._replace(features=kept.features.cpu())
            elif not self._full:
                self._full = True
                logger.info(
                    "sam: the cache is full with %d embeddings; other images are embedded anew", len(self._kept)
                )
        return kept._replace(features=kept.features.to(self._sam.model.device).float())


def _augmented(
    image: NDArray[np.uint8], objects: Detections, augmentation: "Augmentation", *, seed: int
) -> tuple[NDArray[np.uint8], Detections]:
    """Returns the augmented image with the objects left in it, or the original image and objects where none is left."""
    changed, left = augmented(image, objects, augmentation, seed=seed)
    return (changed, left) if len(left) else (image, objects)


def _prompts(sam: SamModel, objects: Detections, config: SamTuningConfig, rng: np.random.Generator) -> Prompts:
    drawn = objects.select(rng.permutation(len(objects))[: config.objects_per_image])
    masks: NDArray[np.bool_] = drawn.masks  # type: ignore[assignment]  # prompted objects have masks
    image_hw = (masks.shape[1], masks.shape[2])
    boxes = sam.boxes_to_input(jitter_boxes(rng, drawn.xyxy, config.box_jitter, image_hw), image_hw)
    size = sam.architecture
    targets = mask_targets(masks, sam.input_hw(image_hw), size.image_size, size.mask_size)
    return Prompts(boxes, targets.to(boxes.device))


def _mean_iou(sam: SamModel, split: Annotations, image_ids: list[int], embeddings: _Embeddings) -> float:
    """Returns the mean mask IoU over all objects of the images, prompted with their true boxes."""
    ious: list[float] = []
    for image_id in image_ids:
        truth = prompted_objects(split, image_id).unpack()
        masks, _ = sam.predict_embedded(embeddings[_file_name(split, image_id)], truth.xyxy)
        ious.extend(paired_iou(masks, truth.masks).tolist())  # type: ignore[arg-type]  # prompted objects have masks
    return float(np.mean(ious))

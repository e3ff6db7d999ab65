"""LoRA tuning of SAM 3 to the classes of a dataset."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from torch import Tensor, nn

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import by_image
from gsam_edge.metrics.average_precision import average_precision
from gsam_edge.metrics.detection import coco_metrics
from gsam_edge.teachers.augmented import augmented
from gsam_edge.teachers.errors import AdapterError
from gsam_edge.teachers.family import TuningData
from gsam_edge.teachers.lora.adapter import Adapter, AdapterConfig, extract_adapter
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import (
    adapter_parameters,
    add_lora,
    verify_only_adapters_trainable,
    weights_digest,
)
from gsam_edge.teachers.outlining.features import ImageFeatures, Shown
from gsam_edge.teachers.sam3.batch import Batch, askable_classes, draw_classes, labelled_batch, objects_of
from gsam_edge.teachers.sam3.config import Sam3TuningConfig
from gsam_edge.teachers.sam3.loss import Objects, sam3_losses
from gsam_edge.teachers.sam3.model import Sam3
from gsam_edge.teachers.sam3.network import Texts, pyramid
from gsam_edge.training.loop import train
from gsam_edge.training.run import Run
from gsam_edge.training.sampling import epoch_rows
from gsam_edge.training.seed import derived_seed
from gsam_edge.vision import Detections

# Random stream of the augmentation, separate from that of the classes.
_AUGMENTATION = 1

#: Parts that the loss does not reach: texts are encoded once, boxes are no prompts, and no semantic mask is drawn.
_IDLE_PARTS = ("text_encoder.", "text_projection", "geometry_encoder.", "mask_decoder.semantic_projection")


def tune_sam3(base: Sam3, data: TuningData, config: Sam3TuningConfig, run: Run) -> Adapter:
    """Trains a low-rank adapter with which the base finds the classes of the annotations, and draws their masks.

    Each image of a step is asked for some of the classes; some of them are absent. A class that an image holds as a
    crowd only is not asked there. Where masks are not wanted, the mask decoder's layers are left out of the adapter.
    The adapter kept is the one with the best monitored metric on the validation images.

    Args:
        base: not changed; the tuning works on a copy.
        data: boxes or masks to learn, crowds left out.
        config: adapter, loss and schedule.
        run: its log receives `sam3/...` metrics; its seed is that of adapter, order, classes and augmentation.

    Raises:
        InvalidDatasetError: if one of the sets holds no object.
        ClassNameError: if class names cannot be asked for, or two are the same to the text encoder.
        AdapterError: if the adapter's targets match no layer, or one that learns nothing here.
        TrainingError: if the loss is not finite.
    """
    for name, annotations in (("training", data.train), ("validation", data.val)):
        if not (~annotations.columns.is_crowd).any():
            raise InvalidDatasetError(f"SAM 3 tuning: expected objects in the {name} images, got none")
    with_masks = data.own_masks and data.train.has_masks
    lora = config.lora if with_masks else _without_masks(config.lora)
    digest = weights_digest(base.model)
    model = copy.deepcopy(base.model)
    add_lora(model, lora, seed=run.seed)
    _refuse_idle(model)
    model.to(run.device)
    verify_only_adapters_trainable(model)
    tuned = replace(base, model=model)
    texts = tuned.texts(data.train.class_names)
    features = ImageFeatures(tuned, data.features)
    mask_size = tuned.mask_size if with_masks else None
    askable = askable_classes(data.train)
    image_ids = list(askable)

    def batches(step: int) -> Batch:
        rng = np.random.default_rng([run.seed, step])
        rows = epoch_rows(step, config.batch_size, len(image_ids), seed=run.seed)
        shown: list[Shown] = []
        prompts: list[tuple[int, int, Objects]] = []
        for place, image_id in enumerate(image_ids[row] for row in rows):
            seed = derived_seed(run.seed, _AUGMENTATION, step, place)
            one, truth, image_hw = _shown(data, image_id, masks=with_masks, seed=seed)
            shown.append(one)
            present = set(truth.class_ids.tolist())
            asked = draw_classes(
                rng,
                present,
                askable[image_id] - present,
                at_most=config.classes_per_image,
                absent_probability=config.absent_probability,
            )
            prompts += [(place, class_id, objects_of(truth, class_id, image_hw, mask_size)) for class_id in asked]
        return labelled_batch(shown, prompts, run.device)

    def losses(network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        images = pyramid(network, features.batch(batch.shown)["tokens"])
        images = images if with_masks else images.coarsest
        asked = texts.select(batch.class_ids)
        return sam3_losses(network, images.select(batch.rows), asked, batch.objects, config.loss)

    train(
        model,
        batches,
        losses,
        config.loop,
        name="sam3",
        run=run,
        epoch_images=len(image_ids),
        batch_size=config.batch_size,
        validate=_validation(tuned, texts, features, data, config),
        trainable_only=True,
    )
    adapter_config = AdapterConfig(
        kind="sam3",
        class_names=data.train.class_names,
        base_name=base.name,
        base_digest=digest,
        lora=lora,
        split=data.train.split_digest,
    )
    return extract_adapter(model, adapter_config)


def _without_masks(lora: LoraConfig) -> LoraConfig:
    """Returns the same adapter without layers that only masks would teach."""
    return lora.model_copy(update={"targets": rf"^(?!mask_decoder\.)(?:{lora.targets})"})


def _refuse_idle(model: nn.Module) -> None:
    idle = [name for name in adapter_parameters(model) if name.startswith(_IDLE_PARTS)]
    if idle:
        raise AdapterError(
            f"sam3.lora.targets: expected layers that the loss reaches, got {len(idle)} adapters in {_IDLE_PARTS}, "
            f"such as {idle[0]}, which would learn nothing; leave them out"
        )


def _shown(data: TuningData, image_id: int, *, masks: bool, seed: int) -> tuple[Shown, Detections, tuple[int, int]]:
    """Returns a training image as a step shows it, its objects, and its height and width."""
    record = data.train.image_by_id[image_id]
    name = record["file_name"]
    if data.augmentation is None:
        image_hw = (record["height"], record["width"])
        return Shown((name, None), lambda: data.images[name]), data.train.truth(image_id, masks=masks), image_hw
    # Augmentation computes an object's box from its augmented mask.
    truth = data.train.truth(image_id, masks=True)
    image, truth = augmented(data.images[name], truth, data.augmentation, seed=seed)
    return Shown(None, lambda: image), truth, (image.shape[0], image.shape[1])


def _validation(
    tuned: Sam3, texts: Texts, features: ImageFeatures, data: TuningData, config: Sam3TuningConfig
) -> Callable[[nn.Module], dict[str, float]]:
    val, images = data.val, data.images
    truths = [val.truth(record["id"], masks=False) for record in val.images]
    masks = data.own_masks and val.has_masks

    def find(record: Mapping[str, Any]) -> Detections:
        name, image_hw = record["file_name"], (record["height"], record["width"])
        tokens = features.batch([Shown((name, None), lambda: images[name])])["tokens"]
        return tuned.predict(tokens, image_hw, texts, config.detection, masks=masks)

    def metrics(_: nn.Module) -> dict[str, float]:
        found = [PackedDetections.pack(find(record)) for record in val.images]
        boxes = [one.unmasked for one in found]
        values = {"ap50": average_precision(truths, boxes, 0.5), "ap75": average_precision(truths, boxes, 0.75)}
        if masks:
            figures = coco_metrics(val, by_image(val, found), "segm")
            values |= {f"mask_{name}": figures[name] for name in ("map50", "map50_95")}
        return values

    return metrics

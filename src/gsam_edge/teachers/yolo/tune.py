"""Low-rank tuning of a YOLO to the data, or the weights as they are."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.metrics.average_precision import average_precision
from gsam_edge.teachers.augmented import augmented
from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.lora.adapter import Adapter, AdapterConfig, extract_adapter
from gsam_edge.teachers.lora.layers import add_lora, verify_only_adapters_trainable, weights_digest
from gsam_edge.teachers.yolo.classes import Asked, match_classes
from gsam_edge.teachers.yolo.config import YoloTuningConfig
from gsam_edge.teachers.yolo.model import Yolo
from gsam_edge.teachers.yolo.network import columns_of, detection_loss, raw_answers
from gsam_edge.training.loop import train
from gsam_edge.training.run import Run
from gsam_edge.training.sampling import epoch_rows
from gsam_edge.training.seed import derived_seed
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import xyxy_to_cxcywh
from gsam_edge.vision.images import ImageSource
from gsam_edge.vision.letterbox import letterboxed

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation

# The stream of chance that changes images.
_AUGMENTATION = 1


def tune_yolo(
    base: Yolo,
    train_set: Annotations,
    val_set: Annotations,
    images: ImageSource,
    config: YoloTuningConfig,
    *,
    augmentation: "Augmentation | None",
    run: Run,
) -> Adapter:
    """Train a low-rank adapter with which the weights find the classes of the data that they know.

    Its batch normalisation keeps the statistics of the base. The adapter kept is the one with the best monitored metric
    on the validation images.

    Args:
        base: left as it is.
        train_set: boxes to learn; crowds and classes that the weights do not know are left out.
        val_set: boxes to choose the best adapter by.
        images: RGB images of both by `file_name`.
        config: how the weights are asked, adapter, loss and schedule.
        augmentation: how training images vary, or None.
        run: its log takes `yolo/...` metrics; its seed is that of adapter, order and augmentation.

    Returns:
        The adapter; where `config.tune` is false, the value that says how the weights are asked as they are.

    Raises:
        BaseModelError: if the image size is no multiple of the network's largest stride.
        ClassMatchError: see `match_classes`.
        InvalidDatasetError: if no training object, or no validation object, is of a class that the weights know.
        AdapterError: if the adapter's targets match no layer.
        TrainingError: if the loss is not finite.
    """
    if config.image_size % base.stride:
        raise BaseModelError(
            f"yolo.image_size: expected a multiple of {base.stride}, the largest stride of YOLO {base.name}, got "
            f"{config.image_size}"
        )
    asked = Asked(
        class_names=match_classes(base.class_names, train_set.class_names, config.classes),
        weights_class_names=base.class_names,
        image_size=config.image_size,
    )
    adapter_config = AdapterConfig(
        kind="yolo",
        class_names=train_set.class_names,
        base_name=base.name,
        base_digest=weights_digest(base.model),
        lora=config.lora if config.tune else None,
        split=train_set.split_digest,
        facts=asked.model_dump(mode="json"),
    )
    if not config.tune:
        return Adapter({}, adapter_config)

    columns = asked.columns
    known = [class_id for class_id, meant in enumerate(columns) if meant]
    known_ids = [train_set.categories[class_id]["id"] for class_id in known]
    for name, annotations in (("training", train_set), ("validation", val_set)):
        if not (np.isin(annotations.columns.category_id, known_ids) & ~annotations.columns.is_crowd).any():
            raise InvalidDatasetError(
                f"YOLO tuning: expected {name} objects of the classes that the weights know, "
                f"{[train_set.class_names[class_id] for class_id in known]}, got none in {len(annotations.images)} "
                "images"
            )
    model = copy.deepcopy(base.model)
    add_lora(model, config.lora, seed=run.seed)
    model.to(run.device)
    verify_only_adapters_trainable(model)
    criterion = detection_loss(model, len(known), config.loss)

    def batches(step: int) -> dict[str, Tensor]:
        rows = epoch_rows(step, config.batch_size, len(train_set.images), seed=run.seed)
        samples = []
        for place, record in enumerate(train_set.images[row] for row in rows):
            truth = train_set.truth(record["id"], masks=augmentation is not None)
            chance = derived_seed(run.seed, _AUGMENTATION, step, place)
            samples.append(augmented(images[record["file_name"]], truth, augmentation, seed=chance))
        return labelled_batch(samples, known, config.image_size, run.device)

    def losses(network: Any, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        raw = raw_answers(network, batch["img"])
        scores = columns_of(raw["scores"], [columns[class_id] for class_id in known])
        of_batch, _ = criterion.loss({**raw, "scores": scores}, batch)
        return dict(zip(("box_loss", "class_loss", "distribution_loss"), of_batch / len(batch["img"]), strict=True))

    train(
        model,
        batches,
        losses,
        config.loop,
        name="yolo",
        run=run,
        epoch_images=len(train_set.images),
        batch_size=config.batch_size,
        validate=_validation(replace(base, model=model), asked, val_set, images, config),
        trainable_only=True,
    )
    return extract_adapter(model, adapter_config)


def labelled_batch(
    samples: Sequence[tuple[NDArray[np.uint8], Detections]], known: Sequence[int], image_size: int, device: torch.device
) -> dict[str, Tensor]:
    """Images with their objects as Ultralytics' loss reads them.

    Args:
        samples: images uint8 [H, W, 3] RGB, with their objects.
        known: class ids that the weights know; their places here are the labels, other objects are left out.
        image_size: side of the canvas in pixels.
        device: where to put them.

    Returns:
        `img` float32 [B, 3, S, S] in 0..1; of all N objects `batch_idx` [N], `cls` [N] and `bboxes` [N, 4] cxcywh as
        fractions of the canvas, all float32.
    """
    pixels, owners, labels, boxes = [], [], [], []
    for place, (image, truth) in enumerate(samples):
        canvas, letterbox = letterboxed(image, image_size)
        taught = truth.select(np.isin(truth.class_ids, known))
        pixels.append(canvas)
        owners += [place] * len(taught)
        labels += [known.index(class_id) for class_id in taught.class_ids.tolist()]
        boxes.append(xyxy_to_cxcywh(letterbox.boxes_to_canvas(taught.xyxy)) / np.float32(image_size))
    arrays = {"img": np.concatenate(pixels), "batch_idx": owners, "cls": labels, "bboxes": np.concatenate(boxes)}
    return {name: torch.as_tensor(values, dtype=torch.float32, device=device) for name, values in arrays.items()}


def _validation(
    tuned: Yolo, asked: Asked, val_set: Annotations, images: ImageSource, config: YoloTuningConfig
) -> Callable[[nn.Module], dict[str, float]]:
    truths = [val_set.truth(record["id"], masks=False) for record in val_set.images]

    def metrics(_: nn.Module) -> dict[str, float]:
        found = [
            tuned.predict(images[record["file_name"]], asked, config.detection, masks=False)
            for record in val_set.images
        ]
        return {"ap50": average_precision(truths, found, 0.5), "ap75": average_precision(truths, found, 0.75)}

    return metrics

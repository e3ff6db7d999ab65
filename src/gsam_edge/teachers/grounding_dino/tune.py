"""LoRA tuning of Grounding DINO to the classes of a dataset."""

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from gsam_edge.coco import Annotations
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.metrics.average_precision import average_precision
from gsam_edge.teachers.augmented import augmented
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.grounding_dino.batch import GroundingDinoBatch, labelled_batch
from gsam_edge.teachers.grounding_dino.config import GroundingDinoTuningConfig
from gsam_edge.teachers.grounding_dino.library import TunableModel
from gsam_edge.teachers.grounding_dino.loss import grounding_dino_losses
from gsam_edge.teachers.grounding_dino.model import GroundingDino
from gsam_edge.teachers.grounding_dino.prompts import Prompt, refuse_equal_names
from gsam_edge.teachers.grounding_dino.text import read_prompts_once
from gsam_edge.teachers.lora.adapter import Adapter, AdapterConfig, extract_adapter
from gsam_edge.teachers.lora.layers import add_lora, verify_only_adapters_trainable, weights_digest
from gsam_edge.training.loop import train
from gsam_edge.training.run import Run
from gsam_edge.training.sampling import epoch_rows
from gsam_edge.training.seed import derived_seed
from gsam_edge.vision import Detections
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from gsam_edge.augmentation.augmentation import Augmentation

# Random stream of the augmentation, separate from that of the prompts.
_AUGMENTATION = 1


def tune_grounding_dino(
    base: GroundingDino,
    train_set: Annotations,
    val_set: Annotations,
    images: ImageSource,
    config: GroundingDinoTuningConfig,
    *,
    augmentation: "Augmentation | None",
    run: Run,
) -> Adapter:
    """Trains a low-rank adapter with which the base finds the classes of the annotations.

    The base itself is not changed. Each image is prompted with all classes (or, past the text limit, with those of one
    prompt, see `draw_prompt`); the adapter with the best monitored metric on the validation images is kept.

    Args:
        base: the detector to adapt.
        train_set: boxes to learn, crowds left out.
        val_set: boxes to choose the best adapter by.
        images: RGB images of both by `file_name`.
        config: adapter, loss and schedule.
        augmentation: augmentation of the training images, or None.
        run: its log receives `grounding_dino/...` metrics; its seed is that of adapter, order and augmentation.

    Raises:
        InvalidDatasetError: if one of the sets holds no object.
        ClassNameError: if class names cannot be asked for, or two are the same to the text encoder.
        AdapterError: if the adapter's targets match no layer.
        TrainingError: if the loss is not finite.
    """
    for name, annotations in (("training", train_set), ("validation", val_set)):
        if not any(not record.get("iscrowd") for record in annotations.objects):
            raise InvalidDatasetError(f"Grounding DINO tuning: expected objects in the {name} images, got none")
    digest = weights_digest(base.model)
    model = copy.deepcopy(base.model)
    add_lora(model, config.lora, seed=run.seed)
    model.to(run.device)
    verify_only_adapters_trainable(model)
    read_prompts_once(model)
    tuned = GroundingDino(model, base.processor, base.name)
    prompts = tuned.prompts(train_set.class_names)
    refuse_equal_names(train_set.class_names, base.processor.tokenizer)

    def batches(step: int) -> GroundingDinoBatch:
        rows = epoch_rows(step, config.batch_size, len(train_set.images), seed=run.seed)
        rng = np.random.default_rng([run.seed, step])
        records = [train_set.images[row] for row in rows]
        samples = [
            augmented(
                images[record["file_name"]],
                # Augmentation computes an object's box from its augmented mask; without augmentation the boxes are
                # enough.
                train_set.truth(record["id"], masks=augmentation is not None),
                augmentation,
                seed=derived_seed(run.seed, _AUGMENTATION, step, place),
            )
            for place, record in enumerate(records)
        ]
        shown, truths = zip(*samples, strict=True)
        asked = [draw_prompt(rng, prompts, truth, config.positive_prompt_probability) for truth in truths]
        return labelled_batch(tuned, shown, truths, asked)

    def losses(network: TunableModel, batch: GroundingDinoBatch) -> dict[str, Tensor]:
        return grounding_dino_losses(network, batch, config.loss)

    train(
        model,
        batches,
        losses,
        config.loop,
        name="grounding_dino",
        run=run,
        epoch_images=len(train_set.images),
        batch_size=config.batch_size,
        validate=_validation(tuned, val_set, images, config.detection),
        trainable_only=True,
    )
    adapter_config = AdapterConfig(
        kind="grounding_dino",
        class_names=train_set.class_names,
        base_name=base.name,
        base_digest=digest,
        lora=config.lora,
        split=train_set.split_digest,
    )
    return extract_adapter(model, adapter_config)


def draw_prompt(
    rng: np.random.Generator, prompts: Sequence[Prompt], truth: Detections, positive_probability: float
) -> Prompt:
    """Draws the prompt of an image for one step.

    Args:
        rng: random generator.
        prompts: all classes, in one prompt or several.
        truth: the image's objects.
        positive_probability: how often the prompt is drawn from those that name one of the objects. Otherwise, and for
            an image without objects, it is drawn from all.

    Returns:
        One of the prompts.
    """
    present = set(truth.class_ids.tolist())
    positive = [prompt for prompt in prompts if present.intersection(prompt.class_ids)]
    drawn_from = positive if positive and rng.random() < positive_probability else prompts
    return drawn_from[int(rng.integers(len(drawn_from)))]


def _validation(
    tuned: GroundingDino, val_set: Annotations, images: ImageSource, config: DetectionConfig
) -> Callable[[TunableModel], dict[str, float]]:
    truths = [val_set.truth(record["id"], masks=False) for record in val_set.images]

    def metrics(_: TunableModel) -> dict[str, float]:
        shown = (images[record["file_name"]] for record in val_set.images)
        found = tuned.predict_batch(shown, val_set.class_names, config)
        return {"ap50": average_precision(truths, found, 0.5), "ap75": average_precision(truths, found, 0.75)}

    return metrics

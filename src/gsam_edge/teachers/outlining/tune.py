"""LoRA tuning of a model that is prompted with boxes, on a labelled dataset.

While only the mask decoder is adapted, the features of an image never change and come from the store. The image encoder
can be adapted too, at the cost of an encoder pass for every image in every step.
"""

import copy
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.teachers.family import TuningData
from gsam_edge.teachers.lora.adapter import Adapter, AdapterConfig, extract_adapter
from gsam_edge.teachers.lora.layers import add_lora, verify_only_adapters_trainable, weights_digest
from gsam_edge.teachers.outlining.calibration import IouCalibration, OutlinerFacts
from gsam_edge.teachers.outlining.config import OutliningConfig
from gsam_edge.teachers.outlining.features import ImageFeatures, Shown
from gsam_edge.teachers.outlining.loss import prompted_losses
from gsam_edge.teachers.outlining.model import PromptableModel, predict_masks
from gsam_edge.teachers.outlining.prompts import Prompts, drawn_prompts, jitter_boxes
from gsam_edge.teachers.outlining.views import Views
from gsam_edge.training.errors import TrainingError
from gsam_edge.training.loop import train
from gsam_edge.training.run import Run
from gsam_edge.training.sampling import epoch_rows
from gsam_edge.training.seed import derived_seed
from gsam_edge.vision.masks import CroppedMasks, paired_iou

# Separate random streams: the prompts of a step, the adapters' first values, the augmentation of images.
_PROMPTS, _ADAPTERS, _AUGMENTATION = 1, 2, 3

Model = TypeVar("Model", bound=PromptableModel)


def tune_outliner(base: Model, data: TuningData, config: OutliningConfig, *, name: str, run: Run) -> Adapter:
    """Trains adapters, from jittered true boxes to true masks.

    Args:
        base: not changed; the tuning works on a copy.
        data: annotations with masks. Those of `val`, from true boxes, choose the best adapter; without masks there, the
            last one is taken.
        config: adapter, loss and schedule.
        name: of the family, for the adapter and the metrics.
        run: its log receives `<name>/train_loss`, `<name>/val_...` and the parts of the loss; its seed is that of
            adapters, order, views and prompts.

    Returns:
        The adapter, for `apply_adapter` on the same base; its facts are `OutlinerFacts`.

    Raises:
        InvalidDatasetError: if no training object has both a mask and a box.
        TrainingError: if training left the adapters at zero.
    """
    digest = weights_digest(base.model)
    tuned = copy.deepcopy(base)
    add_lora(tuned.model, config.lora, seed=derived_seed(run.seed, _ADAPTERS))
    verify_only_adapters_trainable(tuned.model)
    tuned.model.to(run.device)

    seed = derived_seed(run.seed, _AUGMENTATION)
    train_views = Views(data.train, data.images, data.augmentation, count=config.views, seed=seed)
    val_views = Views(data.val, data.images, None, count=None, seed=seed)
    if not train_views.image_ids:
        raise InvalidDatasetError(
            f"tune_{name}: expected objects with a mask and a box, got none in {len(data.train.images)} images"
        )
    features = ImageFeatures(tuned, data.features)

    def batches(step: int) -> list[tuple[Shown, Prompts]]:
        rng = np.random.default_rng(derived_seed(run.seed, _PROMPTS, step))
        batch = []
        for place, row in enumerate(epoch_rows(step, config.batch_size, len(train_views.image_ids), seed=run.seed)):
            shown, objects = train_views.show(step * config.batch_size + place, row)
            prompts = drawn_prompts(
                tuned,
                objects.xyxy,
                objects.crop(),  # type: ignore[arg-type]  # prompted objects have masks
                box_jitter=config.box_jitter,
                at_most=config.objects_per_image,
                rng=rng,
            )
            batch.append((shown, prompts))
        return batch

    def step_loss(_: nn.Module, batch: list[tuple[Shown, Prompts]]) -> dict[str, Tensor]:
        embedded = features.batch([shown for shown, _ in batch])
        prompts = [prompts for _, prompts in batch]
        return prompted_losses(tuned, embedded, prompts, config.loss, multimask=config.multimask)

    train(
        tuned.model,
        batches,
        step_loss,
        config.loop,
        name=name,
        run=run,
        epoch_images=len(train_views.image_ids),
        batch_size=config.batch_size,
        validate=(lambda _: _metrics(tuned, val_views, features, config)) if val_views.image_ids else None,
        trainable_only=True,
    )
    facts = OutlinerFacts(multimask=config.multimask, iou=_calibration(tuned, val_views, features, config))
    adapter = extract_adapter(
        tuned.model,
        AdapterConfig(
            kind=name,
            class_names=data.train.class_names,
            base_name=base.name,
            base_digest=digest,
            lora=config.lora,
            split=data.train.split_digest,
            facts=facts.model_dump(),
        ),
    )
    if adapter.changes_nothing:
        raise TrainingError(
            f"tune_{name}: expected training to change the adapters, but every B matrix is still zero; try a higher "
            "learning rate or more steps"
        )
    return adapter


def _metrics(
    model: PromptableModel, views: Views, features: ImageFeatures, config: OutliningConfig
) -> dict[str, float]:
    """Returns the mean mask IoU over all prompted objects of the images, from their true boxes, as `mean_iou`.

    `iou_error` is the mean distance of the model's own estimate, uncalibrated, from an object's IoU.
    """
    predicted, actual = _ious(model, views, features, box_jitter=0, multimask=config.multimask)
    return {"mean_iou": float(actual.mean()), "iou_error": float(np.abs(predicted - actual).mean())}


def _calibration(
    model: PromptableModel, views: Views, features: ImageFeatures, config: OutliningConfig
) -> IouCalibration:
    """Fits the calibration on all prompted objects of the images, from jittered boxes: later ones are a detector's."""
    return IouCalibration.fit(*_ious(model, views, features, box_jitter=config.box_jitter, multimask=config.multimask))


def _ious(
    model: PromptableModel, views: Views, features: ImageFeatures, *, box_jitter: float, multimask: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Returns the predicted and the actual IoU [N] of all prompted objects of the images, always jittered alike."""
    rng = np.random.default_rng(0)
    predicted, actual = [np.zeros(0, np.float32)], [np.zeros(0, np.float32)]
    for row in range(len(views.image_ids)):
        shown, truth = views.original(row)
        masks: CroppedMasks = truth.crop()  # type: ignore[assignment]  # prompted objects have masks
        image_hw = masks.image_hw
        boxes = jitter_boxes(rng, truth.xyxy, box_jitter, image_hw)
        found, estimates = predict_masks(model, features.batch([shown]), boxes, image_hw, multimask=multimask)
        predicted.append(estimates)
        actual.append(paired_iou(found, masks))
    return np.concatenate(predicted), np.concatenate(actual)

"""Parameters of a student's training."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class UltralyticsAugmentation(BaseModel):
    """Ultralytics' own changes to the images while training, by its names; with every value 0 there are none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mosaic: float = Field(ge=0, le=1, description="probability of four images in one")
    mixup: float = Field(ge=0, le=1, description="probability of two images blended")
    copy_paste: float = Field(
        ge=0, le=1, description="probability of each object of a rare class to be pasted in mirrored; needs masks"
    )
    fliplr: float = Field(ge=0, le=1, description="probability of left for right")
    flipud: float = Field(ge=0, le=1, description="probability of top for bottom")
    degrees: float = Field(ge=0, le=180, description="largest rotation, degrees")
    translate: float = Field(ge=0, le=1, description="largest shift, fraction of the image")
    scale: float = Field(ge=0, le=1, description="largest gain in size, fraction")
    hsv_h: float = Field(ge=0, le=1, description="largest change of hue, fraction of the colour circle")
    hsv_s: float = Field(ge=0, le=1, description="largest change of saturation, fraction")
    hsv_v: float = Field(ge=0, le=1, description="largest change of brightness, fraction")


class StudentTrainingConfig(BaseModel):
    """Schedule, gains of Ultralytics' losses and validation of a student's training.

    All is counted in optimiser steps, so that trainings on few and on many images are equally long.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    steps: int = Field(gt=0, description="optimiser steps, however many images there are")
    batch_size: int = Field(gt=1, description="images per optimiser step; batch normalisation needs two")
    pseudo_share: float = Field(
        gt=0,
        lt=1,
        description="share of a batch that images have whose labels no person gave; none, where there are none",
    )
    truth_only: float = Field(ge=0, le=1, description="share of the steps, the last ones, that see the truth alone")
    optimizer: Literal["SGD", "AdamW"] = Field(description="PyTorch optimiser")
    learning_rate: float = Field(gt=0, le=1, description="peak learning rate")
    final_learning_rate: float = Field(gt=0, le=1, description="last learning rate as a fraction of the peak")
    momentum: float = Field(ge=0, lt=1, description="SGD momentum, AdamW's first beta")
    weight_decay: float = Field(ge=0, description="on convolution weights")
    warmup_steps: int = Field(ge=0, description="steps in which the learning rate rises to its peak")
    ema_decay: float = Field(
        ge=0,
        lt=1,
        description="share of itself that the average of the weights keeps in a step; its weights are the result",
    )
    box_gain: float = Field(gt=0, description="weight of the box (and mask) loss")
    class_gain: float = Field(gt=0, description="weight of the class loss")
    distribution_gain: float = Field(gt=0, description="weight of the distribution focal loss")
    close_mosaic_steps: int = Field(ge=0, description="last steps without mosaic, mixup and copy-paste")
    validate_every: int = Field(
        gt=0, description="steps between validations, and between checkpoints; the last step always validates"
    )
    patience: int = Field(ge=0, description="validations without a better one before training stops; 0 never stops")
    workers: int = Field(ge=0, description="processes that load images; a CPU run always loads in its own process")
    cache_megabytes: int = Field(ge=0, description="memory for resized images, MB")
    precision: Literal["auto", "no", "bf16"] = Field(
        description="of the network, autocast: auto is bf16 where the device computes it itself, else 'no', which is "
        "float32; losses are computed in float32"
    )
    rare_below: float = Field(
        ge=0, description="a class is rare with fewer objects than this fraction of an equal share"
    )
    ultralytics: UltralyticsAugmentation = Field(description="mixing, mirroring, shifting and colours")

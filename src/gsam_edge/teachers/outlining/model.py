"""A model that is prompted with boxes, as tuning and prediction see it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gsam_edge.vision.masks import CroppedMasks

#: What the image encoder gives for B images, by name: float [B, ...] each.
Features: TypeAlias = Mapping[str, Tensor]

# Boxes that are decoded at a time, to limit memory; results do not depend on it.
_BOXES_PER_PASS = 32


class ImageEncoder(Protocol):
    """A model whose image encoder runs once for all questions about an image."""

    @property
    def name(self) -> str:
        """Its name for people."""

    @property
    def model(self) -> nn.Module:
        """The whole network."""

    @property
    def encoder(self) -> nn.Module:
        """All that `embed` computes with: while it has no adapters, features can be kept."""

    @property
    def input_size(self) -> int:
        """Side S of the square input in pixels."""

    @property
    def settings(self) -> dict[str, Any]:
        """What `embed` depends on beside the encoder's weights, as JSON values: sizes, preparation of images."""

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """Runs the image encoder on B RGB images uint8 [H, W, 3] of any sizes; with gradients where it is adapted.

        Returns:
            `Features` on the model's device.
        """


class PromptableModel(ImageEncoder, Protocol):
    """A Segment Anything Model of any generation that is prompted with boxes."""

    @property
    def mask_size(self) -> int:
        """Side m of the decoded masks in cells, a divisor of S."""

    def input_hw(self, image_hw: tuple[int, int]) -> tuple[int, int]:
        """Returns height and width, S at most, of an image of (height, width) on the input; the rest is padding."""

    def decode(self, features: Features, boxes: Tensor, *, multimask: bool) -> tuple[Tensor, Tensor]:
        """Predicts masks of boxes on embedded images; differentiable, and for several images at once.

        Args:
            features: of the image of each box, [N, ...], or of the one image of all boxes, [1, ...].
            boxes: float32 [N, 4], corners in pixels of the input, N at least 1.
            multimask: whether each box gets the model's three masks for ambiguous prompts instead of its single one.

        Returns:
            Mask logits float [N, M, m, m] over the whole input and their predicted IoU float [N, M]; M is 3 or 1.
        """

    def full_masks(self, logits: Tensor, image_hw: tuple[int, int]) -> Tensor:
        """Scales mask logits float [N, m, m] to the image: bool [N, H, W]."""


def model_device(model: ImageEncoder) -> torch.device:
    """Returns where the network is."""
    return next(model.model.parameters()).device


def boxes_to_input(model: PromptableModel, xyxy: NDArray[np.float32], image_hw: tuple[int, int]) -> Tensor:
    """Converts corners [N, 4] from pixels of the image to pixels of the input, float32 on the model's device."""
    height, width = (new / old for new, old in zip(model.input_hw(image_hw), image_hw, strict=True))
    scaled = xyxy * np.array([width, height, width, height])
    return torch.as_tensor(scaled, dtype=torch.float32, device=model_device(model))


@torch.no_grad()
def predict_masks(
    model: PromptableModel,
    features: Features,
    xyxy: NDArray[np.float32],
    image_hw: tuple[int, int],
    *,
    multimask: bool,
) -> tuple[CroppedMasks, NDArray[np.float32]]:
    """Predicts the mask of the object in each box of an embedded image.

    Args:
        model: the model.
        features: of the image, [1, ...].
        xyxy: float32 [N, 4], corners in pixels of the image; N may be 0.
        image_hw: height and width of the image.
        multimask: whether the mask of a box is the one of three whose predicted IoU is highest.

    Returns:
        N masks of the image's size, cropped, and the IoU that the model predicts for each, float32 [N] (about 0..1, not
        clipped).
    """
    boxes = boxes_to_input(model, xyxy, image_hw)
    ious = np.empty(len(boxes), np.float32)

    def full() -> Iterator[NDArray[np.bool_]]:
        for first in range(0, len(boxes), _BOXES_PER_PASS):
            rows = slice(first, first + _BOXES_PER_PASS)
            logits, iou = model.decode(features, boxes[rows], multimask=multimask)
            best = iou.argmax(1)
            each = torch.arange(len(best), device=best.device)
            ious[rows] = iou[each, best].float().cpu().numpy()
            # Scaled up one by one: in float32 a mask takes four bytes for each pixel of the image.
            for one in torch.split(logits[each, best], 1):
                yield model.full_masks(one, image_hw)[0].cpu().numpy()

    return CroppedMasks.crop(image_hw, full()), ious


@torch.no_grad()
def predict_image(
    model: PromptableModel, image: NDArray[np.uint8], xyxy: NDArray[np.float32], *, multimask: bool
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """Predicts like `predict_masks`, for an RGB image uint8 [H, W, 3], which is only embedded if there are boxes.

    Returns:
        Masks bool [N, H, W] and their predicted IoU, float32 [N].
    """
    features = model.embed([image]) if len(xyxy) else {}
    masks, ious = predict_masks(model, features, xyxy, (image.shape[0], image.shape[1]), multimask=multimask)
    return masks.whole(), ious

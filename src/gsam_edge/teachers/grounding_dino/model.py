"""Grounding DINO as a detector of named classes."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.detections import best_detections
from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.grounding_dino.library import TUNABLE_MODELS, TunableModel
from gsam_edge.teachers.grounding_dino.prompts import Prompt, compose_prompts
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import clip_xyxy, cxcywh_to_xyxy

logger = logging.getLogger(__name__)

Image = NDArray[np.uint8]

#: Of an image of 1 or 3 rows, the library would take the rows for the channels.
_IMAGES = {"input_data_format": "channels_last"}


@dataclass(frozen=True)
class GroundingDino:
    """A Grounding DINO with the processor that prepares its input.

    Attributes:
        model: a Grounding DINO of transformers, original or MM, plain or with an adapter on it.
        processor: the library's `GroundingDinoProcessor` (image processor and tokenizer).
        name: the Hugging Face id or folder name it came from.
    """

    model: TunableModel
    processor: Any
    name: str

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return next(self.model.parameters()).device

    def prompts(self, class_names: Sequence[str]) -> tuple[Prompt, ...]:
        """Returns the classes as prompts within this model's text limit."""
        return compose_prompts(class_names, self.processor.tokenizer, self.model.config.max_text_len)

    def inputs(self, images: Sequence[Image], texts: Sequence[str]) -> dict[str, Tensor]:
        """Prepares images uint8 [H, W, 3] RGB, with one prompt text each, as the model's input on its device.

        Size, resampling, pixel range and statistics are the model's own, from the configuration in its folder.
        Smaller images are padded at the right and below; `pixel_mask` is 1 where the image is.
        """
        encoded = self.processor.image_processor(images=list(images), return_tensors="pt", **_IMAGES)
        pixels = {name: encoded[name].to(self.device) for name in ("pixel_values", "pixel_mask")}
        return {**pixels, **self._text(texts)}

    def predict_batch(
        self, images: Iterable[Image], class_names: Sequence[str], config: DetectionConfig
    ) -> list[Detections]:
        """Finds objects of the named classes.

        A query's score for a class is the highest probability among the tokens of the class's span; its class is the
        one with the highest score. Queries of several prompts (many classes) are joined before the suppression.

        Only images that are of one size as the network's input share a pass: padding changes what the backbone sees, so
        that an image's detections would depend on the images beside it.

        Args:
            images: uint8 [H, W, 3] RGB, of any sizes; read lazily, one batch at a time.
            class_names: class i of the result is the i-th name.
            config: threshold, candidates, suppression and batch size.

        Returns:
            For each image, by descending score, Detections with `class_scores` [N, C]; NaN for classes that were not in
            the prompt that found the object.
        """
        prompts = self.prompts(class_names)
        found: list[Detections] = []
        for _, alike in groupby(map(self._prepared, images), key=lambda one: one.pixels.shape):
            while batch := list(islice(alike, config.batch_size)):
                found += self._predict(batch, prompts, len(class_names), config)
        return found

    def save(self, folder: Path) -> None:
        """Writes the model (safetensors) and its processor as a folder that `load_grounding_dino` reads."""
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)

    def _prepared(self, image: Image) -> "_Prepared":
        encoded = self.processor.image_processor(images=[image], return_tensors="pt", **_IMAGES)
        return _Prepared(encoded["pixel_values"][0], image.shape[:2])

    def _text(self, texts: Sequence[str]) -> dict[str, Tensor]:
        encoded = self.processor.tokenizer(list(texts), padding=True, return_tensors="pt")
        return {name: tensor.to(self.device) for name, tensor in encoded.items()}

    @torch.inference_mode()
    def _predict(
        self, images: Sequence["_Prepared"], prompts: Sequence[Prompt], num_classes: int, config: DetectionConfig
    ) -> list[Detections]:
        pixels = torch.stack([image.pixels for image in images]).to(self.device)
        boxes, scores = [], []
        for prompt in prompts:
            outputs = self.model(pixel_values=pixels, **self._text([prompt.text] * len(images)))
            boxes.append(outputs.pred_boxes.float().cpu().numpy())
            scores.append(class_probabilities(outputs.logits.float().cpu(), prompt, num_classes).numpy())
        per_image = zip(images, np.concatenate(boxes, 1), np.concatenate(scores, 1), strict=True)
        return [_detections(image.image_hw, cxcywh, score, config) for image, cxcywh, score in per_image]


class _Prepared(NamedTuple):
    """An image as input of the network: pixels float32 [3, h, w], and its own height and width in pixels."""

    pixels: Tensor
    image_hw: tuple[int, int]


def class_probabilities(logits: Tensor, prompt: Prompt, num_classes: int) -> Tensor:
    """Returns probabilities per class [..., C] from token logits [..., T]: the highest in each class's span of tokens.

    Classes outside the prompt get NaN: the model did not score them. The mean over the span ranks slightly worse:
    held-out AP50 0.575 against 0.584, on a half-trained tiny model.
    """
    scores = logits.new_full((*logits.shape[:-1], num_classes), torch.nan)
    for class_id, span in zip(prompt.class_ids, prompt.spans, strict=True):
        scores[..., class_id] = logits[..., list(span)].amax(-1).sigmoid()
    return scores


def _detections(
    image_hw: tuple[int, int], cxcywh: NDArray[np.float32], scores: NDArray[np.float32], config: DetectionConfig
) -> Detections:
    height, width = image_hw
    xyxy = clip_xyxy(cxcywh_to_xyxy(cxcywh) * np.array([width, height, width, height], np.float32), image_hw)
    return best_detections(xyxy, scores, config)[0]


def load_grounding_dino(model_id_or_folder: str, *, allow_download: bool = False) -> GroundingDino:
    """Loads a Grounding DINO of transformers, tiny, original or MM, from a folder or by its Hugging Face id.

    Args:
        model_id_or_folder: a folder as `GroundingDino.save` writes it, or an id such as
            "IDEA-Research/grounding-dino-tiny".
        allow_download: whether an id that is not in the local cache may be fetched from the Hub.

    Raises:
        FileNotFoundError: if there is no such folder and no such model in the local cache.
        BaseModelError: if it holds a model of another architecture, weights that do not fill the model exactly, or
            damaged files.
    """
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoProcessor

    options = {"local_files_only": not allow_download}
    try:
        architecture = AutoConfig.from_pretrained(model_id_or_folder, **options).model_type
        if architecture not in TUNABLE_MODELS:
            raise BaseModelError(
                f"{model_id_or_folder}: expected a model of {sorted(TUNABLE_MODELS)}, got one of {architecture!r}"
            )
        # Mismatched shapes pass here, so that `_check_weights` reports them together with other faults.
        model, arrived = TUNABLE_MODELS[architecture].from_pretrained(
            model_id_or_folder, use_safetensors=True, ignore_mismatched_sizes=True, output_loading_info=True, **options
        )
        processor = AutoProcessor.from_pretrained(model_id_or_folder, **options)
    except OSError as error:
        raise FileNotFoundError(
            f"Grounding DINO: expected a folder or a model in the local Hugging Face cache, got {model_id_or_folder!r}"
            f" (downloads {'allowed' if allow_download else 'not allowed'}): {error}"
        ) from error
    except (ValueError, KeyError, SafetensorError) as error:  # what the library's readers raise on damaged files
        raise BaseModelError(
            f"Grounding DINO {model_id_or_folder}: expected a model as transformers saves it, but: {error}"
        ) from error
    _check_weights(model_id_or_folder, len(model.state_dict()), arrived)
    return GroundingDino(model.eval(), processor, Path(model_id_or_folder).name)


def _check_weights(where: str, tensors: int, arrived: Mapping[str, Any]) -> None:
    """Checks that weights fill the whole model; logs a warning for tensors that it does not use.

    Args:
        where: folder or id.
        tensors: number of the model's tensors.
        arrived: the library's report of the loading, without differences that are no faults (tied heads, index tables
            that are computed now, layers that older releases named otherwise).
    """
    missing, unused = sorted(arrived["missing_keys"]), sorted(arrived["unexpected_keys"])
    reshaped = sorted(f"{name}: {tuple(got)} for {tuple(wanted)}" for name, got, wanted in arrived["mismatched_keys"])
    if missing or reshaped:
        raise BaseModelError(
            f"Grounding DINO {where}: expected weights for all {tensors} tensors of the model, got {len(missing)} "
            f"missing {missing[:5]}, {len(reshaped)} of another shape {reshaped[:5]} and {len(unused)} that it does "
            f"not know {unused[:5]}"
        )
    if unused:
        logger.warning("Grounding DINO %s: %d tensors that the model does not use: %s", where, len(unused), unused[:5])

"""SAM 3 as a detector of named classes that draws their masks, too."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from transformers import Sam3Model, Sam3Processor

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.detections import best_detections
from gsam_edge.teachers.errors import ClassNameError
from gsam_edge.teachers.outlining.model import model_device
from gsam_edge.teachers.pretrained import load_pretrained, require_input_size
from gsam_edge.teachers.sam3.network import Answers, Pyramid, Texts, answers, image_tokens, mask_logits, pyramid
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import clip_xyxy, cxcywh_to_xyxy
from gsam_edge.vision.letterbox import MASK_THRESHOLD
from gsam_edge.vision.masks import CroppedMasks

#: Saved models that are a `Sam3Model`, or hold one beside a tracker for videos: the published SAM 3 does.
_MODELS = {"sam3": Sam3Model, "sam3_video": Sam3Model}


@dataclass(frozen=True)
class Sam3:
    """A SAM 3 with the processor that prepares its input.

    Attributes:
        model: a `Sam3Model`, plain or with an adapter on it.
        processor: the library's `Sam3Processor` (image processor and tokenizer).
        name: the Hugging Face id or folder name it came from.
    """

    model: Any
    processor: Any
    name: str

    @property
    def encoder(self) -> nn.Module:
        """See `outlining.model.ImageEncoder`."""
        return self.model.vision_encoder.backbone

    @property
    def input_size(self) -> int:
        """Side of the square input in pixels; an image of any shape is stretched to it."""
        return int(self.model.config.image_size)

    @property
    def settings(self) -> dict[str, Any]:
        """See `outlining.model.ImageEncoder`."""
        prepares: dict[str, Any] = self.processor.image_processor.to_dict()
        return prepares

    @property
    def mask_size(self) -> int:
        """Side m of the drawn masks in cells, that of the finest level of the pyramid."""
        vision = self.model.config.vision_config
        return int(self.input_size // vision.backbone_config.patch_size * max(vision.scale_factors))

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """See `outlining.model.ImageEncoder`; prepares images as `Sam3Processor` does.

        Returns:
            `tokens` [B, N, C].
        """
        inputs = self.processor.image_processor(list(images), input_data_format="channels_last", return_tensors="pt")
        return {"tokens": image_tokens(self.model, inputs["pixel_values"].to(model_device(self)))}

    @torch.no_grad()
    def texts(self, class_names: Sequence[str]) -> Texts:
        """Runs the text encoder on class names, one text each, on the model's device.

        Raises:
            ClassNameError: if a name is longer than the text encoder reads, has nothing that it reads, or is the same
                as another one to it.
        """
        encoded = self.processor(text=list(class_names), return_tensors=None)
        limit = self.model.config.text_config.max_position_embeddings
        names: dict[tuple[int, ...], str] = {}
        for name, ids, mask in zip(class_names, encoded["input_ids"], encoded["attention_mask"], strict=True):
            # Every text has a token at its start and one at its end.
            tokens = tuple(ids[: sum(mask)])
            if len(tokens) > limit or len(tokens) <= 2:
                raise ClassNameError(
                    f"class name: expected 1 to {limit - 2} tokens of SAM 3's text encoder, got {len(tokens) - 2} for "
                    f"{name!r}; change the category's name in the annotations"
                )
            if tokens in names:
                raise ClassNameError(
                    f"class names: expected names that differ to SAM 3's text encoder, got {names[tokens]!r} and "
                    f"{name!r}; change one of the categories' names in the annotations"
                )
            names[tokens] = name
        ids, mask = (torch.tensor(encoded[key], device=model_device(self)) for key in ("input_ids", "attention_mask"))
        features = self.model.get_text_features(input_ids=ids, attention_mask=mask, return_dict=True).pooler_output
        return Texts(features, mask.bool())

    @torch.no_grad()
    def predict(
        self, tokens: Tensor, image_hw: tuple[int, int], texts: Texts, detection: DetectionConfig, *, masks: bool
    ) -> Detections:
        """Finds the objects of an image.

        Args:
            tokens: float [1, N, C], see `embed`.
            image_hw: height and width of the image.
            texts: the classes; class i of the result is the i-th text.
            detection: threshold, candidates, suppression and count; its batch size is that of the classes asked in one
                pass.
            masks: whether masks are wanted.

        Returns:
            By descending score, the query's score times the presence of its class, Detections with `class_scores`
            [N, C]: NaN for all classes but the one that was asked for.
        """
        once = pyramid(self.model, tokens)
        classes = torch.arange(len(texts.mask), device=texts.mask.device)
        asked = [
            answers(self.model, once.coarsest.repeated(len(rows)), texts.select(rows))
            for rows in torch.split(classes, detection.batch_size)
        ]
        scores = torch.cat([one.scores for one in asked]).cpu().numpy()  # [C, Q]
        class_count, queries = scores.shape
        # Each candidate gets a row of all classes, so only those that suppression will look at are made.
        best = np.argsort(-scores, axis=None, kind="stable")[: detection.candidates]
        class_scores = np.full((len(best), class_count), np.nan, np.float32)
        class_scores[np.arange(len(best)), best // queries] = scores.flat[best]
        boxes = torch.cat([one.boxes[-1] for one in asked]).flatten(0, 1).cpu().numpy()[best]
        height, width = image_hw
        size = np.array([width, height, width, height], np.float32)
        xyxy = clip_xyxy(cxcywh_to_xyxy(boxes) * size, image_hw)
        found, rows = best_detections(xyxy, class_scores, detection)
        if not masks:
            return found
        order = np.argsort(found.class_ids, kind="stable")  # each class is asked in its own pass

        def of_classes() -> Iterator[NDArray[np.bool_]]:
            for class_id in np.unique(found.class_ids).tolist():
                of_class = np.flatnonzero(found.class_ids == class_id)
                batch, place = divmod(class_id, detection.batch_size)
                wanted = torch.from_numpy(best[rows[of_class]] % queries)
                yield from self._masks(once, texts, asked[batch], (class_id, place), wanted, image_hw)

        drawn = CroppedMasks.crop(image_hw, of_classes())[np.argsort(order)]
        return Detections(found.xyxy, found.scores, found.class_ids, drawn, found.class_scores)

    def _masks(
        self,
        image: Pyramid,
        texts: Texts,
        asked: Answers,
        class_and_place: tuple[int, int],
        queries: Tensor,
        image_hw: tuple[int, int],
    ) -> Iterator[NDArray[np.bool_]]:
        """Draws the masks of some queries of one class, bool [H, W], as the library's post-processing does."""
        class_id, place = class_and_place
        text = texts.select(torch.tensor([class_id], device=texts.mask.device))
        wanted = asked.queries[place, queries.to(asked.queries.device)]
        logits = mask_logits(self.model, image, text, asked.encoded[place : place + 1], wanted[None])
        # Scaled up one by one: in float32 a mask takes four bytes for each pixel of the image.
        for one in torch.split(logits, 1, dim=1):
            full = functional.interpolate(one.sigmoid(), image_hw, mode="bilinear", align_corners=False)
            yield (full[0, 0] > MASK_THRESHOLD).cpu().numpy()

    def save(self, folder: Path) -> None:
        """Writes the model (safetensors) and its processor as a folder that `load_sam3` reads."""
        self.model.save_pretrained(folder)
        self.processor.save_pretrained(folder)


def load_sam3(id_or_folder: str, *, allow_download: bool = False) -> Sam3:
    """Loads a SAM 3 of transformers from a folder or by its Hugging Face id, such as "facebook/sam3".

    Raises:
        FileNotFoundError, BaseModelError: see `load_pretrained`.
    """
    model, processor = load_pretrained("SAM 3", id_or_folder, _MODELS, Sam3Processor, allow_download=allow_download)
    sam = Sam3(model.requires_grad_(False), processor, Path(id_or_folder).name)
    require_input_size(f"SAM 3 {id_or_folder}", processor, sam.input_size)
    return sam

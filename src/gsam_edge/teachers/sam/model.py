"""SAM prompted with boxes: loads it, embeds an image once, predicts the masks of boxes."""

from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.sam.architecture import PUBLISHED, build_sam, recognise
from gsam_edge.teachers.sam.config import SamArchitecture

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

WEIGHTS_FILE = "model.safetensors"
ARCHITECTURE_FILE = "architecture.json"

# Masks are scaled up to the whole input before they are cropped: this many at a time, to limit memory; results do not
# depend on it.
_BOXES_PER_PASS = 32


class _Description(BaseModel):
    """Content of a folder's architecture file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    architecture: SamArchitecture


class SamInput(NamedTuple):
    """One image as input of SAM.

    Attributes:
        pixels: float32 [1, 3, S, S], normalised, padded with zeros on the right and below.
        input_hw: height and width of the image on that canvas.
        image_hw: height and width of the original image.
    """

    pixels: Tensor
    input_hw: tuple[int, int]
    image_hw: tuple[int, int]


class EmbeddedImage(NamedTuple):
    """One image after the image encoder, ready for any number of prompts.

    Attributes:
        features: float [1, C, h, w].
        input_hw: height and width of the image on SAM's input.
        image_hw: height and width of the original image.
    """

    features: Tensor
    input_hw: tuple[int, int]
    image_hw: tuple[int, int]


@dataclass(frozen=True)
class SamModel:
    """A Segment Anything Model that is prompted with boxes.

    Of its four masks the one for unambiguous prompts (`multimask_output=False`) is always used: a box is rarely
    ambiguous, and tuning trains this mask.

    Attributes:
        model: segment_anything's `Sam`.
        architecture: its sizes.
        name: its name in reports.
    """

    model: "Sam"
    architecture: SamArchitecture
    name: str

    def prepare(self, image: NDArray[np.uint8]) -> SamInput:
        """Resizes, normalises and pads an RGB image uint8 [H, W, 3] as segment_anything's `SamPredictor` does."""
        from segment_anything.utils.transforms import ResizeLongestSide

        resized = ResizeLongestSide(self.architecture.image_size).apply_image(image)
        tensor = torch.as_tensor(resized, device=self.model.device).permute(2, 0, 1)[None].contiguous()
        return SamInput(self.model.preprocess(tensor), resized.shape[:2], image.shape[:2])

    def input_hw(self, image_hw: tuple[int, int]) -> tuple[int, int]:
        """Returns the height and width that an image of (height, width) has on SAM's input."""
        from segment_anything.utils.transforms import ResizeLongestSide

        return ResizeLongestSide.get_preprocess_shape(*image_hw, self.architecture.image_size)

    def boxes_to_input(self, xyxy: NDArray[np.float32], image_hw: tuple[int, int]) -> Tensor:
        """Converts corners [N, 4] from pixels of the image to pixels of SAM's input, float32 on the model's device."""
        from segment_anything.utils.transforms import ResizeLongestSide

        scaled = ResizeLongestSide(self.architecture.image_size).apply_boxes(xyxy, image_hw)
        return torch.as_tensor(scaled, dtype=torch.float32, device=self.model.device)

    @torch.no_grad()
    def embed(self, image: NDArray[np.uint8]) -> EmbeddedImage:
        """Runs the image encoder on an RGB image uint8 [H, W, 3]."""
        prepared = self.prepare(image)
        return EmbeddedImage(self.model.image_encoder(prepared.pixels), prepared.input_hw, prepared.image_hw)

    def predict(
        self, image: NDArray[np.uint8], xyxy: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Predicts the mask of the object in each box.

        Args:
            image: uint8 [H, W, 3], RGB.
            xyxy: float32 [N, 4], corners in pixels of the image.

        Returns:
            Masks bool [N, H, W] and the IoU that SAM predicts for each, float32 [N] (about 0..1, not clipped).
        """
        if not len(xyxy):
            return np.zeros((0, *image.shape[:2]), bool), np.zeros(0, np.float32)
        return self.predict_embedded(self.embed(image), xyxy)

    @torch.no_grad()
    def predict_embedded(
        self, image: EmbeddedImage, xyxy: NDArray[np.float32]
    ) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
        """Predicts like `predict`, for an image that is embedded already and at least one box."""
        boxes = self.boxes_to_input(xyxy, image.image_hw)
        masks = np.empty((len(boxes), *image.image_hw), bool)
        ious = np.empty(len(boxes), np.float32)
        for first in range(0, len(boxes), _BOXES_PER_PASS):
            rows = slice(first, first + _BOXES_PER_PASS)
            logits, iou = decode_boxes(self.model, image.features, boxes[rows])
            full = self.model.postprocess_masks(logits[:, None], image.input_hw, image.image_hw)[:, 0]
            masks[rows] = (full > self.model.mask_threshold).cpu().numpy()
            ious[rows] = iou.float().cpu().numpy()
        return masks, ious

    def save(self, folder: Path) -> None:
        """Writes `model.safetensors` and `architecture.json` into a folder, for a model without adapters."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in self.model.state_dict().items()}
        save_file(state, folder / WEIGHTS_FILE)
        description = _Description(name=self.name, architecture=self.architecture)
        (folder / ARCHITECTURE_FILE).write_text(description.model_dump_json(indent=2) + "\n", "utf-8")


def decode_boxes(sam: "Sam", features: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Predicts masks of boxes on embedded images; differentiable, unlike `Sam.forward`, and for several images at once.

    Args:
        sam: the model whose prompt encoder and mask decoder are used.
        features: float [N, C, h, w], the embedded image of each box, or [1, C, h, w] of the one image of all boxes.
        boxes: float32 [N, 4], corners in pixels of SAM's input, N at least 1.

    Returns:
        Mask logits float [N, 4h, 4w] over the whole padded input and predicted IoU float [N].
    """
    sparse, dense = sam.prompt_encoder(points=None, boxes=boxes, masks=None)
    # The decoder repeats one image for all prompts and adds the dense prompts. So the repeated image is zero here, and
    # each prompt's own image is added to its dense prompt.
    logits, iou = sam.mask_decoder(
        image_embeddings=torch.zeros_like(features[:1]),
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=features + dense,
        multimask_output=False,
    )
    return logits[:, 0], iou[:, 0]


def load_sam(path: Path | str) -> SamModel:
    """Loads a SAM from a published `.pth` file or a folder that `SamModel.save` wrote, for evaluation on the CPU.

    Raises:
        FileNotFoundError: if there is neither.
        BaseModelError: if the file is not a plain state dict, or does not fit a known SAM.
    """
    path = Path(path)
    if path.is_dir():
        return _load_folder(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"SAM {path}: expected a .pth file or a folder with {WEIGHTS_FILE}, found nothing there"
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise BaseModelError(f"SAM {path}: expected a PyTorch file of plain tensors: {error}") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise BaseModelError(f"SAM {path}: expected a state dict of tensors, got {type(state).__name__}")
    try:
        name = recognise(state)
    except BaseModelError as error:
        raise BaseModelError(f"SAM {path}: {error}") from error
    return _with_weights(PUBLISHED[name], state, f"sam_{name}", path)


def _load_folder(folder: Path) -> SamModel:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    missing = [name for name in (WEIGHTS_FILE, ARCHITECTURE_FILE) if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"SAM {folder}: expected {WEIGHTS_FILE} and {ARCHITECTURE_FILE}, missing {missing}")
    try:
        description = _Description.model_validate_json((folder / ARCHITECTURE_FILE).read_bytes())
        state = load_file(folder / WEIGHTS_FILE)
    except (ValidationError, SafetensorError) as error:
        raise BaseModelError(f"SAM {folder}: {error}") from error
    return _with_weights(description.architecture, state, description.name, folder)


def _with_weights(architecture: SamArchitecture, state: dict[str, Tensor], name: str, path: Path) -> SamModel:
    model = build_sam(architecture)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise BaseModelError(f"SAM {path}: {error}") from error
    return SamModel(model.requires_grad_(False), architecture, name)

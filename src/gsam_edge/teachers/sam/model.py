"""SAM prompted with boxes: loads it, embeds images, predicts the masks of boxes."""

import struct
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor, nn

from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.outlining.model import Features
from gsam_edge.teachers.sam.architecture import PUBLISHED, build_sam, recognise
from gsam_edge.teachers.sam.config import SamArchitecture

if TYPE_CHECKING:
    from segment_anything.modeling import Sam

#: What PyTorch's readers raise on damaged files, found by mutating sound ones.
_UNREADABLE = (
    UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
    *(RuntimeError, EOFError, OSError, ValueError, TypeError, LookupError, AttributeError, AssertionError),
    *(OverflowError, MemoryError, ImportError, NotImplementedError),
)

WEIGHTS_FILE = "model.safetensors"
ARCHITECTURE_FILE = "architecture.json"


class _Description(BaseModel):
    """Content of a folder's architecture file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    architecture: SamArchitecture


@dataclass(frozen=True)
class SamModel:
    """A Segment Anything Model that is prompted with boxes (`outlining.model.PromptableModel`).

    Attributes:
        model: segment_anything's `Sam`.
        architecture: its sizes.
        name: its name in reports.
    """

    model: "Sam"
    architecture: SamArchitecture
    name: str

    @property
    def encoder(self) -> nn.Module:
        """See `PromptableModel.encoder`."""
        return self.model.image_encoder

    @property
    def input_size(self) -> int:
        """See `PromptableModel.input_size`."""
        return self.architecture.image_size

    @property
    def settings(self) -> dict[str, Any]:
        """See `PromptableModel.settings`; every SAM prepares images alike, but for its input's size."""
        return self.architecture.model_dump(mode="json")

    @property
    def mask_size(self) -> int:
        """See `PromptableModel.mask_size`."""
        return self.architecture.mask_size

    def input_hw(self, image_hw: tuple[int, int]) -> tuple[int, int]:
        """See `PromptableModel.input_hw`; the longest side is resized to the input's."""
        from segment_anything.utils.transforms import ResizeLongestSide

        return ResizeLongestSide.get_preprocess_shape(*image_hw, self.input_size)

    def embed(self, images: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """See `PromptableModel.embed`; resizes, normalises and pads as segment_anything's `SamPredictor` does."""
        from segment_anything.utils.transforms import ResizeLongestSide

        resize, prepared = ResizeLongestSide(self.input_size), []
        for image in images:
            pixels = torch.as_tensor(resize.apply_image(image), device=self.model.device)
            prepared.append(self.model.preprocess(pixels.permute(2, 0, 1)[None].contiguous()))
        return {"image": self.model.image_encoder(torch.cat(prepared))}

    def decode(self, features: Features, boxes: Tensor, *, multimask: bool) -> tuple[Tensor, Tensor]:
        """See `PromptableModel.decode`; unlike `Sam.forward` it can be differentiated."""
        sparse, dense = self.model.prompt_encoder(points=None, boxes=boxes, masks=None)
        # The decoder repeats one image for all prompts and adds the dense prompts. So the repeated image is zero here,
        # and each prompt's own image is added to its dense prompt.
        return self.model.mask_decoder(
            image_embeddings=torch.zeros_like(features["image"][:1]),
            image_pe=self.model.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=features["image"] + dense,
            multimask_output=multimask,
        )

    def full_masks(self, logits: Tensor, image_hw: tuple[int, int]) -> Tensor:
        """See `PromptableModel.full_masks`."""
        full = self.model.postprocess_masks(logits[:, None], self.input_hw(image_hw), image_hw)
        return full[:, 0] > self.model.mask_threshold

    def save(self, folder: Path) -> None:
        """Writes `model.safetensors` and `architecture.json` into a folder, for a model without adapters."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {name: tensor.detach().cpu().contiguous() for name, tensor in self.model.state_dict().items()}
        save_file(state, folder / WEIGHTS_FILE)
        description = _Description(name=self.name, architecture=self.architecture)
        (folder / ARCHITECTURE_FILE).write_text(description.model_dump_json(indent=2) + "\n", "utf-8")


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
    state = _read(path)
    try:
        name = recognise(state)
    except BaseModelError as error:
        raise BaseModelError(f"SAM {path}: {error!s:.1000}") from error
    return _with_weights(PUBLISHED[name], state, f"sam_{name}", path)


def _read(path: Path) -> dict[str, Tensor]:
    """Returns the state dict of a `.pth` file.

    It never takes more memory than the file has bytes, and a SAM's files, of the present form and of before PyTorch
    1.6, are both read.

    Raises:
        BaseModelError: if the file is anything else.
    """
    try:
        _require_unpacked(path)
        with path.open("rb") as stream:
            state = torch.load(stream, map_location="cpu", weights_only=True)
        _require_tensors(state, path.stat().st_size)
    except _UNREADABLE as error:
        raise BaseModelError(
            f"SAM {path}: expected a PyTorch file of plain tensors by name, as SAM's makers publish it, got another: "
            f"{error!r:.300}"
        ) from error
    return dict(state)


def _require_unpacked(path: Path) -> None:
    """Raises ValueError at an archive that is larger than its file: a few bytes could fill the memory."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > path.stat().st_size:
        raise ValueError(f"expected entries that are not compressed, got {unpacked} bytes in them")


def _require_tensors(state: object, size: int) -> None:
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise ValueError(f"expected tensors by name, got {type(state).__name__}")
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor) or tensor.is_meta or tensor.layout != torch.strided:
            raise ValueError(f"{name}: expected a tensor whose values are in the file, got {type(tensor).__name__}")
        size -= tensor.numel() * tensor.element_size()
        if size < 0:
            raise ValueError(f"{name}: expected tensors as large as the file at most, got {list(tensor.shape)}")
        if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name}: expected finite floating-point numbers, got {tensor.dtype}")


def _load_folder(folder: Path) -> SamModel:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    missing = [name for name in (WEIGHTS_FILE, ARCHITECTURE_FILE) if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"SAM {folder}: expected {WEIGHTS_FILE} and {ARCHITECTURE_FILE}, missing {missing}")
    try:
        description = _Description.model_validate_json((folder / ARCHITECTURE_FILE).read_bytes())
        state = load_file(folder / WEIGHTS_FILE)
    except (ValidationError, SafetensorError, KeyError) as error:  # KeyError: of a type of number that PyTorch lacks
        raise BaseModelError(f"SAM {folder}: {error!s:.1000}") from error
    return _with_weights(description.architecture, state, description.name, folder)


def _with_weights(architecture: SamArchitecture, state: dict[str, Tensor], name: str, path: Path) -> SamModel:
    model = build_sam(architecture)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise BaseModelError(f"SAM {path}: {error!s:.1000}") from error  # it lists every tensor
    return SamModel(model.requires_grad_(False), architecture, name)

"""Loads models of transformers from a folder or by their Hugging Face id; their weights must fill them exactly."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoConfig, PreTrainedModel, ProcessorMixin
from transformers.utils.logging import disable_progress_bar

from gsam_edge.teachers.errors import BaseModelError

logger = logging.getLogger(__name__)

Model = TypeVar("Model", bound=PreTrainedModel)

#: What the library's readers raise on damaged files, or on a configuration that no model can be built from.
_DAMAGED = (ValueError, TypeError, LookupError, AttributeError, RuntimeError, SafetensorError, StrictDataclassError)


def load_pretrained(
    title: str,
    id_or_folder: str,
    models: Mapping[str, type[Model]],
    processor: type[ProcessorMixin],
    *,
    allow_download: bool,
) -> tuple[Model, Any]:
    """Loads a model with the processor that prepares its input.

    Args:
        title: the family's name, for messages.
        id_or_folder: a folder that `save_pretrained` wrote, or an id of the Hugging Face Hub.
        models: the classes that can be loaded, by the `model_type` of the saved configuration.
        processor: the processor's class, or `AutoProcessor`.
        allow_download: whether an id that is not in the local cache may be fetched from the Hub.

    Returns:
        The model in evaluation mode on the CPU, in float32 whatever precision it was saved in, and its processor.

    Raises:
        FileNotFoundError: if there is no such folder and no such model in the local cache.
        BaseModelError: if it holds a model of another architecture, weights that do not fill the model exactly, or
            damaged files.
    """
    options = {"local_files_only": not allow_download}
    if not allow_download:
        disable_progress_bar()  # of tensors, in a moment; a download keeps its own
    try:
        architecture = AutoConfig.from_pretrained(id_or_folder, **options).model_type
        if architecture not in models:
            raise BaseModelError(f"{id_or_folder}: expected a model of {sorted(models)}, got one of {architecture!r}")
        # Mismatched shapes pass here, so that `_check_weights` reports them together with other faults.
        model, arrived = models[architecture].from_pretrained(
            id_or_folder,
            dtype=torch.float32,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **options,
        )
        prepares = processor.from_pretrained(id_or_folder, **options)
    except OSError as error:
        if _is_damaged(Path(id_or_folder, "config.json")):  # transformers tells of it as of a missing model
            raise BaseModelError(f"{title} {id_or_folder}: expected a whole model, but: {error}") from error
        raise FileNotFoundError(
            f"{title}: expected a folder or a model in the local Hugging Face cache, got {id_or_folder!r}"
            f" (downloads {'allowed' if allow_download else 'not allowed'}): {error}"
        ) from error
    except _DAMAGED as error:
        raise BaseModelError(
            f"{title} {id_or_folder}: expected a model as transformers saves it, but: {error}"
        ) from error
    _check_weights(f"{title} {id_or_folder}", len(model.state_dict()), arrived)
    return model.eval(), prepares


def _is_damaged(file: Path) -> bool:
    """Returns whether a file is there and no JSON."""
    try:
        json.loads(file.read_bytes())
    except OSError:
        return False
    except (ValueError, RecursionError):
        return True
    return False


def require_input_size(what: str, processor: Any, side: int) -> None:
    """Checks that a processor makes images of the one size that its model takes: squares of `side` pixels.

    Raises:
        BaseModelError: if it makes others, as one that was saved with another model.
    """
    size = processor.image_processor.size
    if (size["height"], size["width"]) != (side, side):
        raise BaseModelError(
            f"{what}: expected a processor that makes images of {side} x {side} px, as the model takes them, got "
            f"{size['width']} x {size['height']} px; save model and processor of the same checkpoint"
        )


def _check_weights(what: str, tensors: int, arrived: Mapping[str, Any]) -> None:
    """Checks that weights fill the whole model; logs a warning for tensors that it does not use.

    Args:
        what: title and folder or id.
        tensors: number of the model's tensors.
        arrived: the library's report of the loading, without differences that are no faults (tied heads, index tables
            that are computed now, layers that older releases named otherwise, parts of a video model).
    """
    missing, unused = sorted(arrived["missing_keys"]), sorted(arrived["unexpected_keys"])
    reshaped = sorted(f"{name}: {tuple(got)} for {tuple(wanted)}" for name, got, wanted in arrived["mismatched_keys"])
    if missing or reshaped:
        raise BaseModelError(
            f"{what}: expected weights for all {tensors} tensors of the model, got {len(missing)} "
            f"missing {missing[:5]}, {len(reshaped)} of another shape {reshaped[:5]} and {len(unused)} that it does "
            f"not know {unused[:5]}"
        )
    if unused:
        logger.warning("%s: %d tensors that the model does not use: %s", what, len(unused), unused[:5])

"""What to lower where a training does not fit into memory."""

from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import torch

from gsam_edge.training.config import LoopConfig
from gsam_edge.training.errors import TrainingError

_GIB = 2**30
#: How libraries tell that memory is short where they raise a plain RuntimeError: PyTorch's CPU allocator, CUDA.
_TOLD_AS = ("can't allocate memory", "not enough memory", "out of memory")


@contextmanager
def fits_into_memory(advice: str, device: torch.device) -> Iterator[None]:
    """Raises TrainingError with the numbers and an advice where memory runs out.

    Args:
        advice: what to lower.
        device: where the work is done.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _is_about_memory(error):
            raise
        raise TrainingError(f"out of memory on {device}; {_state(device)}. {advice}. It said: {error}") from error


def _is_about_memory(error: Exception) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(part in str(error) for part in _TOLD_AS)


def _state(device: torch.device) -> str:
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        allocated = torch.cuda.memory_allocated(device)
    else:
        memory = psutil.virtual_memory()
        free, total, allocated = memory.available, memory.total, psutil.Process().memory_info().rss
    return (
        f"this process has {allocated / _GIB:.1f} GiB allocated, {free / _GIB:.1f} of {total / _GIB:.1f} GiB are free"
    )


def what_to_lower(batch_size: int, config: LoopConfig) -> str:
    """Returns the parameters to change so that a step needs less memory.

    Args:
        batch_size: images of a batch.
        config: accumulation and precision of the run.
    """
    settings = ["train on smaller images"]
    if batch_size > 1:
        half = batch_size // 2
        accumulate = -(-batch_size * config.accumulate // half)
        settings.insert(
            0,
            f"lower batch_size to {half} and raise loop.accumulate from {config.accumulate} to {accumulate}, which "
            "keeps the images of a step",
        )
    if config.precision == "no":
        settings.append("set loop.precision to bf16, which halves what is kept for the gradients")
    plural = "s" if batch_size > 1 else ""
    return f"A batch has {batch_size} image{plural}: to mend it, " + ", or ".join(settings)

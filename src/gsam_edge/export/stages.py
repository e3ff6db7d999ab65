"""The parity certificate: compares an artefact with its PyTorch student stage by stage, and names where they part."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from torch import Tensor, nn

#: The stages that end in the outputs themselves.
_OUTPUT_STAGES: Mapping[str, tuple[str, ...]] = {"suppression": ("boxes", "scores", "class_ids"), "masks": ("masks",)}


@runtime_checkable
class Staged(Protocol):
    """A student's module that says where its stages end."""

    def stages(self) -> "Mapping[str, Sequence[nn.Module]]":
        """Returns the submodules whose outputs a stage ends in, by the stage's name, in the order of computation."""
        ...


class StagesConfig(BaseModel):
    """When a stage of two artefacts of one student counts as the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tolerance: float = Field(
        ge=0, le=1, description="largest difference of a value, as a share of the stage's largest absolute value"
    )
    agreement: float = Field(gt=0, le=1, description="least share of a stage's values that must be within the tolerance")


@dataclass(frozen=True)
class Stage:
    """How far an artefact agrees with PyTorch at the end of a stage, over all images.

    Attributes:
        name: the stage.
        values: number of values compared.
        agreement: share of them within the tolerance.
        difference: largest difference, as a share of the stage's largest absolute value in PyTorch.
    """

    name: str
    values: int
    agreement: float
    difference: float


@dataclass(frozen=True)
class Certificate:
    """The stages in the order of computation, and the first that diverges; None where none does."""

    stages: tuple[Stage, ...]
    first_divergence: str | None

    def to_dict(self) -> dict[str, Any]:
        """Returns the attributes for JSON."""
        return asdict(self)


@contextmanager
def watched(module: "nn.Module") -> "Iterator[dict[str, Tensor]]":
    """Yields a mapping that fills with the stages' tensors when the module is called: "stem.0", "neck.0", "neck.1"...

    It stays empty for a module that is not `Staged`. The tensors are those of the last call.
    """
    seen: dict[str, Tensor] = {}

    def keep(stage: str, start: int) -> Callable[..., None]:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            for place, tensor in enumerate(output if isinstance(output, tuple) else (output,), start):
                seen[f"{stage}.{place}"] = tensor

        return hook

    stages = module.stages() if isinstance(module, Staged) else {}
    handles = [
        part.register_forward_hook(keep(stage, place))
        for stage, parts in stages.items()
        for place, part in enumerate(parts)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def certify(
    pairs: "Sequence[tuple[Mapping[str, NDArray[Any]], Mapping[str, NDArray[Any]]]]", config: StagesConfig
) -> Certificate:
    """Compares tensors of PyTorch and of an artefact, stage by stage.

    Args:
        pairs: for each canvas PyTorch's tensors and the artefact's, by the names of `watched` and of the outputs, in the
            order of computation. What the artefact no longer has, because its compiler merged it, is left out.
        config: tolerances.

    Raises:
        ValueError: if there is no pair, or two tensors of one name have different shapes.
    """
    if not pairs:
        raise ValueError("certify: expected at least one canvas, got none")
    by_stage: dict[str, list[str]] = {}
    for name in pairs[0][0]:
        by_stage.setdefault(_stage_of(name), []).append(name)
    stages = tuple(
        stage
        for name, tensors in by_stage.items()
        if (stage := _compared(name, [key for key in tensors if key in pairs[0][1]], pairs, config.tolerance))
    )
    diverging = (stage.name for stage in stages if stage.agreement < config.agreement)
    return Certificate(stages, next(diverging, None))


def _stage_of(tensor: str) -> str:
    for stage, outputs in _OUTPUT_STAGES.items():
        if tensor in outputs:
            return stage
    return tensor.rpartition(".")[0]


def _compared(
    stage: str,
    tensors: Sequence[str],
    pairs: "Sequence[tuple[Mapping[str, NDArray[Any]], Mapping[str, NDArray[Any]]]]",
    tolerance: float,
) -> Stage | None:
    """Returns the stage's figures; None where the artefact has none of its tensors."""
    values = within = 0
    worst = 0.0
    for tensor in tensors:
        for reference, other in pairs:
            expected, got = reference[tensor].astype(np.float64), other[tensor].astype(np.float64)
            if expected.shape != got.shape:
                raise ValueError(f"stage {stage}: {tensor}: expected shape {expected.shape}, got {got.shape}")
            largest = max(float(np.abs(expected).max(initial=0)), np.finfo(np.float32).tiny)
            difference = np.nan_to_num(np.abs(expected - got) / largest, nan=np.inf)
            values += difference.size
            within += int((difference <= tolerance).sum())
            worst = max(worst, float(difference.max(initial=0)))
    return Stage(stage, values, within / values, worst) if values else None

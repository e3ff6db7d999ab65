"""The parity certificate: compares an artefact with its PyTorch student stage by stage, and names where they part."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gsam_edge.export.calibration import Canvases
from gsam_edge.export.format import Format, StudentModule
from gsam_edge.export.formats.onnx import with_outputs
from gsam_edge.export.parity import ParityConfig, finite, run_artefact
from gsam_edge.runtime.engines.engine import Engine
from gsam_edge.runtime.engines.table import ENGINES
from gsam_edge.runtime.tasks.table import output_names

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Tensors of one canvas by name.
Tensors: TypeAlias = Mapping[str, NDArray[Any]]
#: The stages that end in the outputs themselves.
_OUTPUT_STAGES: Mapping[str, tuple[str, ...]] = {"suppression": ("boxes", "scores", "class_ids"), "masks": ("masks",)}


@runtime_checkable
class Staged(Protocol):
    """A student's module that says where its stages end."""

    def stages(self) -> "Mapping[str, Sequence[nn.Module]]":
        """Returns the submodules whose outputs a stage ends in, by the stage's name, in the order of computation."""
        ...


@dataclass(frozen=True)
class Stage:
    """How far an artefact agrees with PyTorch at the end of a stage, over all images.

    Attributes:
        name: the stage.
        values: number of values compared, those that are not 0 in both.
        agreement: share of them within the tolerance.
        difference: largest difference, as a share of its tensor's largest absolute value in PyTorch; infinite
            where a value is NaN or infinite.
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
        """Returns the attributes for JSON, which has no infinite difference: it is None there."""
        stages = [asdict(stage) | {"difference": finite(stage.difference)} for stage in self.stages]
        return asdict(self) | {"stages": stages}


@contextmanager
def watched(module: "nn.Module") -> "Iterator[dict[str, Tensor]]":
    """Yields a mapping that fills with the stages' tensors in one call of the module: "stem.0", "neck.0", "neck.1"...

    It stays empty for a module that is not `Staged`.
    """
    seen: dict[str, Tensor] = {}

    def keep(stage: str) -> Callable[..., None]:
        places = count()

        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            for tensor in output if isinstance(output, tuple) else (output,):
                seen[f"{stage}.{next(places)}"] = tensor

        return hook

    handles = []
    for stage, parts in (module.stages() if isinstance(module, Staged) else {}).items():
        hook = keep(stage)
        handles += [part.register_forward_hook(hook) for part in parts]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def certify(
    student: StudentModule, made_as: Format[Any, Any], content: bytes, canvases: Canvases, config: ParityConfig
) -> Certificate:
    """Runs PyTorch and an artefact on canvases and compares what every stage ends in.

    Of an ONNX file the stages within the graph are compared, of others those that end in outputs. What the artefact no
    longer has, because a compiler merged it, is left out.

    Args:
        student: the reference.
        made_as: the artefact's format.
        content: the artefact.
        canvases: float32 [1, 3, S, S] each.
        config: `stage_tolerance` of the format's precision, and the `agreement` that every stage must reach.

    Raises:
        ArtefactError: if the artefact's engine cannot open it.
        RunFailedError: if it cannot run it.
        ValueError: if there is no canvas, or two tensors of one name have different shapes.
    """
    tolerance = config.for_precision(made_as.precision).stage_tolerance
    with closing(_running(student, made_as, content, canvases)) as pairs:
        return compare_stages(pairs, tolerance=tolerance, agreement=config.agreement)


def _running(
    student: StudentModule, made_as: Format[Any, Any], content: bytes, canvases: Canvases
) -> Generator[tuple[Tensors, Tensors], None, None]:
    """Yields the tensors of PyTorch and of the artefact, canvas by canvas: together they would fill the memory."""
    import torch

    module = student.module.eval()
    device = next(module.parameters()).device
    engine: Engine | None = None
    try:
        for index in range(len(canvases)):
            batch = canvases[index]
            with torch.no_grad(), watched(module) as seen:
                answers = module(torch.from_numpy(batch).to(device))
            named = seen | dict(zip(output_names(student.card, len(answers)), answers, strict=True))
            if engine is None:
                opened = with_outputs(content, tuple(seen)) if made_as.suffix.endswith(".onnx") else content
                engine = ENGINES[made_as.engine].open(opened, threads=0, providers=())
            yield {name: tensor.cpu().numpy() for name, tensor in named.items()}, run_artefact(engine, batch)
    finally:
        if engine is not None:
            engine.close()


def compare_stages(pairs: Iterable[tuple[Tensors, Tensors]], *, tolerance: float, agreement: float) -> Certificate:
    """Compares tensors of PyTorch and of an artefact; see `certify`.

    Args:
        pairs: for each canvas PyTorch's tensors in the order of computation and the artefact's, by the names that
            `watched` and the outputs have.
        tolerance: largest difference of a value, as a share of its tensor's largest absolute value.
        agreement: least share of a stage's values within the tolerance.

    Raises:
        ValueError: if there is no pair, or two tensors of one name have different shapes.
    """
    found: dict[str, list[tuple[int, int, float]]] = {}  # by stage: of every tensor values, those within, the largest
    images = 0
    for reference, other in pairs:
        images += 1
        for name in reference:
            if name in other:
                found.setdefault(_stage_of(name), []).append(_compared(name, reference[name], other[name], tolerance))
    if not images:
        raise ValueError("compare_stages: expected at least one canvas, got none")
    stages = []
    for stage, figures in found.items():
        if values := sum(number for number, _, _ in figures):
            agreeing = sum(within for _, within, _ in figures)
            stages.append(Stage(stage, values, agreeing / values, max(difference for *_, difference in figures)))
    diverging = (stage.name for stage in stages if stage.agreement < agreement)
    return Certificate(tuple(stages), next(diverging, None))


def _stage_of(tensor: str) -> str:
    for stage, outputs in _OUTPUT_STAGES.items():
        if tensor in outputs:
            return stage
    return tensor.rpartition(".")[0]


def _compared(name: str, reference: NDArray[Any], other: NDArray[Any], tolerance: float) -> tuple[int, int, float]:
    """Returns a tensor's number of values, of those within the tolerance, and the largest difference.

    Values that are 0 in both, such as padding, say nothing and do not count.
    """
    expected, got = reference.astype(np.float64), other.astype(np.float64)
    if expected.shape != got.shape:
        raise ValueError(f"{name}: expected shape {expected.shape}, got {got.shape}")
    largest = max(float(np.abs(expected).max(initial=0)), float(np.finfo(np.float32).tiny))
    counted = (expected != 0) | (got != 0)
    difference = np.nan_to_num(np.abs(expected - got)[counted] / largest, nan=np.inf, posinf=np.inf)
    return difference.size, int((difference <= tolerance).sum()), float(difference.max(initial=0))

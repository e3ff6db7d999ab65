"""The table of engines, and the function that opens an artefact in the right one."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from gsam_edge.runtime.card import ArtefactError
from gsam_edge.runtime.engines.engine import Engine
from gsam_edge.runtime.engines.executorch import ExecuTorchEngine
from gsam_edge.runtime.engines.files import artefact_file, why_not_built
from gsam_edge.runtime.engines.litert import LiteRtEngine
from gsam_edge.runtime.engines.ncnn import NcnnEngine
from gsam_edge.runtime.engines.onnxruntime import OnnxRuntimeEngine
from gsam_edge.runtime.engines.openvino import OpenVinoEngine
from gsam_edge.runtime.engines.tensorrt import TensorRtEngine
from gsam_edge.runtime.tasks.table import interface_fault

#: Names as `export.format.Format.engine` and the reports spell them.
ENGINES: Mapping[str, type[Engine]] = {
    "ai-edge-litert": LiteRtEngine,
    "executorch": ExecuTorchEngine,
    "ncnn": NcnnEngine,
    "onnxruntime": OnnxRuntimeEngine,
    "openvino": OpenVinoEngine,
    "tensorrt": TensorRtEngine,
}


def open_engine(
    source: bytes | str | Path, suffix: str | None = None, *, threads: int, providers: Sequence[str] = ()
) -> Engine:
    """Opens an exported student in the backend that runs its kind of file.

    Args:
        source: a file, a folder of versions as Kedro writes it, of which the newest is taken, or a file's content.
        suffix: how the file's name ends, such as ".onnx"; not needed with a path.
        threads: CPU threads within one operator; 0 lets the backend choose.
        providers: where to compute, by the backend's own names, the first that can; none is the backend's default.

    Raises:
        ArtefactError: if no backend opens such a file, the backend cannot load it, it is no prompt-free student, or it
            only says why there is none.
        ValueError: if content is given without a suffix.
        FileNotFoundError: if there is no such file.
    """
    if isinstance(source, bytes):
        if suffix is None:
            raise ValueError('open_engine: expected a suffix such as ".onnx" beside the content, got none')
        name, content = suffix, source
    else:
        path = artefact_file(Path(source))
        name, content = str(path), path.read_bytes()
    if (why := why_not_built(content)) is not None:
        raise ArtefactError(f"{name}: expected an exported student, but it was not built: {why}")
    fitting = [engine for engine in ENGINES.values() if name.endswith(engine.suffixes)]
    if not fitting:
        known = sorted(ending for engine in ENGINES.values() for ending in engine.suffixes)
        raise ArtefactError(f"expected an artefact whose name ends with one of {known}, got {name!r}")
    engine = fitting[0].open(content, threads=threads, providers=providers)
    try:
        fault = interface_fault(engine.card, engine.inputs, engine.outputs)
        if fault:
            raise ArtefactError(f"artefact: {fault}")
    except ArtefactError:
        engine.close()
        raise
    return engine

"""The ONNX file with its masks in Ultralytics' layout, too."""

from pydantic import BaseModel, ConfigDict

from gsam_edge.export.end_to_end import SEGMENT
from gsam_edge.export.format import BuildData, NotBuilt, Precision
from gsam_edge.export.formats.onnx import finished, graph_inputs, parsed, read_card
from gsam_edge.runtime.card import Card
from gsam_edge.runtime.tasks.detect import MASKS_NAME
from gsam_edge.runtime.tasks.table import PROTOTYPES_NAME, ROWS_NAME
from gsam_edge.runtime.tensors import InputTensor
from gsam_edge.vision.letterbox import MASK_THRESHOLD


class UltralyticsConfig(BaseModel):
    """There is nothing to set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class OnnxUltralytics:
    """The student for Ultralytics' `YOLO()`, with masks; see `Format`.

    It also holds the outputs of the file it is made from, so our engine measures the same file that others run.
    """

    name = "onnx_ultralytics"
    suffix = "_ultralytics.onnx"
    source = "onnx"
    engine = "onnxruntime"
    precision: Precision = "single"
    must_be_faster = False
    oldest_runtime: str | None = None
    config = UltralyticsConfig
    install = "pip install onnx"

    def build(self, source: bytes, data: BuildData, config: UltralyticsConfig) -> bytes | NotBuilt:
        """See `with_prototypes`; a student without masks needs no such file."""
        content = with_prototypes(source)
        return NotBuilt("the student has no masks, so YOLO() reads all of student_onnx") if content is None else content

    def read_card(self, content: bytes) -> Card:
        """See `onnx.read_card`."""
        return read_card(content)

    def inputs(self, content: bytes) -> tuple[InputTensor, ...]:
        """See `onnx.graph_inputs`."""
        return graph_inputs(content)


def with_prototypes(content: bytes) -> bytes | None:
    """Adds a student's masks to its outputs for Ultralytics.

    Its masks are where weighted sums of prototypes are above 0: here every object is given a prototype of its own, its
    probabilities less `MASK_THRESHOLD`, and the weight 1 for it. So it enlarges what our own reading enlarges.

    Args:
        content: an ONNX file of `onnx.to_onnx`.

    Returns:
        The file's content with the outputs `output0` [any, N, 6 + N] and `output1` [any, N, h, w] before the others;
        None for a student without masks.
    """
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    model = parsed(content)
    graph = model.graph
    outputs = {value.name: value for value in graph.output}
    if MASKS_NAME not in outputs:
        return None
    _, count, height, width = (side.dim_value for side in outputs[MASKS_NAME].type.tensor_type.shape.dim)
    rows, weights, zeros = f"{ROWS_NAME}.rows", f"{ROWS_NAME}.weights", f"{ROWS_NAME}.zeros"
    for node in graph.node:
        node.output[:] = [rows if name == ROWS_NAME else name for name in node.output]
    constants = {
        f"{ROWS_NAME}.identity": np.eye(count, dtype=np.float32)[None],
        f"{ROWS_NAME}.zero": np.zeros(1, np.float32),
        f"{ROWS_NAME}.last": np.array([-1], np.int64),
        f"{PROTOTYPES_NAME}.threshold": np.array([MASK_THRESHOLD], np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    identity, zero, last, threshold = constants
    graph.node.extend(
        [
            helper.make_node("Mul", ["scores", zero], [f"{zeros}.flat"]),  # [B, N]: as many images as there are
            helper.make_node("Unsqueeze", [f"{zeros}.flat", last], [zeros]),
            helper.make_node("Add", [zeros, identity], [weights]),
            helper.make_node("Concat", [rows, weights], [ROWS_NAME], axis=-1),
            helper.make_node("Sub", [MASKS_NAME, threshold], [PROTOTYPES_NAME]),
        ]
    )
    kept = [value for name, value in outputs.items() if name != ROWS_NAME]
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(ROWS_NAME, TensorProto.FLOAT, [None, count, 6 + count]))
    graph.output.append(helper.make_tensor_value_info(PROTOTYPES_NAME, TensorProto.FLOAT, [None, count, height, width]))
    graph.output.extend(kept)
    return finished(model, read_card(content), task=SEGMENT)

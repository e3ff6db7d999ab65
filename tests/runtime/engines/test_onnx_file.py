"""What an ONNX file would do on loading is refused by its bytes alone."""

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from gsam_edge.runtime import ArtefactError
from gsam_edge.runtime.engines.onnx_file import require_plain


def model(nodes, weights=(), **extra):
    graph = helper.make_graph(
        nodes,
        "student",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3, 8, 8])],
        list(weights),
    )
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=sets, **extra)


def weight():
    return numpy_helper.from_array(np.ones((1, 3, 8, 8), np.float32), "kernel")


def beside(tensor):
    """The tensor, its values in a file."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    return tensor


ADD = helper.make_node("Add", ["images", "kernel"], ["scores"])


def test_a_file_with_its_weights_and_plain_operators_passes():
    require_plain(model([ADD], [weight()]).SerializeToString())


def test_weights_in_another_file_are_refused(tmp_path, monkeypatch):
    content = model([ADD], [beside(weight())])
    (tmp_path / "weights.bin").write_bytes(np.ones(192, np.float32).tobytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArtefactError, match=r"expected all of them inside the ONNX file, got 1 .*\['kernel'\]"):
        require_plain(content.SerializeToString())


def test_a_field_whose_number_is_longer_than_protobuf_reads_hides_nothing():
    """Protobuf reads the number's lowest 32 bits: such a field would be the graph to it, and unknown to us."""
    content = model([ADD], [beside(weight())])
    graph = content.graph.SerializeToString()
    content.ClearField("graph")
    length = onnx.ModelProto(graph=onnx.GraphProto.FromString(graph)).SerializeToString()[1 : -len(graph)]
    hidden = content.SerializeToString() + b"\xba\x80\x80\x80\x10" + length + graph
    with pytest.raises(ArtefactError, match="no protocol buffer"):
        require_plain(hidden)


def test_a_constants_value_in_another_file_is_refused():
    constant = helper.make_node("Constant", [], ["kernel"], value=weight())
    beside(constant.attribute[0].t)
    with pytest.raises(ArtefactError, match="expected all of them inside the ONNX file, got 1"):
        require_plain(model([constant, ADD]).SerializeToString())


def test_sparse_weights_in_another_file_are_refused():
    content = model([ADD])
    content.graph.sparse_initializer.add().values.CopyFrom(beside(weight()))
    with pytest.raises(ArtefactError, match="expected all of them inside the ONNX file, got 1"):
        require_plain(content.SerializeToString())


def test_a_loop_is_refused():
    body = helper.make_graph(
        [helper.make_node("Identity", ["on"], ["still"])],
        "forever",
        [helper.make_tensor_value_info(*value, []) for value in (("i", TensorProto.INT64), ("on", TensorProto.BOOL))],
        [helper.make_tensor_value_info("still", TensorProto.BOOL, [])],
    )
    loop = helper.make_node("Loop", ["", "kernel"], [], body=body)
    with pytest.raises(ArtefactError, match=r"without loops and branches.* got \['Loop'\]"):
        require_plain(model([loop, ADD], [weight()]).SerializeToString())


def test_another_vendors_operator_is_refused():
    gelu = helper.make_node("Gelu", ["images"], ["scores"], domain="com.microsoft")
    with pytest.raises(ArtefactError, match=r"expected those of ONNX itself.* got \['com.microsoft.Gelu'\]"):
        require_plain(model([gelu]).SerializeToString())


def test_a_function_of_the_file_is_refused():
    twice = helper.make_function("mine", "Twice", ["x"], ["y"], [helper.make_node("Add", ["x", "x"], ["y"])], [])
    content = model([ADD], [weight()], functions=[twice]).SerializeToString()
    with pytest.raises(ArtefactError, match=r"got \['a function of the file'\]"):
        require_plain(content)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content):
    try:
        require_plain(content)
    except ArtefactError as error:
        assert str(error)  # noqa: PT017 - no other error is right, and none is required


def test_a_cut_file_is_refused():
    content = model([ADD], [weight()]).SerializeToString()
    for length in range(1, len(content), 7):
        cut = content[:length]
        try:
            onnx.load_from_string(cut)
        except Exception:  # noqa: BLE001 - whatever the reference calls unreadable
            with pytest.raises(ArtefactError, match="expected an ONNX model that ONNX Runtime can load"):
                require_plain(cut)

import tempfile

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.export.body import convolutional_body
from gsam_edge.export.calibration import CalibrationCanvases
from gsam_edge.export.format import BuildData
from gsam_edge.export.formats.onnx_int8 import OnnxInt8, quantize_static
from gsam_edge.runtime.engines.table import open_engine
from gsam_edge.runtime.tasks.table import TASKS


def nodes_by_output(model):
    graph = onnx.load_from_string(model).graph
    return graph, {name: node for node in graph.node for name in node.output}


@pytest.mark.parametrize("method", ["minmax", "entropy", "percentile"])
def test_the_answers_stay(method, blob_onnx, canvases, int8_config, capsys):
    quantised = quantize_static(blob_onnx, canvases, int8_config.model_copy(update={"method": method}))
    exact = open_engine(blob_onnx, ".onnx", threads=1)
    rounded = open_engine(quantised, ".onnx", threads=1)
    assert rounded.card == exact.card
    for canvas in canvases:
        expected, found = exact.run(canvas), rounded.run(canvas)
        order, other = (np.lexsort(answer["boxes"][0, :2].T) for answer in (expected, found))
        np.testing.assert_array_equal(found["boxes"][0, other], expected["boxes"][0, order])
        np.testing.assert_allclose(found["scores"][0, other], expected["scores"][0, order], atol=0.05)
        np.testing.assert_array_equal(found["class_ids"][0, other], expected["class_ids"][0, order])
    assert capsys.readouterr().out == ""


def test_convolutions_become_int8_and_nothing_behind_them(edge_onnx, edge_int8):
    graph, makers = nodes_by_output(edge_int8)
    weights = {weight.name: weight.data_type for weight in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == sum(node.op_type == "Conv" for node in onnx.load_from_string(edge_onnx).graph.node)
    for node in convolutions:
        dequantised = makers[node.input[1]]
        assert dequantised.op_type == "DequantizeLinear"
        assert weights[dequantised.input[0]] == TensorProto.INT8
        scale = next(weight for weight in graph.initializer if weight.name == dequantised.input[1])
        assert numpy_helper.to_array(scale).ndim == 1  # one per channel

    decoded = {name for node in graph.node if node.op_type in {"Reshape", "Softmax", "TopK"} for name in node.output}
    for node in graph.node:  # in topological order
        if decoded.intersection(node.input):
            assert node.op_type != "QuantizeLinear"
            decoded.update(node.output)
    assert {"boxes", "scores", "class_ids", "masks"} <= decoded


def test_the_file_shrinks(edge_onnx, edge_int8):
    assert len(edge_int8) < 0.4 * len(edge_onnx)


def test_same_input_same_bytes_and_nothing_left_behind(blob_onnx, canvases, int8_config, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    once, twice = (quantize_static(blob_onnx, canvases, int8_config) for _ in range(2))
    assert once == twice
    assert list(tmp_path.iterdir()) == []


def test_no_calibration_images_is_an_error(blob_onnx, int8_config):
    with pytest.raises(ValueError, match="expected at least one calibration image, got none"):
        quantize_static(blob_onnx, [], int8_config)


def graph_of(nodes, constants=()):
    return helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 8, 8])],
        [],
        [numpy_helper.from_array(np.zeros(1, np.float32), name) for name in constants],
    )


def test_the_body_ends_at_the_last_convolutions_before_the_decoding():
    graph = graph_of(
        [
            helper.make_node("Conv", ["images", "w"], ["a"], name="conv 1"),
            helper.make_node("Sigmoid", ["a"], ["b"], name="sigmoid"),
            helper.make_node("Mul", ["a", "b"], ["c"], name="silu"),
            helper.make_node("Conv", ["c", "w"], ["box"], name="box conv"),
            helper.make_node("Conv", ["c", "w"], ["class"], name="class conv"),
            helper.make_node("Concat", ["box", "class"], ["both"], name="boxes and classes together"),
            helper.make_node("Sigmoid", ["class"], ["scores"], name="scores"),
            helper.make_node("Reshape", ["both", "shape"], ["flat"], name="reshape"),
            helper.make_node("Softmax", ["flat"], ["soft"], name="softmax"),
            helper.make_node("Conv", ["soft", "w"], ["mean"], name="mean of the distribution"),
        ],
        ("w", "shape"),
    )
    assert [node.name for node in convolutional_body(graph)] == ["conv 1", "sigmoid", "silu", "box conv", "class conv"]


def test_a_graph_without_convolutions_has_no_body():
    assert convolutional_body(graph_of([helper.make_node("Sigmoid", ["images"], ["a"], name="sigmoid")])) == []


def training_split(names, class_names, **info):
    images = tuple({"id": row, "file_name": name, "width": 20, "height": 10} for row, name in enumerate(names))
    categories = tuple({"id": row, "name": name} for row, name in enumerate(class_names))
    return Annotations(images, (), categories, info)


def test_pictures_that_may_not_have_taught_the_student_calibrate_nothing(blob_onnx, card, int8_config):
    shared_out_anew = training_split(["a.jpg"], card.class_names, split_digest="new")
    with pytest.raises(
        InvalidDatasetError, match=r"student_onnx: expected one made from the present splits.*distillation"
    ):
        OnnxInt8().build(blob_onnx, BuildData(shared_out_anew, shared_out_anew, {}, 0, 1), int8_config)


def test_calibration_pictures_are_drawn_by_seed_and_read_one_by_one(card):
    class Images(dict):
        read = ()

        def __getitem__(self, name):
            self.read += (name,)
            return super().__getitem__(name)

    def draw(count, seed):
        return CalibrationCanvases.of_training(
            card, BuildData(train, train, images, seed, 1), what="student_onnx", count=count
        )

    images = Images({f"{n}.jpg": np.full((10, 20, 3), n, np.uint8) for n in range(20)})
    train = training_split(images, card.class_names)
    drawn = draw(5, 3)
    assert drawn == draw(5, 3)
    assert drawn.file_names != draw(5, 4).file_names
    assert len(drawn) == len(set(drawn.file_names)) == 5
    assert len(draw(50, 3)) == 20
    assert images.read == ()
    np.testing.assert_array_equal(drawn[2], TASKS["detect"].prepare(images[drawn.file_names[2]], card)[0])
    assert images.read == (drawn.file_names[2],) * 2

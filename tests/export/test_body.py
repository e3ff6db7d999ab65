import numpy as np
from onnx import TensorProto, helper, numpy_helper

from gsam_edge.export.body import body_outputs, convolution_units, convolutional_body


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


def silu(source, target):
    return [
        helper.make_node("Sigmoid", [source], [f"{target}_gate"], name=f"{target} sigmoid"),
        helper.make_node("Mul", [source, f"{target}_gate"], [target], name=f"{target} mul"),
    ]


def upsampling_graph(shuffle):
    """A convolution whose answer is enlarged by moving values, and a convolution behind; then the decoding."""
    return graph_of(
        [
            helper.make_node("Conv", ["images", "w"], ["a"], name="first"),
            *silu("a", "b"),
            *shuffle,
            helper.make_node("Conv", ["large", "w"], ["last"], name="second"),
            helper.make_node("Reshape", ["last", "shape"], ["flat"], name="decoding"),
        ],
        ("w", "shape"),
    )


def test_a_pixel_shuffle_stays_in_the_body_and_the_reshape_of_the_decoding_does_not():
    as_one = [helper.make_node("DepthToSpace", ["b"], ["large"], name="shuffle", blocksize=2, mode="CRD")]
    as_three = [
        helper.make_node("Reshape", ["b", "shape"], ["six"], name="split channels"),
        helper.make_node("Transpose", ["six"], ["turned"], name="turn"),
        helper.make_node("Reshape", ["turned", "shape"], ["large"], name="merge"),
    ]
    for shuffle in (as_one, as_three):
        body = [node.name for node in convolutional_body(upsampling_graph(shuffle))]
        assert body == ["first", "b sigmoid", "b mul", *(node.name for node in shuffle), "second"]


def test_a_shape_that_is_computed_from_the_images_is_no_map():
    shuffle = [
        helper.make_node("Shape", ["images"], ["size"], name="shape"),
        helper.make_node("Gather", ["size", "shape"], ["batch"], name="batch"),
        helper.make_node("Reshape", ["b", "batch"], ["large"], name="reshape"),
    ]
    body = [node.name for node in convolutional_body(upsampling_graph(shuffle))]
    assert body == ["first", "b sigmoid", "b mul", "reshape", "second"]


def test_the_decoding_reads_the_outputs_of_the_body():
    graph = upsampling_graph([helper.make_node("DepthToSpace", ["b"], ["large"], name="shuffle", blocksize=2)])
    assert body_outputs(graph, convolutional_body(graph)) == ["last"]


def test_a_layer_is_a_convolution_with_the_activation_that_reads_it_alone():
    graph = graph_of(
        [
            helper.make_node("Conv", ["images", "w"], ["a"], name="first"),
            *silu("a", "b"),
            helper.make_node("Conv", ["b", "w"], ["c"], name="second"),
            helper.make_node("Add", ["b", "c"], ["sum"], name="shortcut"),
            helper.make_node("Mul", ["b", "c"], ["product"], name="of two layers"),
            helper.make_node("Concat", ["sum", "product"], ["both"], name="concat"),
            helper.make_node("Conv", ["both", "w"], ["last"], name="third"),
        ],
        ("w",),
    )
    assert convolution_units(convolutional_body(graph)) == {
        "first": ("first", "b sigmoid", "b mul"),
        "second": ("second",),
        "third": ("third",),
    }

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from gsam_edge.export.quantization.channels_last import shuffle_channels_last


@pytest.fixture
def shuffling(tmp_path):
    """Exports a convolution and a pixel shuffle, with what else there is to a network; shapes are inferred."""

    def export(side: int = 2, **options) -> onnx.ModelProto:
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 5 * side**2, 1, **options), nn.PixelShuffle(side), nn.Conv2d(5, 4, 3, padding=1)
        )
        path = tmp_path / "network.onnx"
        example = torch.zeros(1, 3, 6, 7)
        torch.onnx.export(
            network, (example,), path, input_names=["images"], dynamic_axes={"images": {0: "batch"}}, dynamo=False
        )
        return onnx.shape_inference.infer_shapes(onnx.load(path))

    return export


def answer(model, images):
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"images": images})[0]


@pytest.mark.parametrize(("side", "bias"), [(2, True), (2, False), (3, True)])
def test_the_answer_stays_and_the_shuffle_moves_whole_pixels(shuffling, side, bias):
    model = shuffling(side, bias=bias)
    images = np.random.default_rng(0).random((2, 3, 6, 7), np.float32)
    expected = answer(model, images)
    shuffle_channels_last(model.graph)
    onnx.checker.check_model(model, full_check=True)
    kinds = [node.op_type for node in model.graph.node]
    assert kinds == ["Conv", "Transpose", "Reshape", "Transpose", "Reshape", "Transpose", "Conv"]
    np.testing.assert_allclose(answer(model, images), expected, atol=1e-6)


def test_a_convolution_that_others_read_keeps_its_order(shuffling):
    model = shuffling()
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(model.graph.node[0].output[0]))
    before = model.SerializeToString(deterministic=True)
    shuffle_channels_last(model.graph)
    assert model.SerializeToString(deterministic=True) == before

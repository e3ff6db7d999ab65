"""Two students: one with weights set by hand, whose answers can be told by looking; and the real one."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from gsam_edge.export.format import StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.export.quantization.static import QuantizationConfig, quantize_static
from gsam_edge.runtime import Card

SIZE = 64
CLASS_NAMES = ("red blob", "green blob")
CARD = Card("detect", CLASS_NAMES, SIZE, "blob", "0.1.0")


class BlobStudent(nn.Module):
    """Finds the five brightest red or green cells of 4 x 4 pixels; a box of 16 pixels around each."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.means = nn.Conv2d(3, 8, 4, stride=4)  # channel c of the first three: the cell's mean of colour c
        self.logits = nn.Conv2d(8, 2, 1)
        with torch.no_grad():
            self.means.weight.copy_(torch.randn(8, 3, 4, 4, generator=generator) * 0.02)
            self.means.bias.zero_()
            self.logits.weight.copy_(torch.randn(2, 8, 1, 1, generator=generator) * 0.02)
            self.logits.bias.fill_(-5)
            for colour in range(3):
                self.means.weight[colour] = 0
                self.means.weight[colour, colour] = 4 / 16
            self.logits.weight[0, 0] = self.logits.weight[1, 1] = 3

    def forward(self, images):
        maps = self.logits(nn.functional.silu(self.means(images)))  # [B, 2, 16, 16]
        batch, _, height, width = maps.shape
        scores, class_ids = maps.flatten(2).sigmoid().max(1)
        scores, cells = scores.topk(5)
        centres = torch.stack([cells % width, cells // width], -1).float() * 4 + 2
        class_ids = class_ids.gather(1, cells)
        rows = class_ids[..., None].expand(-1, -1, height * width)
        masks = maps.flatten(2).gather(1, rows).sigmoid().reshape(batch, 5, height, width)
        return torch.cat([centres - 8, centres + 8], -1), scores * (scores > 0.1), class_ids, masks


def blob_canvas(*blobs):
    """float32 [1, 3, 64, 64] with a full-intensity cell per (colour channel, cell x, cell y) on dark noise."""
    canvas = np.random.default_rng(0).random((1, 3, SIZE, SIZE), np.float32) * 0.2
    for channel, x, y in blobs:
        canvas[0, channel, y * 4 : y * 4 + 4, x * 4 : x * 4 + 4] = 1
    return canvas


@pytest.fixture(scope="session")
def blob_student():
    return StudentModule(BlobStudent().eval(), CARD)


@pytest.fixture(scope="session")
def canvases():
    places = np.random.default_rng(1).integers(0, 16, (6, 2, 2))
    return [blob_canvas((0, *red), (1, *green)) for red, green in places.tolist()]


@pytest.fixture(scope="session")
def card():
    return CARD


@pytest.fixture(scope="session")
def blob_onnx(blob_student):
    return to_onnx(blob_student, OnnxConfig(opset=17))


@pytest.fixture(scope="session")
def edge_student():
    """A YOLOv8n-seg with random weights, made to answer differently everywhere."""
    from gsam_edge.students.choice import EdgeConfig
    from gsam_edge.students.ultralytics.edge import EdgeStudent
    from gsam_edge.students.ultralytics.network import new_network
    from gsam_edge.students.weights import StudentWeights

    torch.manual_seed(0)
    network = new_network("yolov8-seg", "n", len(CLASS_NAMES))
    for level in network.model[-1].cv3:
        nn.init.normal_(level[-1].weight, std=0.3)
        nn.init.constant_(level[-1].bias, -1)
    with torch.no_grad():  # statistics of the layers, without which all anchors answer alike
        for batch in torch.rand(20, 2, 3, SIZE, SIZE):
            network.train()(batch)
    edge = EdgeConfig(max_detections=20, candidates=100, iou_threshold=0.6, nms_iterations=10, score_floor=0.001)
    weights = StudentWeights("yolov8-seg", "n", CLASS_NAMES, SIZE, edge, network.state_dict())
    return StudentModule(EdgeStudent(weights), CARD)


@pytest.fixture(scope="session")
def edge_onnx(edge_student):
    return to_onnx(edge_student, OnnxConfig(opset=17))


@pytest.fixture(scope="session")
def int8_config():
    return QuantizationConfig(
        calibration_images=6, method="minmax", percentile=99.99, per_channel=True, reduce_range=False
    )


@pytest.fixture(scope="session")
def edge_int8(edge_onnx, canvases, int8_config):
    return quantize_static(edge_onnx, canvases, int8_config)


@pytest.fixture(scope="session")
def prompted_onnx(blob_onnx):
    """The blob student, but it also asks for a prompt, which it adds to the image."""
    model = onnx.load_from_string(blob_onnx)
    shape = [1, 3, 64, 64]
    model.graph.input.append(helper.make_tensor_value_info("prompt", TensorProto.FLOAT, shape))
    for node in model.graph.node:
        node.input[:] = ["prompted" if name == "images" else name for name in node.input]
    model.graph.node.insert(0, helper.make_node("Add", ["images", "prompt"], ["prompted"]))
    onnx.checker.check_model(model)
    return model.SerializeToString()

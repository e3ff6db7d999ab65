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
from support.blobs import CARD, CLASS_NAMES, SIZE, BlobStudent, blob_canvas


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

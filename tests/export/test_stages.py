"""The parity certificate names the first stage at which an artefact and PyTorch part."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from gsam_edge.export.format import StudentModule
from gsam_edge.export.formats.onnx import OnnxConfig, to_onnx
from gsam_edge.export.parity import ParityConfig
from gsam_edge.export.stages import certify, compare_stages
from gsam_edge.export.table import FORMATS

ONNX = FORMATS["onnx"]
CONFIG = ParityConfig(
    images=3, score_threshold=0.25, match_iou=0.5, box_tolerance=0.1, score_tolerance=1e-5, mask_tolerance=1e-5,
    stage_tolerance=1e-4, agreement=0.99,
    half={"box_tolerance": 0.5, "score_tolerance": 0.01, "mask_tolerance": 0.05, "stage_tolerance": 0.02},
)  # fmt: skip


class StagedBlobs(nn.Module):
    """The blob student, in the stages of a real one: two layers, decoding, selection, masks."""

    def __init__(self, blobs):
        super().__init__()
        self.stem, self.neck, self.boxes = blobs.means, blobs.logits, Boxes()

    def stages(self):
        return {"stem": (self.stem,), "neck": (self.neck,), "decode": (self.boxes,)}

    def forward(self, images):
        maps = self.neck(nn.functional.silu(self.stem(images)))
        scores, class_ids = maps.flatten(2).sigmoid().max(1)
        scores, cells = scores.topk(5)
        class_ids = class_ids.gather(1, cells)
        masks = maps.flatten(2).gather(1, class_ids[..., None].expand(-1, -1, 256)).sigmoid()
        return self.boxes(cells), scores * (scores > 0.1), class_ids, masks.reshape(-1, 5, 16, 16)


class Boxes(nn.Module):
    """A box of 16 pixels around a cell of 4, moved by a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("centre", torch.tensor(2.25))

    def forward(self, cells):
        centres = torch.stack([cells % 16, cells // 16], -1).float() * 4 + self.centre
        return torch.cat([centres - 8, centres + 8], -1)


@pytest.fixture(scope="module")
def student(blob_student, card):
    return StudentModule(StagedBlobs(blob_student.module).eval(), card)


@pytest.fixture(scope="module")
def content(student):
    return to_onnx(student, OnnxConfig(opset=17))


def test_the_stages_are_in_the_graph_and_not_among_its_outputs(content):
    graph = onnx.load_from_string(content).graph
    assert [value.name for value in graph.output] == ["output0", "boxes", "scores", "class_ids", "masks"]
    assert {"stem.0", "neck.0", "decode.0"} <= {name for node in graph.node for name in node.output}


def test_a_sound_file_agrees_at_every_stage(student, content, canvases):
    certificate = certify(student, ONNX, content, canvases, CONFIG)
    assert [stage.name for stage in certificate.stages] == ["stem", "neck", "decode", "suppression", "masks"]
    assert certificate.first_divergence is None
    assert all(stage.agreement == 1 and stage.values > 0 for stage in certificate.stages)
    assert certificate.to_dict()["stages"][0]["name"] == "stem"


def broken(content, change):
    """The file with the weights that `change` alters; it takes a name's array and returns another, or None."""
    model, changed = onnx.load_from_string(content), 0
    for tensor in model.graph.initializer:
        other = change(numpy_helper.to_array(tensor).copy())
        if other is not None:
            tensor.CopyFrom(numpy_helper.from_array(other, tensor.name))
            changed += 1
    assert changed
    return model.SerializeToString()


@pytest.mark.parametrize(
    ("shape", "stage"), [((8, 3, 4, 4), "stem"), ((2, 8, 1, 1), "neck"), ((), "decode")], ids=["stem", "neck", "decode"]
)
def test_the_first_stage_that_is_wrong_is_named(student, content, canvases, shape, stage):
    """Everything behind it is wrong, too; the certificate says where it begins."""

    def change(values):
        if values.dtype != np.float32 or values.shape != shape or (shape == () and values != 2.25):
            return None
        return values * np.float32(1.1)

    assert certify(student, ONNX, broken(content, change), canvases, CONFIG).first_divergence == stage


def test_wrong_masks_alone_are_named(student, content, canvases):
    model = onnx.load_from_string(content)
    for node in model.graph.node:
        node.output[:] = ["right_masks" if name == "masks" else name for name in node.output]
    model.graph.node.append(onnx.helper.make_node("Mul", ["right_masks", "right_masks"], ["masks"]))
    certificate = certify(student, ONNX, model.SerializeToString(), canvases, CONFIG)
    assert certificate.first_divergence == "masks"
    assert certificate.stages[-2].agreement == 1


def test_a_student_without_stages_is_compared_by_its_outputs(blob_student, blob_onnx, canvases):
    certificate = certify(blob_student, ONNX, blob_onnx, canvases, CONFIG)
    assert [stage.name for stage in certificate.stages] == ["suppression", "masks"]
    assert certificate.first_divergence is None


def test_the_real_student_says_its_stages(edge_student, edge_onnx, canvases):
    certificate = certify(edge_student, ONNX, edge_onnx, canvases[:2], CONFIG)
    assert [stage.name for stage in certificate.stages] == ["stem", "neck", "raw", "decode", "suppression", "masks"]
    assert certificate.first_divergence is None


def test_padding_does_not_hide_a_wrong_object():
    """One object among 99 rows of padding: its score is all that is compared."""
    right, wrong = np.zeros((1, 100), np.float32), np.zeros((1, 100), np.float32)
    right[0, 0], wrong[0, 0] = 0.9, 0.8
    certificate = compare_stages([({"scores": right}, {"scores": wrong})], tolerance=1e-3, agreement=0.99)
    assert certificate.first_divergence == "suppression"
    assert certificate.stages[0].values == 1


def test_what_is_no_number_diverges():
    right, wrong = np.ones((1, 4), np.float32), np.full((1, 4), np.nan, np.float32)
    certificate = compare_stages([({"stem.0": right}, {"stem.0": wrong})], tolerance=1e-3, agreement=0.99)
    assert certificate.first_divergence == "stem"
    assert certificate.stages[0].difference == np.inf
    assert certificate.to_dict()["stages"][0]["difference"] is None, "JSON has no infinity"


def test_no_canvas_is_an_error():
    with pytest.raises(ValueError, match="expected at least one canvas, got none"):
        compare_stages([], tolerance=1e-3, agreement=0.99)

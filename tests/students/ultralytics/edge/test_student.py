import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch

from gsam_edge.students.predictor import student_predictor
from gsam_edge.students.table import ARCHITECTURES
from gsam_edge.students.ultralytics.edge import EdgeStudent
from gsam_edge.students.ultralytics.edge.head import EdgeHead
from gsam_edge.students.ultralytics.network import build_network
from gsam_edge.students.weights import StudentWeights, StudentWeightsError
from support.safetensors_files import with_a_flipped_bit, without_digest

#: One of each kind of head; the others are exported in the slow tests.
FAST = ("yolov8", "yolov8-seg", "yolov10", "yolo26-seg")


@pytest.mark.parametrize(("architecture", "branch", "bins"), [("yolov8-seg", None, 16), ("yolo26-seg", "one2one", 1)])
def test_decoding_is_ultralytics_decoding(weights, architecture, branch, bins):
    student = weights(architecture, 96)
    network = build_network(student)
    images = torch.rand(2, 3, 96, 96)
    with torch.no_grad():
        (_, prototypes), said = network(images)
        decoded = network.model[-1]._inference(said[branch] if branch else said)
        raw = EdgeStudent(student).network(images)
        head = EdgeHead(96, [8.0, 16.0, 32.0], bins, student.edge, suppressed=True)
        boxes = head._decode(raw[0], torch.arange(raw[0].shape[2]).expand(2, -1))
    centre, size = decoded[:, :2], decoded[:, 2:4]
    expected = torch.cat([centre - size / 2, centre + size / 2], 1).transpose(1, 2)
    torch.testing.assert_close(boxes, expected, atol=0.05, rtol=0)  # pixels
    torch.testing.assert_close(raw[1].sigmoid(), decoded[:, 4:7], atol=1e-3, rtol=0)
    largest = float(prototypes.abs().max())
    torch.testing.assert_close(raw[3], prototypes, atol=max(1e-2, 1e-3 * largest), rtol=1e-3)


@pytest.mark.parametrize(("architecture", "outputs"), [("yolov8", 3), ("yolov8-seg", 4), ("fastsam", 4)])
def test_outputs_have_fixed_shapes_and_are_sorted_and_padded(weights, edge_config, architecture, outputs):
    student = replace(weights(architecture), edge=edge_config.model_copy(update={"max_detections": 90}))
    with torch.no_grad():
        answers = EdgeStudent(student)(torch.rand(2, 3, 64, 64))
    assert len(answers) == outputs
    boxes, scores, class_ids = answers[:3]
    assert (boxes.shape, scores.shape, class_ids.shape) == ((2, 90, 4), (2, 90), (2, 90))
    assert class_ids.dtype == torch.int64
    assert (scores[:, :-1] >= scores[:, 1:]).all()
    padding = scores == 0
    assert 0 < padding.sum() < padding.numel()
    assert not boxes[padding].any()
    assert not class_ids[padding].any()
    if outputs == 4:
        masks = answers[3]
        assert masks.shape == (2, 90, 16, 16)
        assert masks.min() >= 0
        assert masks.max() <= 1
        assert not masks[padding].any()
        assert masks[~padding].any()


def test_masks_end_one_prototype_pixel_outside_the_box(edge_config):
    head = EdgeHead(64, [8.0, 16.0, 32.0], 16, edge_config, suppressed=True)
    masks = head._masks(torch.zeros(1, 1, 2), torch.zeros(1, 2, 16, 16), torch.tensor([[[8.0, 16.0, 24.0, 40.0]]]))
    inside = masks[0, 0].nonzero()
    assert inside.min(0).values.tolist() == [3, 1]
    assert inside.max(0).values.tolist() == [10, 6]


@pytest.mark.parametrize("suppressed", [True, False])
def test_an_end_to_end_head_keeps_boxes_that_overlap(edge_config, suppressed):
    """Of two anchors that say the same box, one is dropped only where the network may find an object twice."""
    head = EdgeHead(64, [32.0], 1, edge_config, suppressed=suppressed)  # anchors at 16 and 48 pixels
    sides = torch.tensor([[0.5, 0.5, 1.5, 0.5], [1.5, 0.5, 0.5, 0.5], [0, 0, 0, 0], [0, 0, 0, 0]]).T[None]
    logits = torch.full((1, 1, 4), -20.0)
    logits[..., :2] = torch.tensor([1.0, 2.0])
    boxes, scores, _ = head(sides, logits)
    assert boxes[0, 0].tolist() == [0, 0, 64, 32]
    assert int((scores > 0).sum()) == (1 if suppressed else 2)


@pytest.mark.parametrize(
    "architecture",
    [
        *FAST,
        *(pytest.param(name, marks=pytest.mark.slow) for name in ARCHITECTURES if name not in FAST),
    ],
)
def test_the_module_exports_to_onnx_with_equal_answers(weights, tmp_path, architecture):
    student = EdgeStudent(weights(architecture))
    example = torch.rand(1, 3, 64, 64)
    path = tmp_path / "student.onnx"
    torch.onnx.export(student, (example,), path, input_names=["images"], opset_version=17, dynamo=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [i.name for i in session.get_inputs()] == ["images"]
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        expected = student(images)
    actual = session.run(None, {"images": images.numpy()})
    assert len(actual) == len(expected)
    scores = expected[1][expected[1] > 0]
    assert 3 < scores.numel() == scores.unique().numel()  # no ties, whose order nobody promises
    for ours, theirs, tolerance in zip(
        expected, actual, (0.05, 1e-3, 0, 1e-2), strict=False
    ):  # pixels, scores, ids, masks
        np.testing.assert_allclose(theirs, ours.numpy(), atol=tolerance, rtol=0)


def test_a_predictor_made_elsewhere_answers_in_the_pictures_pixels(weights):
    import pickle

    factory = pickle.loads(pickle.dumps(student_predictor(weights("yolov8-seg"), score_threshold=0.3, device="cpu")))  # noqa: S301
    image = np.random.default_rng(0).integers(0, 255, (50, 80, 3)).astype(np.uint8)
    found = factory()(image)
    assert 0 < len(found) <= 10
    assert found.masks.shape[1:] == (50, 80)
    assert found.scores.min() >= 0.3
    assert found.xyxy.min() >= 0
    assert (found.xyxy.max(0) <= [80, 50, 80, 50]).all()


def test_weights_survive_the_file(weights):
    student = replace(weights("yolov8"), facts={"seed": 1})
    content = student.to_bytes()
    again = StudentWeights.from_bytes(content)
    assert again.to_bytes() == content
    assert again.digest == student.digest != replace(student, split="another").digest
    assert (again.class_names, again.edge, again.facts) == (("a", "b", "ü"), student.edge, {"seed": 1})
    assert all(torch.equal(again.tensors[name], tensor) for name, tensor in student.tensors.items())
    assert len(student.half().to_bytes()) < 0.6 * len(content)


@pytest.mark.parametrize("damage", [lambda b: b[:100], lambda b: b"", lambda b: b"x" * 64, lambda b: b[:-9]])
def test_other_bytes_are_no_student(weights, damage):
    with pytest.raises(StudentWeightsError, match="expected a safetensors file"):
        StudentWeights.from_bytes(damage(weights("yolov8").to_bytes()))


def test_a_bit_that_flipped_is_noticed(weights):
    with pytest.raises(StudentWeightsError, match="the file was damaged since"):
        StudentWeights.from_bytes(with_a_flipped_bit(weights("yolov8").to_bytes()))


STRANGE = {
    **{
        f"image_size {size}": ("image_size", size)
        for size in (0, -64, 63, 64.0, "64", True, None, 10**6, 10**12, 1e308)
    },
    "nothing ends": ("edge", {"nms_iterations": 10**9}),
    "an image of a billion objects": ("edge", {"max_detections": 10**9}),
    "a billion candidates": ("edge", {"candidates": 10**9}),
    "no class": ("class_names", []),
    "a class that is no text": ("class_names", [1, 2, 3]),
    "a class that steers the terminal": ("class_names", ["\x1b[2J", "b", "c"]),
    "a class of 10000 characters": ("class_names", ["a" * 10_000, "b", "c"]),
    "facts that are no mapping": ("facts", [1]),
    "a split that is a number": ("split", 5),
    "layers of a billion channels": ("widths", {"model.0.conv": [10**9, 10**9]}),
}


def with_header(content, change):
    """The file with another text in its metadata, and without the digest that would tell."""
    content = without_digest(content)
    size = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:size])
    header["__metadata__"]["gsam_edge_student"] = change(header["__metadata__"]["gsam_edge_student"])
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[size:]


@pytest.mark.parametrize("fault", STRANGE)
def test_a_strange_header_is_refused(weights, fault):
    key, value = STRANGE[fault]

    def change(text):
        card = json.loads(text)
        card[key] = {**card[key], **value} if key == "edge" else value
        return json.dumps(card)

    content = weights("yolov8").to_bytes()
    EdgeStudent(StudentWeights.from_bytes(with_header(content, lambda text: text)))
    with pytest.raises(StudentWeightsError, match=r"student weights: .*(expected|less than)"):
        EdgeStudent(StudentWeights.from_bytes(with_header(content, change)))


def test_a_header_of_nested_brackets_is_refused(weights):
    content = with_header(weights("yolov8").to_bytes(), lambda _: "[" * 100_000 + "]" * 100_000)
    with pytest.raises(StudentWeightsError, match="expected a safetensors file"):
        StudentWeights.from_bytes(content)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensor: tensor.to(torch.int8), "expected floating-point numbers, got torch.int8"),
        (lambda tensor: tensor * torch.nan, "expected finite numbers"),
    ],
)
def test_tensors_with_which_no_network_computes_are_refused(weights, change, message):
    student = weights("yolov8")
    tensors = {name: change(t) if t.is_floating_point() else t for name, t in student.tensors.items()}
    with pytest.raises(StudentWeightsError, match=message):
        StudentWeights.from_bytes(replace(student, tensors=tensors).to_bytes())


@pytest.mark.parametrize("name", ["yolov99", ["yolov8"], None])
def test_a_file_of_an_unknown_architecture_is_refused(weights, name):
    with pytest.raises(StudentWeightsError, match="architecture: expected one of"):
        StudentWeights.from_bytes(replace(weights("yolov8"), architecture=name).to_bytes())


def test_tensors_of_another_network_are_refused(weights):
    with pytest.raises(StudentWeightsError, match="expected the 355 tensors of yolov8 n for 2 classes"):
        build_network(replace(weights("yolov8"), class_names=("a", "b")))

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import batched_nms

from gsam_edge.students.predictor import student_predictor
from gsam_edge.students.table import ARCHITECTURES
from gsam_edge.students.ultralytics.edge import EdgeHead, EdgeStudent, suppress
from gsam_edge.students.ultralytics.network import build_network, has_end_to_end, new_network
from gsam_edge.students.weights import StudentWeights, StudentWeightsError, full_precision

#: One of each kind of head; the others are exported in the slow tests.
FAST = ("yolov8", "yolov8-seg", "yolov10", "yolo26-seg")


@pytest.fixture
def weights(edge_config):
    """A random student with statistics of its own, so that its scores differ, and objects everywhere."""

    def make(architecture: str, image_size: int = 64) -> StudentWeights:
        torch.manual_seed(0)
        size = next(iter(ARCHITECTURES[architecture].sizes), None)
        network = new_network(architecture, size, 3)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        network.train()(torch.rand(4, 3, image_size, image_size))
        head = network.model[-1]
        for level in [*head.cv3, *getattr(head, "one2one_cv3", ())]:
            torch.nn.init.normal_(level[-1].weight, std=0.02)
            torch.nn.init.normal_(level[-1].bias, std=0.5)
        _calm(network, torch.rand(4, 3, image_size, image_size))
        return StudentWeights(
            architecture, size, ("a", "b", "ü"), image_size, edge_config, full_precision(network.state_dict())
        )

    return make


@torch.no_grad()
def _calm(network, images) -> None:
    """Scales the last layers of the exported branch, which nothing bounds: scores neither 0 nor 1, boxes of some cells.

    The rounding errors of large numbers would else hide whether two runtimes agree.
    """
    (_, said), head = network.eval()(images), network.model[-1]
    branch = "one2one_" if has_end_to_end(network) else ""
    said = said["one2one"] if branch else said
    for scores, distances in zip(getattr(head, f"{branch}cv3"), getattr(head, f"{branch}cv2"), strict=True):
        scores[-1].weight.div_(said["scores"].std())
        distances[-1].weight.div_(2 * said["boxes"].std())


@st.composite
def boxes_and_classes(draw):
    count = draw(st.integers(1, 40))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    corner = rng.uniform(0, 50, (count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 40, (count, 2))], 1)
    return torch.tensor(boxes, dtype=torch.float32), torch.tensor(rng.integers(0, 3, count))


@settings(deadline=None, max_examples=60)
@given(boxes_and_classes(), st.floats(0.1, 0.9))
def test_suppression_is_greedy_suppression(case, iou_threshold):
    boxes, classes = case
    scores = torch.linspace(1, 0.1, len(boxes))
    kept = suppress(boxes[None], classes[None], iou_threshold, iterations=len(boxes))[0]
    expected = batched_nms(boxes, scores, classes, iou_threshold)
    assert torch.equal(kept.nonzero()[:, 0], expected.sort().values)


def test_chains_need_as_many_rounds_as_they_are_long():
    """Each box overlaps only its neighbours: the first drops the second, which frees the third, and so on."""
    left = torch.arange(6) * 4.0
    boxes = torch.stack([left, torch.zeros(6), left + 10, torch.full((6,), 10.0)], 1)[None]
    classes = torch.zeros(1, 6, dtype=torch.long)
    exact = [1.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    assert suppress(boxes, classes, 0.4, 6)[0].tolist() == exact
    assert suppress(boxes, classes, 0.4, 5)[0].tolist() == exact
    assert suppress(boxes, classes, 0.4, 2)[0].tolist() != exact


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
        boxes = head._decode(raw[0])
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


@pytest.mark.parametrize("name", ["yolov99", ["yolov8"], None])
def test_a_file_of_an_unknown_architecture_is_refused(weights, name):
    with pytest.raises(StudentWeightsError, match="architecture: expected one of"):
        StudentWeights.from_bytes(replace(weights("yolov8"), architecture=name).to_bytes())


def test_tensors_of_another_network_are_refused(weights):
    with pytest.raises(StudentWeightsError, match="expected the 355 tensors of yolov8 n for 2 classes"):
        build_network(replace(weights("yolov8"), class_names=("a", "b")))

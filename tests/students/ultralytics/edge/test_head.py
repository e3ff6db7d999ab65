import pytest
import torch

from gsam_edge.students.table import ARCHITECTURES
from gsam_edge.students.ultralytics.edge.head import EdgeHead
from gsam_edge.students.ultralytics.edge.student import EdgeStudent, RawNetwork
from gsam_edge.students.ultralytics.network import build_network, has_end_to_end

#: One of each kind of head, and one with transposed convolutions in its neck; the others are in the slow tests.
FAST = ("yolov8", "yolov8-seg", "yolov6", "yolov10", "yolo26-seg")


class PlainHead:
    """The same answers by the formulas as they are written: all anchors are decoded, areas are in square pixels."""

    def __init__(self, head: EdgeHead, config) -> None:
        self.anchors, self.config = head.anchors, config
        self.bins, self.suppressed = head._bins, head._suppressed

    def __call__(self, distributions, logits, coefficients=None, prototypes=None):
        config, anchors = self.config, self.anchors
        candidates = min(config.candidates, len(anchors))
        scores, class_ids = logits.sigmoid().max(1)
        scores, order = scores.topk(candidates)
        boxes = rows(self.decode(distributions), order)
        class_ids = class_ids.gather(1, order)
        kept = scores * (scores > config.score_floor)
        if self.suppressed:
            kept = kept * self.suppress(boxes, class_ids)
        best, chosen = kept.topk(min(config.max_detections, candidates))
        there = best > 0
        outputs = [rows(boxes, chosen) * there[..., None], best, class_ids.gather(1, chosen) * there]
        if prototypes is not None:
            weights = rows(rows(coefficients.transpose(1, 2), order), chosen)
            masks = torch.einsum("bnm,bmhw->bnhw", weights, prototypes).sigmoid()
            inside = torch.zeros_like(masks)
            for image, found in enumerate(outputs[0] / 4):
                for number, (left, top, right, bottom) in enumerate(found.tolist()):
                    y = torch.arange(masks.shape[2])[:, None]
                    x = torch.arange(masks.shape[3])[None]
                    if right > left and bottom > top:
                        inside[image, number] = (
                            (x > left - 2) & (x < right + 1) & (y > top - 2) & (y < bottom + 1)
                        ).float()
            outputs.append(masks * inside)
        missing = config.max_detections - best.shape[1]
        return [torch.cat([o, o.new_zeros(len(o), missing, *o.shape[2:])], 1) for o in outputs]

    def decode(self, distributions):
        batch, _, anchors = distributions.shape
        sides = distributions.transpose(1, 2)
        if self.bins > 1:
            sides = sides.reshape(batch, anchors, 4, self.bins).softmax(-1) @ torch.arange(self.bins).float()
        sides = sides * self.anchors[:, 2:]
        centres = self.anchors[:, :2]
        return torch.cat([centres - sides[..., :2], centres + sides[..., 2:]], -1)

    def suppress(self, boxes, class_ids):
        area = (boxes[..., 2:] - boxes[..., :2]).prod(-1)
        near = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
        far = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
        overlap = (far - near).clamp(min=0).prod(-1)
        iou = overlap / (area[:, :, None] + area[:, None, :] - overlap)
        drops = (iou > self.config.iou_threshold) & (class_ids[:, :, None] == class_ids[:, None, :])
        keep = torch.ones_like(boxes[..., 0])
        for image in range(len(boxes)):
            for row in range(boxes.shape[1]):
                keep[image, row] = float(not (drops[image, :row, row] & (keep[image, :row] > 0)).any())
        return keep


def rows(values, index):
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[-1]))


def compare(head, config, raw):
    with torch.no_grad():
        actual, expected = head(*raw), PlainHead(head, config)(*raw)
    assert len(actual) == len(expected)
    assert 3 < (expected[1] > 0).sum() < expected[1].numel()
    assert torch.equal(actual[2], expected[2])
    for ours, theirs, tolerance in zip(actual, expected, (1e-3, 1e-6, 0, 1e-4), strict=False):
        torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=0)  # pixels, scores, ids, probabilities


@pytest.mark.parametrize("bins", [1, 16])
@pytest.mark.parametrize("classes", [1, 3, 80])
@pytest.mark.parametrize("suppressed", [True, False])
def test_random_outputs_are_read_as_the_plain_formulas_read_them(edge_config, bins, classes, suppressed):
    torch.manual_seed(classes)
    config = edge_config.model_copy(update={"max_detections": 60, "nms_iterations": 50, "score_floor": 0.7})
    head = EdgeHead(96, [8.0, 16.0, 32.0], bins, config, suppressed=suppressed)
    raw = (
        (torch.randn(2, 4 * bins, 189) + 1).abs(),
        torch.randn(2, classes, 189),
        torch.randn(2, 8, 189),
        torch.randn(2, 8, 24, 24),
    )
    compare(head, config, raw)
    compare(head, config, raw[:2])


@pytest.mark.parametrize(
    "architecture",
    [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in ARCHITECTURES if name not in FAST)],
)
def test_a_network_answers_as_before_it_was_rewritten(weights, edge_config, architecture):
    """Of every architecture: transposed convolutions, and the plain formulas behind them."""
    config = edge_config.model_copy(update={"max_detections": 60, "nms_iterations": 50})
    student = weights(architecture)
    network = build_network(student)
    network.model[-1].end2end = has_end_to_end(network)
    plain = RawNetwork(network.fuse(verbose=False))
    edge = EdgeStudent(student)
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        raw, expected = edge.network(images), plain(images)
    for ours, theirs in zip(raw, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4 * float(theirs.abs().max()), rtol=0)
    head = EdgeHead(64, network.stride.tolist(), edge.head._bins, config, suppressed=not has_end_to_end(network))
    compare(head, config, raw)

import pytest
import torch
from ultralytics.cfg import get_cfg
from ultralytics.utils.loss import v8DetectionLoss, v8SegmentationLoss

from gsam_edge.students.ultralytics.loss import DetectionLoss, SegmentationLoss
from gsam_edge.students.ultralytics.network import new_network


@pytest.fixture(params=["yolov8", "yolov8-seg"])
def setting(request):
    """A network, what it says about three images (the second without objects), and their labels."""
    torch.manual_seed(0)
    network = new_network(request.param, "n", 2)
    network.args = get_cfg(overrides={"overlap_mask": False})
    with torch.no_grad():
        predictions = network(torch.rand(3, 3, 64, 64))
    batch = {
        "batch_idx": torch.tensor([0.0, 0.0, 2.0]),
        "cls": torch.tensor([[0.0], [1.0], [1.0]]),
        "bboxes": torch.tensor([[0.3, 0.3, 0.4, 0.4], [0.7, 0.7, 0.3, 0.4], [0.5, 0.5, 0.6, 0.6]]),
        "masks": torch.zeros(3, 16, 16),
        "has_mask": torch.tensor([True, True, True]),
    }
    batch["masks"][:, 4:9, 4:9] = 1
    ours, stock = (
        (SegmentationLoss, v8SegmentationLoss) if request.param == "yolov8-seg" else (DetectionLoss, v8DetectionLoss)
    )
    return network, predictions, batch, ours, stock


def test_of_labels_of_full_weight_it_is_ultralytics_loss(setting):
    network, predictions, batch, ours, stock = setting
    torch.testing.assert_close(ours(network, {})(predictions, batch)[0], stock(network)(predictions, batch)[0])


def test_an_added_loss_is_a_further_part_of_the_total_and_logged_by_its_name(setting):
    """With its weight, and once for each image as Ultralytics' own parts; its gradient reaches the network."""
    network, _, batch, ours, _ = setting
    predictions = network(torch.rand(3, 3, 64, 64))
    plain, plain_items = ours(network, {})(predictions, batch)
    total, items = ours(network, {"sharp": (0.5, lambda raw, targets: raw.class_logits.square().mean())})(
        predictions, batch
    )
    expected = 0.5 * predictions["scores"].square().mean()
    torch.testing.assert_close(total.sum(), plain.sum() + 3 * expected)
    torch.testing.assert_close(items, plain_items | {"sharp_loss": expected.detach()})
    weight = network.model[-1].cv3[0][-1].weight
    given, added = (torch.autograd.grad(loss.sum(), weight, retain_graph=True)[0] for loss in (plain, total))
    assert not torch.equal(given, added)


def test_a_loss_is_told_which_object_each_anchor_is_assigned_to(setting):
    """The second image has no objects, so that the third's are not counted from where its number says."""
    network, predictions, batch, ours, _ = setting
    seen = []
    spy = {"spy": (1.0, lambda raw, targets: seen.append((raw, targets)) or raw.class_logits.sum())}
    ours(network, spy)(predictions, batch)
    raw, targets = seen[0]
    boxes, scores = predictions["boxes"], predictions["scores"]
    assert torch.equal(raw.class_logits, scores.permute(0, 2, 1))
    assert torch.equal(raw.box_logits, boxes.permute(0, 2, 1))
    classes = targets.at_anchors(batch["cls"][:, 0].long())
    assert targets.foreground[0].any()
    assert not targets.foreground[1].any()
    assert targets.foreground[2].any()
    assert (targets.class_targets.argmax(-1) == classes)[targets.foreground].all()
    assert set(targets.object_index[0][targets.foreground[0]].tolist()) <= {0, 1}
    assert set(targets.object_index[2][targets.foreground[2]].tolist()) == {2}


def test_objects_without_a_mask_teach_no_mask():
    torch.manual_seed(0)
    network = new_network("yolov8-seg", "n", 2)
    network.args = get_cfg(overrides={"overlap_mask": False})
    predictions = network(torch.rand(1, 3, 64, 64))
    batch = {
        "batch_idx": torch.zeros(1),
        "cls": torch.zeros(1, 1),
        "bboxes": torch.tensor([[0.5, 0.5, 0.6, 0.6]]),
        "masks": torch.ones(1, 16, 16),
        "has_mask": torch.tensor([False]),
    }
    loss, items = SegmentationLoss(network, {})(predictions, batch)
    assert float(items["seg_loss"]) == 0
    assert float(items["box_loss"]) > 0
    loss.sum().backward()
    assert not network.model[-1].cv4[0][-1].weight.grad.any()

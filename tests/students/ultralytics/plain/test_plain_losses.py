"""The losses of plain images teach a network what its teacher says, and nothing of them is shipped."""

from functools import partial

import pytest
import torch
from ultralytics.cfg import get_cfg

from gsam_edge.distill.losses import LOSSES
from gsam_edge.students.maps import PlainOutputs, PlainTargets
from gsam_edge.students.ultralytics.network import new_network
from gsam_edge.students.ultralytics.plain.losses import PlainLosses, add_projector, without_projector
from support.plain import CONFIG

SIDE = 64
CELLS = 84


class Told:
    """Says of two of three images what it was given, without looking them up."""

    def __init__(self) -> None:
        there = torch.rand(2, CELLS, 2)
        boxes = torch.tensor([[0.1, 0.1, 0.6, 0.6], [0.3, 0.2, 0.9, 0.9]])
        self.said = PlainTargets(
            progress=0.0,
            scores=torch.rand(2, CELLS, 2),
            boxes=torch.cat([0.5 * there, 0.5 + 0.5 * there], 2),
            features=torch.randn(2, CELLS, 6),
            mask_logits=4 * torch.randn(2, 16, 16),
            object_image=torch.tensor([0, 1]),
            object_boxes=boxes,
            object_weights=torch.ones(2),
        )

    def targets(self, batch, levels_hw, progress) -> PlainTargets:
        """The same of any batch."""
        assert tuple(levels_hw) == ((8, 8), (4, 4), (2, 2))
        return self.said


def own(preds, batch):
    """An own loss of three parts that depends on nothing."""
    return torch.zeros(3), {"box_loss": torch.tensor(1.0)}


@pytest.fixture(params=["yolov8", "yolov8-seg"])
def network(request):
    torch.manual_seed(0)
    built = new_network(request.param, "n", 2)
    built.args = get_cfg(overrides={})
    return built.train()


BATCH = {"plain": (True, False, True)}


def seen(network, loss) -> tuple[PlainOutputs, torch.Tensor, dict]:
    """What a loss named spy is shown of three images, the parts of the loss and the items."""
    shown = []

    def spy(outputs, targets):
        shown.append(outputs)
        return loss(outputs, targets)

    total, items = PlainLosses(own, network, {"spy": (0.5, spy)}, Told(), lambda: 0.0)(network(IMAGES), BATCH)
    return shown[0], total, items


IMAGES = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def test_a_loss_is_shown_the_plain_images_alone_decoded_as_the_network_decodes_them(network):
    """Boxes, scores and anchors by Ultralytics' own inference of the same outputs."""
    add_projector(network, 6)
    network.eval()
    with torch.no_grad():
        answer, raw = network(IMAGES)
    shown = []
    losses = {"spy": (1.0, lambda outputs, targets: shown.append(outputs) or outputs.boxes.sum() * 0)}
    PlainLosses(own, network, losses, Told(), lambda: 0.0)(raw, BATCH)
    (outputs,) = shown
    answer = answer[0] if isinstance(answer, tuple) else answer  # beside prototypes, of a head that segments
    xywh, scores = answer[[0, 2], :4].transpose(1, 2) / SIDE, answer[[0, 2], 4:6].transpose(1, 2)
    corners = torch.cat([xywh[..., :2] - xywh[..., 2:] / 2, xywh[..., :2] + xywh[..., 2:] / 2], -1)
    torch.testing.assert_close(outputs.boxes, corners, atol=1e-4, rtol=0)
    torch.testing.assert_close(outputs.class_logits.sigmoid(), scores, atol=1e-4, rtol=0)
    assert outputs.levels == (64, 16, 4)
    assert outputs.features.shape == (2, CELLS, 6)
    if "proto" in raw:
        assert outputs.prototypes.shape == (2, 32, 16, 16)
        assert outputs.mask_coefficients.shape == (2, CELLS, 32)
    else:
        assert outputs.prototypes is outputs.mask_coefficients is None


def test_the_loss_is_a_further_part_times_the_images_and_logged_by_its_name(network):
    outputs, total, items = seen(network, lambda outputs, targets: outputs.class_logits.square().mean())
    expected = 0.5 * outputs.class_logits.square().mean()
    torch.testing.assert_close(total, torch.cat([torch.zeros(3), 3 * expected[None]]))
    torch.testing.assert_close(items, {"box_loss": torch.tensor(1.0), "spy_loss": expected.detach()})


def test_a_batch_without_plain_images_costs_nothing_more(network):
    """It asks no loss and looks nothing up, and has the same items."""
    losses = {"spy": (0.5, lambda outputs, targets: 1 / 0)}
    taught = PlainLosses(own, network, losses, None, lambda: 0.0)
    total, items = taught(network(IMAGES), {"plain": (False, False, False)})
    assert total.tolist() == [0, 0, 0, 0]
    assert set(items) == {"box_loss", "spy_loss"}


#: What each loss reaches, by the name of its part of the head; all reach the backbone and the neck.
REACHED = {"logit": ("cv2", "cv3"), "feature": (), "segmentation": ("cv4", "proto")}


@pytest.mark.parametrize("name", LOSSES)
def test_each_loss_alone_moves_a_network_toward_its_teacher(network, name):
    """A few steps lower what the loss measures by half, and each parameter that it should reach learns."""
    if name == "segmentation" and not hasattr(network.model[-1], "proto"):
        return
    add_projector(network, 6)
    # Nothing drawn at random: all anchors, so that the loss of two steps can be compared.
    config = CONFIG.model_copy(update={"top_share": 0.5})
    losses = {name: (1.0, partial(LOSSES[name].compute, config=config))}
    taught = PlainLosses(own, network, losses, Told(), lambda: 0.0)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    values = []
    for step in range(25):
        total, items = taught(network(IMAGES), BATCH)
        optimizer.zero_grad()
        total.sum().backward()
        if not step:
            learning = {key for key, parameter in network.named_parameters() if parameter.grad is not None}
            last = len(network.model) - 1
            head = tuple(f"model.{last}.{part}." for part in REACHED[name])
            reached = (*head, *([f"projector.{level}." for level in range(3)] if name == "feature" else []))
            below = f"model.{last}."
            assert {key for key, _ in network.named_parameters() if key.startswith(reached)} <= learning
            assert {
                key for key, _ in network.named_parameters() if not key.startswith((below, "projector"))
            } <= learning
            other = {key for key in learning if key.startswith((below, "projector")) and not key.startswith(reached)}
            assert not other
        optimizer.step()
        values.append(float(items[f"{name}_loss"]))
    assert values[-1] < 0.75 * values[0]


def test_the_projector_is_trained_with_the_network_and_not_shipped(network):
    before = network.state_dict()
    add_projector(network, 6)
    state = network.state_dict()
    assert {key for key in state if key not in before} == {
        f"projector.{level}.{part}" for level in range(3) for part in ("weight", "bias")
    }
    assert set(without_projector(state)) == set(before)

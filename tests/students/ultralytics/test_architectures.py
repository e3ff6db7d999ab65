"""The architectures that can be asked for are those that the installed Ultralytics defines, and each learns."""

from pathlib import PurePosixPath

import pytest
import torch
from ultralytics.cfg import get_cfg
from ultralytics.utils.downloads import GITHUB_ASSETS_NAMES

from gsam_edge.students.choice import StudentChoice
from gsam_edge.students.table import family_of
from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.edge import EdgeStudent
from gsam_edge.students.ultralytics.end_to_end import own_loss
from gsam_edge.students.ultralytics.imports import ROOT, YAML
from gsam_edge.students.ultralytics.network import new_network
from gsam_edge.students.ultralytics.training.loss import DetectionLoss, SegmentationLoss
from gsam_edge.students.ultralytics.training.pools import PooledLoss
from support.runs import a_run

#: Kinds of a last layer that answer with boxes, or boxes and masks, and are asked with an image alone.
HEADS = {"Detect": False, "v10Detect": False, "Segment": True, "Segment26": True}
SMALL = ("yolov8-p6", "yolov10", "yolo11", "yolo26-seg")


def test_every_network_of_ultralytics_that_needs_no_words_is_offered_with_its_sizes_and_no_other() -> None:
    folder = ROOT / "cfg" / "models"
    shipped = {}
    for path in folder.rglob("*.yaml"):
        definition = YAML.load(path)
        head = definition["head"][-1][2]
        if head in HEADS:
            shipped[path.relative_to(folder).as_posix()] = (HEADS[head], tuple(definition.get("scales", ())))
    offered = {
        architecture.file(size): (
            architecture.masks,
            # a file of one size lists none, or that size alone
            shipped[architecture.file(size)][1] if architecture.file_per_size else architecture.sizes,
        )
        for architecture in ARCHITECTURES.values()
        for size in architecture.sizes or (None,)
    }
    assert offered == shipped


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_is_called_as_ultralytics_calls_it_and_so_are_its_pretrained_weights(name: str) -> None:
    architecture = ARCHITECTURES[name]
    stem = PurePosixPath(architecture.definition.format(size="")).stem
    assert stem == ("yolov8-seg" if name == "fastsam" else name)
    for size in architecture.sizes or (None,):
        if architecture.pretrained:
            assert architecture.pretrained.format(size=size) in GITHUB_ASSETS_NAMES


@pytest.mark.parametrize(
    "name",
    [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in ARCHITECTURES if name not in SMALL)],
)
def test_a_step_teaches_every_part_of_the_network(name: str) -> None:
    """Of an end-to-end network both branches: the loss of each is finite, and every weight has a gradient.

    From images with the truth and others, of which one object counts less and one is ignored.
    """
    architecture = ARCHITECTURES[name]
    torch.manual_seed(0)
    network = new_network(name, next(iter(architecture.sizes), None), 2)
    assert int(network.stride.max()) == architecture.stride
    network.args = get_cfg(overrides={"overlap_mask": False})
    batch = {
        "batch_idx": torch.tensor([0.0, 0.0, 1.0]),
        "cls": torch.tensor([[0.0], [1.0], [1.0]]),
        "bboxes": torch.tensor([[0.3, 0.3, 0.4, 0.4], [0.7, 0.7, 0.3, 0.4], [0.5, 0.5, 0.6, 0.6]]),
        "masks": torch.zeros(3, 32, 32),
        "has_mask": torch.ones(3, dtype=torch.bool),
        "class_weight": torch.tensor([1.0, 1.0, 0.5]),
        "box_weight": torch.tensor([1.0, 1.0, 0.5]),
        "mask_weight": torch.tensor([1.0, 1.0, 0.5]),
        "ignored": torch.tensor([False, True, False]),
        "pseudo": torch.tensor([False, True]),
    }
    batch["masks"][:, 8:18, 8:18] = 1
    loss = PooledLoss(own_loss(network, SegmentationLoss if architecture.masks else DetectionLoss), 0.5)
    total, items = loss(network.train()(torch.rand(2, 3, 128, 128)), batch)
    assert total.isfinite().all()
    assert all(value.isfinite() for value in items.values())
    total.sum().backward()
    untaught = [weight for weight, tensor in network.named_parameters() if tensor.requires_grad and tensor.grad is None]
    assert untaught == []


@pytest.mark.parametrize(("name", "masks"), [("yolov10", False), ("yolo26-seg", True)])
def test_an_end_to_end_network_is_trained_like_any_other(make_images, student_config, training_config, name, masks):
    trained = family_of(name).train(
        make_images(4, masks=masks),
        StudentChoice(name, student_config, "a test"),
        training_config,
        losses={},
        pseudo_weight=0.0,
        initial=None,
        validate=None,
        run=a_run(seed=3),
    )
    assert trained.weights.architecture == name
    assert all(tensor.isfinite().all() for tensor in trained.weights.tensors.values())
    with torch.no_grad():
        answers = EdgeStudent(trained.weights)(torch.rand(1, 3, 64, 64))
    assert len(answers) == (4 if masks else 3)


def test_the_shares_of_an_end_to_end_loss_follow_from_the_epoch_alone() -> None:
    """So that a training that was killed continues with those it would have had."""
    network = new_network("yolo26", "n", 2)
    network.args = get_cfg(overrides={"epochs": 5})
    gone, continued = (own_loss(network, DetectionLoss) for _ in range(2))
    shares = []
    for epoch in range(5):
        gone.start_epoch(epoch)
        shares.append((round(gone.o2m, 6), round(gone.o2o, 6)))
    assert shares[0] == (0.8, 0.2)
    assert shares[-1] == (0.1, 0.9)
    continued.start_epoch(3)
    assert (round(continued.o2m, 6), round(continued.o2o, 6)) == shares[3]

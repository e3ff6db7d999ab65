"""The maps of a batch are those of its plain images, mirrored as these are, object by object."""

import numpy as np
import pytest
import torch

from gsam_edge.students.ultralytics.labels import LabelTable, TrainingLabels
from gsam_edge.students.ultralytics.plain.losses import anchor_places
from gsam_edge.students.ultralytics.plain.targets import BatchMaps, mirrored
from gsam_edge.training.errors import TrainingError

LEVELS_HW = ((8, 8), (4, 4), (2, 2))
CELLS = 84
RECORDS = [
    {"im_file": "a.png", "shape": (40, 60), "cls": np.array([[0.0], [1.0]]), "bboxes": np.full((2, 4), 0.5)},
    {"im_file": "b.png", "shape": (40, 60), "cls": np.array([[2.0]]), "bboxes": np.full((1, 4), 0.25)},
]


class Maps:
    """Maps whose values say whose they are."""

    plain_share = 0.5

    def of(self, name, xyxy):
        """Scores that tell the images apart, and masks that tell the objects apart."""
        self.asked = xyxy
        first = {"a.png": 0, "b.png": 2}[name]
        masks = torch.arange(first, first + len(xyxy))[:, None, None] * torch.ones(16, 16)
        return {"scores": torch.full((CELLS, 1), float(first)), "mask_logits": masks}


def labels() -> TrainingLabels:
    nothing = torch.zeros(3)
    return TrainingLabels(RECORDS, LabelTable(*[nothing] * 8), frozenset(), 0)


def batch() -> dict:
    """b plain, a mixed with something, a plain with its objects in another order; only a's are of teachers."""
    return {
        "im_file": ("b.png", "a.png", "a.png"),
        "plain": (True, False, True),
        "flipped": ((False, False), (False, False), (False, False)),
        "pseudo": torch.tensor([False, True, True]),
        "batch_idx": torch.tensor([0.0, 1.0, 1.0, 2.0, 2.0]),
        "row": torch.tensor([2, 0, 2, 1, 0]),
        "bboxes": torch.tensor([[0.5, 0.5, 0.2, 0.4]] * 5),
        "mask_weight": torch.tensor([1.0, 1.0, 1.0, 0.7, 0.4]),
        "ignored": torch.tensor([False, False, False, False, True]),
    }


def test_each_plain_image_and_object_has_its_own_maps():
    maps = Maps()
    said = BatchMaps(maps, labels()).targets(batch(), LEVELS_HW, 0.25)
    assert said.scores[:, 0, 0].tolist() == [2, 0]
    assert said.object_image.tolist() == [0, 1, 1]
    assert said.mask_logits[:, 0, 0].tolist() == [2, 1, 0]
    torch.testing.assert_close(said.object_boxes, torch.tensor([[0.4, 0.3, 0.6, 0.7]] * 3))
    # A person drew b's, and a's first is ignored.
    torch.testing.assert_close(said.object_weights, torch.tensor([0.0, 0.7, 0.0]))
    assert said.progress == 0.25
    assert said.features is None
    np.testing.assert_allclose(maps.asked, [[15, 10, 45, 30]] * 2)


@pytest.mark.parametrize(("left_right", "top_bottom"), [(True, False), (False, True), (True, True)])
def test_mirrored_maps_say_of_each_place_what_they_said_of_its_mirror_image(left_right, top_bottom):
    """Maps that hold their own place: mirrored, the place of the mirrored cell."""
    places, _ = anchor_places(LEVELS_HW, (8.0, 16.0, 32.0), torch.device("cpu"))
    boxes = torch.cat([places - 0.1, places + torch.tensor([0.2, 0.3])], 1)
    y, x = torch.meshgrid(*[(torch.arange(16) + 0.5) / 16] * 2, indexing="ij")
    maps = mirrored(
        {"scores": places, "boxes": boxes, "mask_logits": torch.stack([x, y])}, LEVELS_HW, left_right, top_bottom
    )
    sign = torch.tensor([-1.0 if left_right else 1.0, -1.0 if top_bottom else 1.0])
    offset = torch.tensor([float(left_right), float(top_bottom)])
    torch.testing.assert_close(maps["scores"], offset + sign * places)
    low, high = maps["boxes"][:, :2], maps["boxes"][:, 2:]
    assert (low < high).all()
    # Seen from the cell, the near side of a box is 0.1 away and the far one 0.2 or 0.3.
    near = torch.where(sign > 0, places - low, high - places)
    far = torch.where(sign > 0, high - places, places - low)
    torch.testing.assert_close(near, torch.full_like(near, 0.1))
    torch.testing.assert_close(far, torch.tensor([0.2, 0.3]).expand_as(far))
    torch.testing.assert_close(maps["mask_logits"][0], 1 - x if left_right else x)
    torch.testing.assert_close(maps["mask_logits"][1], 1 - y if top_bottom else y)


def test_a_student_with_other_anchors_is_refused():
    with pytest.raises(TrainingError, match=r"a student with the 84 anchors .* got one with 80"):
        BatchMaps(Maps(), labels()).targets(batch(), LEVELS_HW[:2], 0.0)

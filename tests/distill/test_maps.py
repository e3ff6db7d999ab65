"""The teachers' maps are asked for once, kept in half precision, and never another image's."""

import numpy as np
import pytest
import torch

from gsam_edge.distill.config import LossWeights
from gsam_edge.distill.losses import LOSSES
from gsam_edge.distill.maps import StoredMaps
from gsam_edge.teachers.compose_maps import MappingTeacher
from gsam_edge.teachers.features import MemoryFeatures
from gsam_edge.teachers.maps import NoMaps
from gsam_edge.training.errors import SettingError

NONE = dict.fromkeys(LOSSES, 0.0) | {"detection": 1.0}
ALL = LossWeights(**dict.fromkeys(NONE, 1.0))
RNG = np.random.default_rng(0)
IMAGES = {f"{number}.png": RNG.integers(0, 256, (20, 30, 3), np.uint8) for number in range(3)}
BOXES = np.array([[3, 4, 15, 16]], np.float32)


class Asked:
    """A finder and an outliner that remember what they were asked."""

    def __init__(self) -> None:
        self.canvases: list[np.ndarray] = []
        self.boxes: list[np.ndarray] = []

    def find(self, canvas: np.ndarray, boxes: np.ndarray) -> dict[str, torch.Tensor]:
        assert boxes.shape == (0, 4), "a finder is not told where the objects are"
        self.canvases.append(canvas)
        cells = torch.from_numpy(canvas.reshape(-1, 3)[:21] / 255.0).float()
        return {"scores": cells[:, :2], "boxes": cells.repeat(1, 2)[:, :4], "features": cells * 100}

    def outline(self, canvas: np.ndarray, boxes: np.ndarray) -> dict[str, torch.Tensor]:
        self.boxes.append(boxes)
        return {"mask_logits": torch.full((len(boxes), 8, 8), 1 / 3)}

    def stored(self, store, weights=ALL, **other) -> StoredMaps:
        teachers = {"finder": MappingTeacher("f", self.find), "outliner": MappingTeacher("o", self.outline)}
        options = {"images": IMAGES, "image_size": 32, "plain_share": 0.5} | other
        return StoredMaps(teachers | other.pop("teachers", {}), weights, store=store, **options)


def test_a_killed_and_continued_training_asks_only_for_what_is_missing():
    store, first, second = MemoryFeatures(), Asked(), Asked()
    before = first.stored(store)
    given = {name: before.of(name, BOXES) for name in ("0.png", "1.png")}
    before.of("0.png", BOXES)
    assert len(first.canvases) == len(first.boxes) == 2
    after = second.stored(store)
    again = {name: after.of(name, BOXES) for name in IMAGES}
    assert len(second.canvases) == len(second.boxes) == 1
    for name, maps in given.items():
        assert all(
            torch.equal(maps[each], again[name][each]) for each in ("scores", "boxes", "features", "mask_logits")
        )


class Forgetful(MemoryFeatures):
    """A store without room."""

    def put(self, key, tensors) -> None:
        """Keeps nothing."""


def test_what_the_store_drops_is_asked_for_anew_and_is_the_same():
    """In half precision, too, so that a training does not depend on the room on the disk."""
    asked = Asked()
    kept, dropped = asked.stored(MemoryFeatures()), asked.stored(Forgetful())
    first, second, other = dropped.of("0.png", BOXES), dropped.of("0.png", BOXES), kept.of("0.png", BOXES)
    for name, values in first.items():
        assert values.dtype == torch.float32
        assert torch.equal(values, values.half().float())
        assert torch.equal(values, second[name])
        assert torch.equal(values, other[name])


def test_the_teachers_see_the_students_canvas():
    """An image of 20 by 30 pixels on 32 by 32, with the boxes where its objects are."""
    asked = Asked()
    asked.stored(MemoryFeatures()).of("0.png", BOXES)
    assert asked.canvases[0].shape == (32, 32, 3)
    assert (asked.canvases[0][[0, -1]] == 114).all()
    scale = 32 / 30
    np.testing.assert_allclose(asked.boxes[0], BOXES * scale + [0, 5, 0, 5], atol=0.3)


@pytest.mark.parametrize("other", ["image", "canvas", "boxes"])
def test_another_image_canvas_or_box_is_another_question(other):
    store, asked = MemoryFeatures(), Asked()
    asked.stored(store).of("0.png", BOXES)
    changed = {"image": {"images": {"0.png": 255 - IMAGES["0.png"]}}, "canvas": {"image_size": 64}, "boxes": {}}[other]
    asked.stored(store, **changed).of("0.png", BOXES + (other == "boxes"))
    assert len(asked.boxes) == 2
    assert len(asked.canvases) == (1 if other == "boxes" else 2)  # a finder does not see boxes


@pytest.mark.parametrize(("loss", "names"), [("logit", {"scores", "boxes"}), ("segmentation", {"mask_logits"})])
def test_only_what_a_loss_reads_is_asked_for_and_kept(loss, names):
    store = MemoryFeatures()
    maps = Asked().stored(store, LossWeights(**NONE | {loss: 0.5})).of("0.png", BOXES)
    assert set(maps) == names
    assert [set(kept) for kept in store._kept.values()] == [names]


def test_a_loss_of_a_teacher_without_maps_is_refused_with_the_reason():
    weights = LossWeights(**NONE | {"logit": 1.0, "feature": 0.1})
    with pytest.raises(
        SettingError,
        match=r"distillation\.losses: expected 0 for logit and feature, or a finder .*teachers\.finder.*; blind today",
    ):
        StoredMaps(
            {"finder": MappingTeacher("", NoMaps("blind today"))},
            weights,
            IMAGES,
            MemoryFeatures(),
            image_size=32,
            plain_share=0.5,
        )


def test_checkpoints_know_the_teacher_and_what_it_is_asked():
    store = MemoryFeatures()
    logit = Asked().stored(store, LossWeights(**NONE | {"logit": 1.0}))
    other = MappingTeacher("g", Asked().find)
    changed = StoredMaps(
        {"finder": other}, LossWeights(**NONE | {"logit": 1.0}), IMAGES, store, image_size=32, plain_share=0.5
    )
    assert len({logit.digest, changed.digest, Asked().stored(store).digest}) == 3
    assert logit.digest == Asked().stored(MemoryFeatures(), LossWeights(**NONE | {"logit": 2.0})).digest

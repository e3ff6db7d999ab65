import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.export.parity import ParityConfig, compare_with_torch, parity
from gsam_edge.runtime.engines.table import open_engine

CONFIG = ParityConfig(
    images=4,
    score_threshold=0.25,
    match_iou=0.5,
    box_tolerance=0.1,
    score_tolerance=0.01,
    mask_tolerance=0.02,
    agreement=0.99,
    half={"box_tolerance": 0.5, "score_tolerance": 0.01, "mask_tolerance": 0.05},
)


def answer(seed, count=6):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 40, (1, count, 2))
    return {
        "boxes": np.concatenate([corners, corners + rng.uniform(5, 20, (1, count, 2))], -1).astype(np.float32),
        "scores": rng.uniform(0.4, 1, (1, count)).astype(np.float32),
        "class_ids": rng.integers(0, 3, (1, count)),
        "masks": rng.uniform(0.1, 0.9, (1, count, 16, 16)).astype(np.float32),
    }


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_an_answer_equals_itself_in_any_order(seed):
    reference = answer(seed)
    order = np.random.default_rng(seed).permutation(6)
    shuffled = {name: array[:, order] for name, array in reference.items()}
    found = parity([(reference, shuffled)], CONFIG)
    assert (found.matched, found.unmatched) == (6, 0)
    assert (found.box_difference, found.score_difference, found.mask_difference) == (0, 0, 0)
    assert found.within_tolerance


@pytest.mark.parametrize(
    ("name", "by", "attribute"),
    [("boxes", 0.5, "box_difference"), ("scores", -0.05, "score_difference"), ("masks", 0.05, "mask_difference")],
)
def test_a_difference_is_found_with_its_size(name, by, attribute):
    reference, other = answer(0), answer(0)
    other[name] = other[name].copy()
    other[name][0, 3] += np.float32(by)
    found = parity([(answer(1), answer(1)), (reference, other)], CONFIG)
    assert getattr(found, attribute) == pytest.approx(abs(by), abs=1e-5)
    assert found.images == 2
    assert found.agreement == pytest.approx(11 / 12)
    assert parity([(reference, other)], CONFIG.model_copy(update={"agreement": 0.8})).within_tolerance
    assert not found.within_tolerance


def test_what_only_one_finds_is_counted():
    reference, other = answer(0), answer(0)
    other["class_ids"] = other["class_ids"] + 3
    found = parity([(reference, other)], CONFIG)
    assert (found.matched, found.unmatched) == (0, 12)
    assert not found.within_tolerance


def test_without_a_match_there_is_no_difference():
    reference, other = answer(0), answer(0)
    other["scores"] = np.zeros_like(other["scores"])
    found = parity([(reference, other)], CONFIG)
    assert found.matched_share == 0
    assert (found.box_difference, found.score_difference, found.mask_difference) == (None, None, None)
    assert set(found.to_dict()) == {"images", "matched", "unmatched", "agreement", "within_tolerance", "matched_share"}


def test_rounding_leaves_the_matched_share_whole():
    reference, other = answer(0), answer(0)
    other["scores"] = other["scores"] - np.float32(0.1)
    found = parity([(reference, other)], CONFIG)
    assert (found.agreement, found.matched_share) == (0, 1)
    assert found.to_dict()["matched_share"] == 1
    nothing = parity([({name: array[:, :0] for name, array in reference.items()},) * 2], CONFIG)
    assert nothing.matched_share is None
    assert "matched_share" not in nothing.to_dict()


def test_a_score_that_rounds_across_the_threshold_leaves_nobody_lonely():
    reference, other = answer(0, count=1), answer(0, count=1)
    reference["scores"][:], other["scores"][:] = 0.252, 0.248
    found = parity([(reference, other)], CONFIG)
    assert (found.matched, found.unmatched) == (1, 0)
    other["scores"][:] = 0.1
    reference["scores"][:] = 0.3
    assert parity([(reference, other)], CONFIG).unmatched == 1


def test_an_edge_of_a_cropped_mask_may_move_but_its_inside_may_not():
    reference, other = answer(0, count=1), answer(0, count=1)
    for outputs, left in ((reference, 4), (other, 5)):
        outputs["masks"] = np.zeros((1, 1, 16, 16), np.float32)
        outputs["masks"][..., 3:12, left:12] = 0.9
    assert parity([(reference, other)], CONFIG).mask_difference == 0
    other["masks"][:] = 0
    assert parity([(reference, other)], CONFIG).mask_difference == pytest.approx(0.9)


def test_masks_of_one_side_only_are_an_error():
    reference, other = answer(0), answer(0)
    del other["masks"]
    with pytest.raises(ValueError, match="expected both artefacts to have masks or none"):
        parity([(reference, other)], CONFIG)
    del reference["masks"]
    assert "mask_difference" not in parity([(reference, other)], CONFIG).to_dict()


def test_no_images_is_an_error():
    with pytest.raises(ValueError, match="expected at least one image"):
        parity([], CONFIG)


def test_the_exported_student_equals_pytorch(edge_student, edge_onnx, canvases):
    found = compare_with_torch(edge_student, open_engine(edge_onnx, ".onnx", threads=1), canvases, CONFIG)
    assert found.images == len(canvases)
    assert found.matched > 0
    assert found.within_tolerance, found

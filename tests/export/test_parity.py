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
    stage_tolerance=0.02,
    agreement=0.99,
    half={"box_tolerance": 0.5, "score_tolerance": 0.01, "mask_tolerance": 0.05, "stage_tolerance": 0.05},
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
    assert (found.objects, found.found_by_both, found.equal) == (6, 6, 6)
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
    assert (found.objects, found.found_by_both, found.equal) == (12, 12, 11)
    assert parity([(reference, other)], CONFIG.model_copy(update={"agreement": 0.8})).within_tolerance
    assert not found.within_tolerance


def test_what_only_one_finds_is_counted():
    reference, other = answer(0), answer(0)
    other["class_ids"] = other["class_ids"] + 3
    found = parity([(reference, other)], CONFIG)
    assert (found.objects, found.found_by_both) == (12, 0)
    assert not found.within_tolerance


def test_without_a_match_there_is_no_difference():
    reference, other = answer(0), answer(0)
    other["scores"] = np.zeros_like(other["scores"])
    found = parity([(reference, other)], CONFIG)
    assert found.found_by_both == 0
    assert (found.box_difference, found.score_difference, found.mask_difference) == (None, None, None)
    assert set(found.to_dict()) == {"images", "objects", "found_by_both", "equal", "words"}


def test_each_question_has_one_figure_with_its_count():
    """Whether both find the same, and how much of that is equal; a share of the one is never taken for the other."""
    reference, other = answer(0), answer(0)
    other["scores"] = other["scores"] - np.float32(0.1)
    other["class_ids"][0, :2] += 3
    found = parity([(reference, other)], CONFIG)
    assert (found.objects, found.found_by_both, found.equal, found.within_tolerance) == (8, 4, 0, False)
    assert found.words == "of 8 objects in 1 image, it and PyTorch both find 4, 0 of them equal within the tolerances"
    assert found.to_dict()["words"] == found.words
    assert not {"agreement", "matched_share", "within_tolerance"} & set(found.to_dict())


def test_over_nothing_there_is_no_agreement():
    nothing = {name: array[:, :0] for name, array in answer(0).items()}
    found = parity([(nothing, nothing)] * 2, CONFIG)
    assert not found.within_tolerance
    assert found.words == "nothing to compare: neither it nor PyTorch finds an object in 2 images"
    assert set(found.to_dict()) == {"images", "objects", "found_by_both", "equal", "words"}


def test_half_precision_has_tolerances_of_its_own():
    reference, other = answer(0), answer(0)
    other["boxes"] = other["boxes"] + np.float32(0.3)
    assert not parity([(reference, other)], CONFIG.for_precision("single")).within_tolerance
    assert not parity([(reference, other)], CONFIG.for_precision("integer")).within_tolerance
    assert parity([(reference, other)], CONFIG.for_precision("half")).within_tolerance


def test_a_score_that_rounds_across_the_threshold_leaves_nobody_lonely():
    reference, other = answer(0, count=1), answer(0, count=1)
    reference["scores"][:], other["scores"][:] = 0.252, 0.248
    found = parity([(reference, other)], CONFIG)
    assert (found.objects, found.found_by_both) == (1, 1)
    other["scores"][:] = 0.1
    reference["scores"][:] = 0.3
    alone = parity([(reference, other)], CONFIG)
    assert (alone.objects, alone.found_by_both) == (1, 0)


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
    assert found.found_by_both > 0
    assert found.within_tolerance, found

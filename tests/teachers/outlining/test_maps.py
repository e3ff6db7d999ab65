"""Soft masks lie on the canvas where the masks that are drawn lie."""

import numpy as np
import pytest
import torch

from gsam_edge.teachers.outlining.maps import mask_maps
from gsam_edge.teachers.outlining.model import predict_masks
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.model import SamModel
from support.tiny import TINY_SAM


@pytest.fixture(scope="module")
def sam() -> SamModel:
    torch.manual_seed(0)
    return SamModel(build_sam(TINY_SAM), TINY_SAM, "random")


@pytest.mark.parametrize(("side", "multimask"), [(128, True), (256, False)])
def test_a_cells_logit_is_above_zero_where_the_drawn_mask_is(sam, side, multimask):
    """In the cells that a mask covers whole or not at all, on canvases larger than the input, too; 40 boxes."""
    canvas = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    corners = np.random.default_rng(1).uniform(0, side, (40, 2, 2))
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1).astype(np.float32)
    features = sam.embed([canvas])
    logits = mask_maps(sam, features, boxes, (side, side), multimask=multimask)["mask_logits"]
    assert logits.shape == (40, side // 4, side // 4)
    masks, _ = predict_masks(sam, features, boxes, (side, side), multimask=multimask)
    cells = masks.whole().reshape(40, side // 4, 4, side // 4, 4).mean((2, 4))
    whole = (cells == 0) | (cells == 1)
    assert (cells == 1).sum() > 50
    assert (cells == 0).sum() > 50
    assert ((logits.numpy() > 0) == (cells == 1))[whole].mean() > 0.97


def test_where_the_grids_coincide_the_logits_are_the_decoders_own(sam):
    """This model's masks have 32 cells along a side, as a canvas of 128 pixels has."""
    canvas = np.random.default_rng(0).integers(0, 256, (128, 128, 3), np.uint8)
    boxes, features = np.array([[4, 8, 80, 100]], np.float32), sam.embed([canvas])
    given = mask_maps(sam, features, boxes, (128, 128), multimask=False)["mask_logits"]
    expected, _ = sam.decode(features, torch.from_numpy(boxes / 2), multimask=False)
    torch.testing.assert_close(given, expected[:, 0].detach())


def test_without_boxes_nothing_is_embedded_or_drawn(sam):
    nothing = mask_maps(sam, {}, np.zeros((0, 4), np.float32), (64, 64), multimask=False)
    assert nothing["mask_logits"].shape == (0, 16, 16)

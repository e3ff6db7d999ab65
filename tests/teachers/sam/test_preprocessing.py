"""SAM's input against segment_anything's own preparation and against its definition, and the way back."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from segment_anything import SamPredictor

from gsam_edge.teachers.outlining.model import boxes_to_input
from gsam_edge.teachers.sam.architecture import PUBLISHED, build_sam
from gsam_edge.teachers.sam.model import SamModel
from support.tiny import TINY_SAM

SIDE = 1024
SIZES = [(333, 501), (1, 1), (9, 13), (3001, 4003), (719, 283), (1024, 1024), (1025, 3), (50, 2000)]


@pytest.fixture(scope="module")
def sam():
    """Small inside, with the input of the published ones."""
    architecture = TINY_SAM.model_copy(update={"image_size": SIDE, "patch_size": 16})
    return SamModel(build_sam(architecture), architecture, "random")


def image(size, *, grey=False):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    return np.repeat(noise[..., :1], 3, axis=2) if grey else noise


@pytest.fixture
def seen(sam, monkeypatch):
    """What the image encoder is given, float32 [B, 3, 1024, 1024] each."""
    given = []
    monkeypatch.setattr(sam.model.image_encoder, "forward", lambda pixels: given.append(pixels) or pixels)
    return given


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_the_input_is_that_of_its_definition(sam, seen, size, grey):
    """Longest side 1024, bilinear; minus the mean and by the deviation of ImageNet in 0..255; zeros right and below."""
    shown = image(size, grey=grey)
    sam.embed([shown])
    scale = SIDE / max(size)
    height, width = (int(side * scale + 0.5) for side in size)
    resized = np.asarray(Image.fromarray(shown).resize((width, height), Image.Resampling.BILINEAR), np.float64)
    expected = np.zeros((SIDE, SIDE, 3))
    expected[:height, :width] = (resized - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]
    assert sam.input_hw(size) == (height, width)
    assert seen[0].dtype == torch.float32
    assert np.abs(seen[0][0].permute(1, 2, 0).numpy() - expected).max() < 1e-5


@pytest.mark.parametrize("size", SIZES[:3])
def test_the_input_is_that_of_the_librarys_own_predictor(sam, seen, size):
    SamPredictor(sam.model).set_image(image(size))
    sam.embed([image(size)])
    assert torch.equal(*seen)


def test_every_published_size_has_this_input():
    assert {architecture.image_size for architecture in PUBLISHED.values()} == {SIDE}


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.integers(100, 1600), st.integers(100, 1600)).filter(lambda size: max(size) < 8 * min(size)),
    st.tuples(st.floats(0.05, 0.4), st.floats(0.6, 0.95)),
)
def test_boxes_and_masks_come_back_to_half_a_pixel_of_the_image(sam, size, span):
    """A rectangle at least a cell from the border; its edges, where the logit is 0, fall off over the decoder's map."""
    height, width = size
    xyxy = np.array([[span[0] * width, span[0] * height, span[1] * width, span[1] * height]], np.float32)
    on_input = boxes_to_input(sam, xyxy, size).numpy()[0]
    input_hw = sam.input_hw(size)
    back = on_input / (np.array([*input_hw[::-1]] * 2) / [width, height, width, height])
    np.testing.assert_allclose(back, xyxy[0], atol=0.01)
    left, top, right, bottom = on_input
    cells = sam.architecture.mask_size
    centres = (np.arange(cells) + 0.5) * SIDE / cells
    across, down = (np.minimum(centres - low, high - centres) for low, high in ((left, right), (top, bottom)))
    logits = torch.from_numpy(np.minimum(down[:, None], across[None, :]).astype(np.float32))
    full = sam.full_masks(logits[None], size)[0]
    lines, columns = np.flatnonzero(full.any(1)), np.flatnonzero(full.any(0))
    found = [columns[0], lines[0], columns[-1] + 1, lines[-1] + 1]
    np.testing.assert_allclose(found, xyxy[0], atol=0.5 + 0.01)

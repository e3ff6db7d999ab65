"""The student's input against Ultralytics' `LetterBox`, which its weights were trained with."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional
from ultralytics.data.augment import LetterBox

from gsam_edge.vision import Letterbox


def reference(image, side):
    return LetterBox(new_shape=(side, side), auto=False, scaleup=True)(image=image)


def ours(image, side):
    return Letterbox.fit(image.shape[:2], (side, side)).image(image)


def furthest(a, b):
    """Largest difference in grey levels."""
    return int(np.abs(a.astype(int) - b.astype(int)).max())


def smooth(height, width, seed=0):
    """Colours that change over a tenth of the image."""
    coarse = np.random.default_rng(seed).integers(0, 256, (10, 10, 3)).astype(np.float32)
    planes = torch.from_numpy(coarse).permute(2, 0, 1)[None]
    resized = functional.interpolate(planes, (height, width), mode="bicubic").clamp(0, 255)
    return resized[0].permute(1, 2, 0).round().to(torch.uint8).numpy()


@settings(deadline=None, max_examples=60)
@given(st.integers(8, 1500), st.floats(0.1, 10), st.sampled_from([64, 256, 640]))
def test_every_image_lies_where_the_reference_puts_it_in_the_same_grey(height, ratio, side):
    """One colour shows the geometry alone: not a pixel differs, whatever the size."""
    width = max(8, min(3000, round(height * ratio)))
    image = np.full((height, width, 3), (250, 10, 90), np.uint8)
    assert furthest(ours(image, side), reference(image, side)) == 0


@pytest.mark.parametrize("size", [(640, 640), (333, 639), (201, 117), (9, 13), (640, 45)])
def test_images_that_are_not_shrunk_are_the_references_to_one_grey_level(size):
    """Odd, tiny, portrait, in colours and in grey; noise, in which any shift would show."""
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    for image in (noise, np.repeat(noise[..., :1], 3, axis=2)):
        assert furthest(ours(image, 640), reference(image, 640)) <= 1


@pytest.mark.parametrize("size", [(3001, 4003), (1283, 719), (641, 643)])
def test_images_that_are_shrunk_are_the_references_where_nothing_is_finer_than_a_pixel_of_the_canvas(size):
    """Huge, portrait and by a hair. Finer detail is averaged, where OpenCV's bilinear resize picks pixels: so small
    defects do not come and go with the grid. The student is trained on images resized likewise.
    """
    image = smooth(*size)
    assert furthest(ours(image, 640), reference(image, 640)) <= 2
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    box = Letterbox.fit(size, (640, 640))
    planes = torch.from_numpy(noise).permute(2, 0, 1)[None].float()
    averaged = functional.interpolate(planes, box.resized_hw, mode="bilinear", antialias=True)
    (left, top), (height, width) = box.offset_xy, box.resized_hw
    inside = ours(noise, 640)[top : top + height, left : left + width]
    assert furthest(inside, averaged[0].permute(1, 2, 0).round().numpy()) <= 1


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(40, 1500), st.integers(40, 1500)),
    st.sampled_from([1, 4]),
    st.tuples(st.floats(0.05, 0.4), st.floats(0.6, 0.95)),
)
def test_boxes_and_masks_come_back_to_half_a_pixel_of_the_image(image_hw, stride, span):
    """A rectangle whose edges fall off over the canvas, as a network's do: the edge is where the probability is 0.5."""
    side = 640
    box = Letterbox.fit(image_hw, (side, side))
    height, width = image_hw
    xyxy = np.array([[span[0] * width, span[0] * height, span[1] * width, span[1] * height]], np.float32)
    on_canvas = box.boxes_to_canvas(xyxy)
    np.testing.assert_allclose(box.boxes_to_image(on_canvas), xyxy, atol=0.01)
    left, top, right, bottom = on_canvas[0]
    centres = (np.arange(side // stride) + 0.5) * stride
    fall = 0.5 / (4 * stride)  # a probability of 0 or 1 four cells from the edge
    across, down = (
        np.clip(0.5 + fall * np.minimum(centres - low, high - centres), 0, 1)
        for low, high in ((left, right), (top, bottom))
    )
    probabilities = np.minimum(down[:, None], across[None, :]).astype(np.float32)
    (mask,) = box.masks_to_image(probabilities[None], np.array([[0, 0, width, height]], np.float32)).whole()
    lines, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    found = [columns[0], lines[0], columns[-1] + 1, lines[-1] + 1]
    np.testing.assert_allclose(found, xyxy[0], atol=0.5 + 0.05)

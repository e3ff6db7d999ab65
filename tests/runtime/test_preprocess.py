import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.runtime import preprocess


@given(st.integers(1, 90), st.integers(1, 90), st.sampled_from([32, 64]))
@settings(max_examples=40, deadline=None)
def test_any_picture_becomes_one_canvas(height, width, size):
    image = np.full((height, width, 3), 255, np.uint8)
    batch, letterbox = preprocess(image, size)
    assert batch.shape == (1, 3, size, size)
    assert batch.dtype == np.float32
    assert batch.flags.c_contiguous
    assert letterbox.image_hw == (height, width)
    covered = letterbox.resized_hw[0] * letterbox.resized_hw[1]
    assert np.isclose(batch, 1).all(axis=1).sum() == covered
    assert np.isclose(batch, 114 / 255).all(axis=1).sum() == size * size - covered


def test_channels_keep_their_order():
    image = np.zeros((8, 8, 3), np.uint8)
    image[..., 0] = 255
    batch, _ = preprocess(image, 32)
    assert batch[0, 0].min() == 1
    assert batch[0, 1:].max() == 0


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_rgb_picture_is_refused(image):
    with pytest.raises(ValueError, match=r"expected uint8 \[H, W, 3\]"):
        preprocess(image, 32)

"""Images reach the network as they reached the published one, and boxes come back to their own pixels."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import GroundingDinoImageProcessor, GroundingDinoProcessor

from gsam_edge.synthetic.general import GENERAL_WORDS, draw_general_scene
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.grounding_dino.batch import labelled_batch
from gsam_edge.teachers.grounding_dino.family import GroundingDinoFamily
from gsam_edge.teachers.grounding_dino.loss import grounding_dino_losses
from gsam_edge.teachers.grounding_dino.model import GroundingDino, _detections, load_grounding_dino, roomy_hw
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import xyxy_to_cxcywh
from support.tiny import GROUNDING_DINO_LOSS, SMALL_WORLD, TINY_GROUNDING_DINO, original_grounding_dino

EVERYTHING = DetectionConfig(score_threshold=0, candidates=1000, nms_iou=1, max_detections=1000, batch_size=3)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
#: (height, width) of an image and of the network's input: shortest side 800, longest at most 1333.
SIZES = {
    (8, 8): (800, 800),
    (3, 50): (80, 1333),
    (1, 20): (67, 1333),
    (333, 517): (800, 1242),
    (517, 333): (1242, 800),
    (1080, 1920): (750, 1333),
    (2401, 1201): (1333, 667),
}


@pytest.fixture(scope="module")
def tiny():
    return build_tiny_grounding_dino(TINY_GROUNDING_DINO, GENERAL_WORDS, seed=0)


@pytest.fixture(scope="module")
def original(tiny, tmp_path_factory):
    """The original architecture with the published preprocessing, as it loads from a folder."""
    processor = GroundingDinoProcessor(GroundingDinoImageProcessor(), tiny.processor.tokenizer)
    folder = tmp_path_factory.mktemp("original")
    original_grounding_dino(processor).save(folder)
    return load_grounding_dino(str(folder))


def noise(image_hw, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*image_hw, 3), np.uint8)


@pytest.mark.parametrize("image_hw", SIZES)
@pytest.mark.parametrize("grey", [False, True])
def test_pixels_are_those_of_the_published_preprocessing(original, image_hw, grey):
    """The library's processor to the last digit, and within one of 255 levels, by rounding, Pillow's resize."""
    image = noise(image_hw)
    image = np.repeat(image[..., :1], 3, axis=2) if grey else image
    height, width = SIZES[image_hw]
    library = GroundingDinoImageProcessor()(images=[image], return_tensors="pt", input_data_format="channels_last")
    resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    for pixels in (original.inputs([image], ["ring."])["pixel_values"][0], original._prepared(image).pixels):
        assert torch.equal(pixels, library["pixel_values"][0])
        levels = (pixels.numpy().transpose(1, 2, 0) * STD + MEAN) * 255
        assert np.abs(levels - resized).max() < 1.01


@pytest.mark.slow
def test_a_huge_image_is_prepared_as_published(original):
    image = noise((6001, 8003))
    resized = np.asarray(Image.fromarray(image).resize((1066, 800), Image.Resampling.BILINEAR))
    levels = (original._prepared(image).pixels.numpy().transpose(1, 2, 0) * STD + MEAN) * 255
    assert np.abs(levels - resized).max() < 1.01


def test_a_models_own_folder_says_how_its_images_are_prepared(tiny, tmp_path):
    """Size, resampling, pixel range, statistics and padding; another size there is the size from then on."""
    tiny.save(tmp_path)
    file = tmp_path / "processor_config.json"
    content = json.loads(file.read_text())
    own = content["image_processor"]
    assert {"size", "resample", "rescale_factor", "image_mean", "image_std", "do_pad"} <= own.keys()
    own["size"] = {"shortest_edge": 96, "longest_edge": 128}
    own["image_mean"] = [0.0, 0.0, 0.0]
    file.write_text(json.dumps(content))
    changed = load_grounding_dino(str(tmp_path))
    pixels = changed._prepared(noise((50, 100))).pixels
    assert pixels.shape == (3, 64, 128)
    assert pixels.min() >= 0
    assert len({GroundingDinoFamily().base_digest(base) for base in (tiny, changed)}) == 2


def test_images_of_different_sizes_are_padded_at_the_right_and_below(original):
    images = [noise((60, 100)), noise((100, 50), 1)]
    inputs = original.inputs(images, ["ring."] * 2)
    assert inputs["pixel_values"].shape == (2, 3, 1333, 1333)
    for pixels, mask, image in zip(inputs["pixel_values"], inputs["pixel_mask"], images, strict=True):
        own = original._prepared(image).pixels
        height, width = own.shape[1:]
        assert torch.equal(pixels[:, :height, :width], own)
        assert mask.sum() == mask[:height, :width].sum() == height * width
        assert not pixels[:, height:].any()
        assert not pixels[:, :, width:].any()


@settings(max_examples=20)
@given(
    image_hw=st.tuples(st.integers(8, 2500), st.integers(8, 2500)).filter(lambda hw: max(hw) < 8 * min(hw)),
    shares=st.lists(st.floats(0, 1), min_size=4, max_size=4),
)
def test_a_box_comes_back_to_its_own_pixels(original, image_hw, shares):
    """Within half a pixel: through the truth's fractions and back, and where it lies in the resized image."""
    height, width = image_hw
    x, y = (
        np.sort(np.round(np.array(part) * (side - 1))) for part, side in ((shares[:2], width), (shares[2:], height))
    )
    box = np.array([[x[0], y[0], x[1] + 1, y[1] + 1]], np.float32)
    fractions = xyxy_to_cxcywh(box) / np.array([width, height, width, height], np.float32)
    back = _detections(image_hw, fractions, np.ones((1, 1), np.float32), EVERYTHING).xyxy
    np.testing.assert_allclose(back, box, atol=0.01)

    left, top, right, bottom = box[0].astype(int)
    image = np.zeros((*image_hw, 3), np.uint8)
    image[top:bottom, left:right] = 255
    shown = original._prepared(image).pixels[0].numpy() * STD[0] + MEAN[0]
    # The box is all the light there is. At the border a smaller image keeps less of it.
    if shown.sum() > 0.5:
        for axis, side, wanted in ((0, width, (left + right) / 2), (1, height, (top + bottom) / 2)):
            light = shown.sum(axis)
            centre = ((np.arange(len(light)) + 0.5) * light).sum() / light.sum() / len(light) * side
            assert abs(centre - wanted) < 0.5 * max(1, side / len(light))


def same(one, other):
    assert len(one) == len(other)
    np.testing.assert_allclose(one.scores, other.scores, atol=1e-5)
    np.testing.assert_allclose(one.xyxy, other.xyxy, atol=1e-2)


@pytest.mark.parametrize("batch_size", [2, 3, 8])
def test_an_images_detections_do_not_depend_on_the_images_beside_it(tiny, batch_size):
    """Of all shapes; the third and the fourth are of one size to the network, though not in their own pixels."""
    detector = GroundingDino(original_grounding_dino(tiny.processor).model, tiny.processor, "original")
    scene = draw_general_scene(np.random.default_rng(0), SMALL_WORLD).image
    images = [scene, scene[:30], scene[:48], np.repeat(np.repeat(scene[:48], 2, 0), 2, 1), scene[:, :20], scene]
    config = EVERYTHING.model_copy(update={"batch_size": batch_size})
    together = detector.predict_batch(iter(images), ["ring", "star"], config)
    for image, found in zip(images, together, strict=True):
        same(found, detector.predict_batch([image], ["ring", "star"], EVERYTHING)[0])


def test_images_are_read_one_batch_at_a_time(tiny):
    """A data set does not fit into memory; one image more is looked at, to know that a batch is whole."""
    read = []

    def images():
        for number in range(7):
            read.append(number)
            yield noise((64, 64), number)

    seen = []

    class Watched(GroundingDino):
        def _predict(self, batch, *rest):
            seen.append((len(batch), len(read)))
            return super()._predict(batch, *rest)

    Watched(tiny.model, tiny.processor, "watched").predict_batch(images(), ["ring"], EVERYTHING)
    assert [count for count, _ in seen] == [3, 3, 1]
    assert all(ahead <= 1 + 3 * (place + 1) for place, (_, ahead) in enumerate(seen))


def test_truth_is_a_fraction_of_the_image_and_not_of_its_padding(tiny):
    (prompt,) = tiny.prompts(["ring"])
    truth = Detections(np.array([[10, 5, 30, 25]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
    batch = labelled_batch(tiny, [noise((50, 100)), noise((100, 50))], [truth, truth], [prompt] * 2)
    assert batch.boxes[0][0].tolist() == pytest.approx([0.2, 0.3, 0.2, 0.4])
    assert batch.boxes[1][0].tolist() == pytest.approx([0.4, 0.15, 0.4, 0.2])


@pytest.mark.parametrize("image_hw", [(20, 880), (880, 20), (2, 100)])
def test_a_narrow_image_with_fewer_places_than_queries_is_found_in_and_learnt_from(image_hw):
    """The library would fail to choose the queries. The boxes are still fractions of the image alone."""
    detector = build_tiny_grounding_dino(TINY_GROUNDING_DINO.model_copy(update={"queries": 80}), GENERAL_WORDS, seed=0)
    image, (height, width) = noise(image_hw), image_hw
    (found,) = detector.predict_batch([image], ["ring"], EVERYTHING)
    assert len(found) == 80
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= [width, height, width, height]).all()
    (prompt,) = detector.prompts(["ring"])
    truth = Detections(np.array([[0, 0, width, height / 2]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
    batch = labelled_batch(detector, [image], [truth], [prompt])
    assert batch.boxes[0][0].tolist() == pytest.approx([0.5, 0.25, 1, 0.5])
    for encoder_loss in ("dense", "two_stage"):
        config = GROUNDING_DINO_LOSS.model_copy(update={"encoder_loss": encoder_loss})
        assert all(loss.isfinite() for loss in grounding_dino_losses(detector.model, batch, config).values())


def test_only_inputs_without_room_grow_and_they_by_no_more_than_needed():
    """Full size: an image of 44 : 1 has 899 tokens for 900 queries."""
    assert roomy_hw((33, 1333), levels=4, queries=900) == (33, 1333)
    assert roomy_hw((30, 1333), levels=4, queries=900) == (33, 1333)
    assert roomy_hw((1333, 7), levels=4, queries=900) == (1333, 33)

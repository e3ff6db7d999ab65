from string import ascii_lowercase

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gsam_edge.synthetic import GENERAL_WORDS, GeneralWorldConfig, Scene, draw_absent_phrases, draw_general_scene
from gsam_edge.synthetic.sample import SAMPLE_CLASSES

CONFIG = GeneralWorldConfig(
    image_size=128,
    min_objects=1,
    max_objects=6,
    min_extent=0.12,
    max_extent=0.6,
    max_mark_extent=0.25,
    mark_probability=0.2,
    min_visible=0.5,
    texture_probability=0.5,
    colour_probability=0.6,
    texture_word_probability=0.3,
    shadow_probability=0.5,
    light_strength=0.35,
    blur_probability=0.5,
    max_blur=1.2,
    max_noise=0.05,
)
seeds = st.integers(0, 2**32 - 1)


def scene_of(seed: int) -> Scene:
    return draw_general_scene(np.random.default_rng(seed), CONFIG)


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_every_scene_holds_disjoint_visible_objects(seed):
    scene = scene_of(seed)
    assert scene.image.shape == (128, 128, 3)
    assert scene.image.dtype == np.uint8
    assert 1 <= len(scene.phrases) <= CONFIG.max_objects
    assert scene.masks.sum(axis=0).max() == 1
    assert scene.masks.any(axis=(1, 2)).all()


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_a_phrase_is_true_of_exactly_the_objects_that_carry_it(seed):
    phrases = scene_of(seed).phrases
    told = [set(phrase.split()) for phrase in phrases]
    assert all(words <= set(GENERAL_WORDS) for words in told)
    for ours in told:
        for theirs in told:
            assert not ours < theirs


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_absent_phrases_are_true_of_nothing_in_the_scene(seed):
    phrases = scene_of(seed).phrases
    absent = draw_absent_phrases(np.random.default_rng(seed), phrases, 5)
    assert len(absent) == len(set(absent)) == 5
    for phrase in absent:
        assert not any(set(phrase.split()) <= set(present.split()) for present in phrases)


def test_same_seed_same_scene():
    first, second = scene_of(11), scene_of(11)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.masks, second.masks)
    assert first.phrases == second.phrases
    assert not np.array_equal(first.image, scene_of(12).image)


def test_words_spell_every_letter_and_none_of_the_sample():
    assert set(ascii_lowercase) <= set("".join(GENERAL_WORDS))
    assert not set(GENERAL_WORDS) & {word for name in SAMPLE_CLASSES for word in name.split()}


def test_an_object_stands_out_from_its_surroundings():
    """The mask lies where the object is: colours differ more across its outline than within it."""
    clean = CONFIG.model_copy(
        update={
            "min_objects": 1,
            "max_objects": 1,
            "mark_probability": 0.0,
            "texture_probability": 0.0,
            "shadow_probability": 0.0,
            "light_strength": 0.0,
            "blur_probability": 0.0,
            "max_noise": 0.0,
            "min_extent": 0.4,
        }
    )
    for seed in range(20):
        scene = draw_general_scene(np.random.default_rng(seed), clean)
        image, mask = scene.image.astype(float), scene.masks[0]
        outside = image[~mask].mean(axis=0)
        assert np.abs(image[mask].mean(axis=0) - outside).max() > 15


def test_misspelt_field_is_refused():
    with pytest.raises(ValidationError, match="image_sise"):
        GeneralWorldConfig(**CONFIG.model_dump(), image_sise=3)


def test_scene_refuses_masks_of_another_size():
    with pytest.raises(ValueError, match=r"expected shape \(1, 4, 4\), got \(1, 3, 4\)"):
        Scene(np.zeros((4, 4, 3), np.uint8), np.zeros((1, 3, 4), bool), ("ring",))

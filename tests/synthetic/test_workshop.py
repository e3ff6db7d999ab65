"""The workshop, the world that the tiny teachers are pretrained on."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge import synthetic
from gsam_edge.synthetic import SAMPLE_CLASSES, Scene
from gsam_edge.synthetic.shapes import SHAPES, fill_contours
from gsam_edge.synthetic.workshop import WORKSHOP_WORDS, WorkshopConfig, draw_absent, draw_workshop_scene
from gsam_edge.synthetic.workshop.flaws import FLAWS
from gsam_edge.synthetic.workshop.parts import PARTS
from gsam_edge.synthetic.workshop.phrases import DIRECTIONS, LONG_SHAPES, NOUNS, Told, draw_look
from support.tiny import SMALL_WORKSHOP

ROOT = Path(__file__).parents[2]
SHIPPED = WorkshopConfig.model_validate(
    yaml.safe_load((ROOT / "conf/base/parameters_pretrain_tiny_teachers.yml").read_text())["grounding_dino_world"]
)
#: Words of the nouns that a direction can go with.
LONG = {*LONG_SHAPES, *(name for name, thing in (*PARTS.items(), *FLAWS.items()) if thing.is_long)}
seeds = st.integers(0, 2**32 - 1)


def scene_of(seed: int, config: WorkshopConfig = SMALL_WORKSHOP) -> Scene:
    return draw_workshop_scene(np.random.default_rng(seed), config)


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_every_scene_holds_disjoint_visible_objects(seed):
    scene = scene_of(seed)
    side = SMALL_WORKSHOP.image_size
    assert scene.image.shape == (side, side, 3)
    assert scene.image.dtype == np.uint8
    assert 1 <= len(scene.phrases) <= SMALL_WORKSHOP.max_objects
    assert scene.masks.sum(axis=0).max() == 1
    assert scene.masks.any(axis=(1, 2)).all()


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_no_phrase_is_true_of_an_object_that_carries_another_one(seed):
    told = [set(phrase.split()) for phrase in scene_of(seed).phrases]
    assert all(words <= set(WORKSHOP_WORDS) for words in told)
    assert not any(ours < theirs for ours in told for theirs in told)


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_absent_phrases_tell_the_same_attributes_and_are_true_of_nothing(seed):
    phrases = scene_of(seed).phrases
    absent = draw_absent(np.random.default_rng(seed), phrases, 5)
    assert len(absent) == len(set(absent)) <= 5
    lengths = {len(phrase.split()) for phrase in phrases}
    for phrase in absent:
        assert len(phrase.split()) in lengths
        assert not any(set(phrase.split()) <= set(present.split()) for present in phrases)


def test_absent_phrases_hold_look_alikes_that_differ_in_one_word():
    """Only such negatives teach attributes: without them the noun alone decides."""
    phrases = ("red striped ring", "blue plain bar")
    drawn = {phrase for seed in range(40) for phrase in draw_absent(np.random.default_rng(seed), phrases, 3)}
    assert {"red", "striped"} <= {word for phrase in drawn if phrase.endswith("ring") for word in phrase.split()}
    assert any(re.fullmatch(r"\w+ striped ring", phrase) for phrase in drawn)
    assert any(re.fullmatch(r"red \w+ ring", phrase) for phrase in drawn)
    assert any(re.fullmatch(r"red striped \w+", phrase) for phrase in drawn)


@pytest.mark.parametrize("config", [SMALL_WORKSHOP, SHIPPED])
def test_same_seed_same_scene(config):
    first, second = scene_of(11, config), scene_of(11, config)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.masks, second.masks)
    assert first.phrases == second.phrases
    assert not np.array_equal(first.image, scene_of(12, config).image)


def test_masks_lie_where_objects_are_drawn():
    """In clean light the pixels of a mask have another colour than those around its box."""
    optics = {"light_strength": 0, "glare_probability": 0, "defocus_probability": 0, "motion_probability": 0}
    clean = SMALL_WORKSHOP.model_copy(
        update={
            "image_size": 160,
            "min_objects": 1,
            "max_objects": 1,
            "flaw_probability": 0.0,
            "texture_probability": 0.0,
            "shadow_probability": 0.0,
            "relief_probability": 0.0,
            "max_cushions": 0,
            "roller_probability": 0.0,
            "optics": SMALL_WORKSHOP.optics.model_copy(update={**optics, "max_noise": 0}),
        }
    )
    for seed in range(25):
        scene = scene_of(seed, clean)
        image, mask = scene.image.astype(float), scene.masks[0]
        difference = np.abs(np.median(image[mask], axis=0) - np.median(image[~mask], axis=0)).max()
        assert difference > 20, (seed, scene.phrases)


def test_a_told_direction_is_the_one_that_is_drawn():
    told = SMALL_WORKSHOP.model_copy(
        update={
            "image_size": 224,
            "texture_word_probability": 0.0,
            "count_word_probability": 0.0,
            "direction_word_probability": 1.0,
            "max_objects": 1,
            "min_objects": 1,
            "min_visible": 1.0,
            "roller_probability": 0.0,
        }
    )
    seen = set()
    for seed in range(150):
        scene = scene_of(seed, told)
        words = scene.phrases[0].split()
        if words[-1] not in ("bar", "ladder", "dumbbell", "rectangle", "strap", "zip", "ribbon", "screw", "seam"):
            continue
        y, x = np.nonzero(scene.masks[0])
        u, v = np.linalg.eigh(np.cov(np.stack([x, y])))[1][:, -1]
        steepness = np.degrees(np.arctan2(abs(v), abs(u)))
        low, high = {"level": (0, 20), "upright": (70, 90), "slanting": (25, 65)}[words[-2]]
        assert low <= steepness <= high, (seed, scene.phrases, steepness)
        seen.add(words[-2])
    assert seen == set(DIRECTIONS)


@pytest.mark.parametrize("name", PARTS)
def test_every_part_fits_its_square_and_is_drawn_with_every_count(name):
    part = PARTS[name]
    for seed, count in enumerate(part.counts * 3):
        drawing = part.draw(np.random.default_rng(seed), count)
        every = np.concatenate([*drawing.outline, *(c for outlines, _ in drawing.details for c in outlines)])
        assert np.abs(every).max() <= 1.35
        mask = fill_contours(tuple((c * 30 + 45).astype(np.float32) for c in drawing.outline), (90, 90)) > 127
        assert mask.sum() > 100


def test_nouns_are_one_word_each_and_belong_to_one_kind():
    assert len(NOUNS) == len(set(NOUNS))
    assert all(noun.isalpha() for noun in NOUNS)
    others = set(WORKSHOP_WORDS) - set(NOUNS)
    assert not others & set(NOUNS)


def test_look_alikes_are_frequent():
    rng = np.random.default_rng(0)
    config = SHIPPED.model_copy(update={"look_alike_probability": 1.0})
    looks = [draw_look(rng, config, [])]
    for _ in range(30):
        looks.append(draw_look(rng, config, looks[:1]))
    first = looks[0]
    differences = [
        sum(getattr(first, name) != getattr(look, name) for name in ("noun", "colour", "texture", "direction", "count"))
        for look in looks[1:]
    ]
    assert np.mean(np.array(differences) == 1) > 0.5


def test_phrases_tell_what_is_told():
    rng = np.random.default_rng(3)
    looks = [draw_look(rng, SHIPPED, []) for _ in range(300)]
    assert any(re.search(r"(two|three) hole tag", look.phrase(Told(colour=True, count=True))) for look in looks)
    assert all(look.phrase(Told()) == look.noun for look in looks)
    directed = [look for look in looks if set(look.phrase(Told(direction=True)).split()) & set(DIRECTIONS)]
    assert {look.noun for look in directed} <= LONG


def test_no_name_of_the_sample_is_a_phrase_or_a_word_of_the_workshop():
    assert not set(WORKSHOP_WORDS) & {word for name in SAMPLE_CLASSES for word in name.split()}


def test_no_drawing_of_the_sample_is_used_by_the_workshop():
    """What draws bags, belts, labels and defects stays unseen by the teachers until they are tuned."""
    folder = Path(synthetic.__file__).parent
    of_the_sample = {"bag", "belt", "card", "defects", "line", "sample", "sample_dataset"}
    seen: set[str] = set()
    waiting = {"workshop.world"}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        for node in ast.walk(ast.parse((folder / f"{name.replace('.', '/')}.py").read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("gsam_edge.synthetic."):
                waiting |= {node.module.removeprefix("gsam_edge.synthetic.")} - seen
    assert {"workshop.parts", "workshop.flaws", "workshop.backdrop", "workshop.optics", "shapes"} <= seen
    assert not seen & of_the_sample
    assert set(SHAPES) <= set(NOUNS)

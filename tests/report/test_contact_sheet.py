"""Contact sheets: what stands in them, and that every one can be opened."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gsam_edge.augmentation import AugmentationRules, Description, describe, shipped_rules
from gsam_edge.coco import Annotations, RawCoco, ValidationConfig
from gsam_edge.report.contact_sheet import (
    NOTHING,
    PreviewConfig,
    SheetMaker,
    in_words,
    preview_annotations,
    word_sheets,
)
from gsam_edge.vision.images import ImageError

CONFIG = PreviewConfig(images=2, draws=3, image_width=60)
DESCRIPTION = Description(
    characteristics=("changes_shape", "multiple_objects"),
    environment={"lighting": "poor", "camera": "fixed"},
    intensity="medium",
)


class Images(dict):
    """Grey images that count how often one was decoded."""

    decoded = 0

    def __getitem__(self, name: str) -> np.ndarray:
        self.decoded += 1
        return np.full((40, 50, 3), 120, np.uint8)

    def probe(self, name: str) -> tuple[int, int]:
        if name.startswith("gone"):
            raise ImageError(f"{name} is gone")
        return 40, 50


@pytest.fixture(scope="module")
def rules() -> AugmentationRules:
    return shipped_rules()


@pytest.fixture
def content() -> dict:
    polygon = [[5, 5, 25, 5, 25, 25, 5, 25]]
    return {
        "images": [{"id": i, "file_name": f"{i}.png", "width": 50, "height": 40} for i in range(6)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [5, 5, 20, 20], "segmentation": polygon, "area": 400}
            for i in range(5)
        ],
        "categories": [{"id": 1, "name": "bag"}],
    }


@pytest.fixture
def maker(content: dict, rules: AugmentationRules) -> SheetMaker:
    return SheetMaker.of(Annotations.from_coco(content).subset([0, 4]), Images(), rules, CONFIG, seed=0)


def test_pictures_are_chosen_without_decoding_them(content: dict) -> None:
    images = Images()
    validation = ValidationConfig(
        decode_images=True, area_tolerance=0.05, largest_crowd_share=0.1, max_examples=1, policies={}
    )
    chosen = preview_annotations(RawCoco(content, "digest"), images, validation, CONFIG)
    assert [image["id"] for image in chosen.images] == [0, 4]
    assert chosen.source == "digest"
    assert images.decoded == 0


def test_a_sheet_shows_the_original_beside_the_draws(maker: SheetMaker) -> None:
    figure = maker.whole(DESCRIPTION, "title")
    assert [axes.get_title() for axes in figure.axes[:4]] == ["as it is", "draw 1", "draw 2", "draw 3"]
    assert len(figure.axes) == 2 * 4
    again = maker.whole(DESCRIPTION, "title")
    for one, other in zip(figure.axes, again.axes, strict=True):
        np.testing.assert_array_equal(one.get_images()[0].get_array(), other.get_images()[0].get_array())


def test_a_word_shows_each_transform_alone(maker: SheetMaker) -> None:
    poor = Description(characteristics=(), environment={"lighting": "poor"}, intensity="medium")
    columns = [axes.get_title() for axes in maker.word(poor, "title").axes][:5]
    assert columns == ["as it is", "PlasmaShadow", "ColorJitter", "GaussNoise", "all together"]
    single = Description(characteristics=("multiple_objects",), environment={}, intensity="medium")
    assert [axes.get_title() for axes in maker.word(single, "title").axes][:4] == ["as it is", *["BoxSafeZoom"] * 3]


def test_every_word_that_changes_something_has_a_sheet_that_opens(maker: SheetMaker) -> None:
    sheets = word_sheets(maker, [DESCRIPTION, None, DESCRIPTION])
    assert set(sheets) == {"changes_shape_medium.png", "multiple_objects_medium.png", "lighting_poor_medium.png"}
    for sheet in sheets.values():
        assert Image.open(BytesIO(sheet)).convert("RGB").getextrema()[0] != (255, 255)


def test_no_description_leaves_the_pictures_as_they_are(maker: SheetMaker) -> None:
    figure = maker.whole(NOTHING, "title")
    first, *others = (axes.get_images()[0].get_array() for axes in figure.axes[:4])
    for other in others:
        np.testing.assert_array_equal(first, other)
    assert "Nothing is changed." in [text.get_text() for text in figure.texts]


def test_steps_in_words(rules: AugmentationRules) -> None:
    line = next(line for line in in_words(describe(DESCRIPTION, rules)) if line.startswith("ElasticTransform"))
    assert "40% of the images" in line
    assert "(changes_shape)" in line

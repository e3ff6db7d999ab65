"""The figures show what is there, also where there is little or very much."""

import io
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.text import Text
from PIL import Image

from gsam_edge.coco.annotations import Annotations
from gsam_edge.datasets.plots import FigureDataset
from gsam_edge.report.draw import class_colour
from gsam_edge.report.plots.classes import plot_class_distribution, shown_classes
from gsam_edge.report.plots.grid import plot_image_grid
from gsam_edge.report.plots.health import (
    NOTHING_ODD,
    plot_box_sizes,
    plot_heat_map,
    plot_images_per_class,
    plot_worst_findings,
)
from gsam_edge.report.plots.samples import choose_samples, plot_labelled_samples


def annotations_of(classes=2, images=3):
    square = [[10.0, 10.0, 20.0, 10.0, 20.0, 20.0, 10.0, 20.0]]
    return Annotations(
        tuple({"id": i, "file_name": f"{i}.png", "width": 60, "height": 40} for i in range(images)),
        tuple(
            {
                "id": c,
                "image_id": c % images,
                "category_id": c,
                "bbox": [10, 10, 10 + c % 3, 10],
                "segmentation": square,
            }
            for c in range(classes)
        ),
        tuple({"id": c, "name": f"class {c}"} for c in range(classes)),
    )


def rendered(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=60)
    return np.asarray(Image.open(buffer).convert("RGB"))


@pytest.mark.parametrize("classes", [1, 2, 80])
def test_every_figure_can_be_drawn(classes):
    value = annotations_of(classes)
    for figure in (plot_box_sizes(value, 8), plot_images_per_class(value), plot_heat_map(value)):
        image = rendered(figure)
        assert image.std() > 0
        assert max(image.shape) < 1500


#: Matplotlib reads the first two as formulas, one of them broken, and would leave the third out of a legend.
AWKWARD = ("$x_$", "a $ for a $", "_hidden", "both \\$ and $y$", "nul\0", "漢字")


def test_objects_are_counted_in_whole_numbers():
    _, histogram = plot_images_per_class(annotations_of(classes=2)).axes
    assert all(tick == int(tick) for tick in histogram.get_xticks())


def test_names_are_drawn_as_they_stand():
    value = annotations_of(len(AWKWARD))
    value = replace(value, categories=tuple({"id": c, "name": name} for c, name in enumerate(AWKWARD)))
    sizes, classes, split = (
        plot_box_sizes(value, 8),
        plot_images_per_class(value),
        plot_class_distribution({"train": {"images": 1, "annotations": 9, "per_class": dict.fromkeys(AWKWARD, 2)}}),
    )
    example = {"where": "$x_$.png", "image_id": 0, "annotation_ids": [0], "detail": "$x_$ beside $y$"}
    findings = [{"code": "tiny_box", "count": 1, "examples": [example]}]
    worst = plot_worst_findings(value, {f"{i}.png": np.zeros((40, 60, 3), np.uint8) for i in range(3)}, findings)
    grid = plot_image_grid(
        [np.zeros((40, 60, 3), np.uint8)], {"truth": [value.truth(0)]}, AWKWARD, score_threshold=0, image_width=120
    )
    for figure in (sizes, classes, split, worst, grid):
        assert rendered(figure).std() > 0
    assert len(sizes.legends[0].get_texts()) == len(AWKWARD)
    for text in (*split.axes[0].get_yticklabels(), *worst.axes[0].findobj(Text)):
        assert text._preprocess_math(text.get_text())[1] is False
    drawn = [text._preprocess_math(text.get_text())[0] for text in classes.axes[0].get_yticklabels()]
    assert drawn == list(AWKWARD)


def test_the_figures_keep_their_sharpness(tmp_path):
    FigureDataset(filepath=str(tmp_path / "plot.png")).save(plot_box_sizes(annotations_of(), 8))
    with Image.open(tmp_path / "plot.png") as image:
        assert image.size == (7 * 140, 7 * 140)


def test_of_many_classes_the_extremes_are_shown():
    assert shown_classes([5, 1, 9]) == [0, 1, 2]
    shown = shown_classes(list(range(80)))
    assert shown[:2] == [79, 78]
    assert shown[-2:] == [1, 0]
    assert len(shown) == 24
    per_class = {f"class {c}": c for c in range(80)}
    figure = plot_class_distribution({"train": {"images": 1, "annotations": 9, "per_class": per_class}})
    assert "of 80 classes" in figure.axes[0].get_title(loc="left")


def test_the_contact_sheet_shows_the_cases():
    value = annotations_of()
    images = {f"{i}.png": np.full((40, 60, 3), 60 * i, np.uint8) for i in range(3)}
    tiny = {"where": "0.png", "image_id": 0, "annotation_ids": [0], "detail": "1 x 2"}
    copies = {"where": "1.png", "image_ids": [0, 1, 2], "detail": "3 images: a, b, c"}
    findings = [
        {"code": "tiny_box", "count": 7, "examples": [tiny]},
        {"code": "near_duplicate", "count": 2, "examples": [copies]},
        {"code": "class_imbalance", "count": 1, "examples": [{"where": "class 0", "detail": "rare"}]},
    ]
    figure = plot_worst_findings(value, images, findings)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["tiny_box (7)\n1 x 2\n0.png", "near_duplicate (2)\n3 images\n1.png"]
    assert rendered(figure).std() > 0
    close = figure.axes[0].images[0].get_array()
    assert close.shape[0] == close.shape[1] or close.shape[1] == 480


def large_image(objects):
    """An image of 2000 x 3000 pixels (height x width) with many objects that have masks."""
    square = [[10.0, 10.0, 40.0, 10.0, 40.0, 40.0, 10.0, 40.0]]
    return Annotations(
        ({"id": 0, "file_name": "0.png", "width": 3000, "height": 2000},),
        tuple(
            {"id": row, "image_id": 0, "category_id": 0, "bbox": [10, 10, 30, 30], "segmentation": square}
            for row in range(objects)
        ),
        ({"id": 0, "name": "bag"},),
    )


@pytest.mark.parametrize(
    "example", [{"image_id": 0, "annotation_ids": [7], "detail": "1 x 2"}, {"image_ids": [0], "detail": "copies"}]
)
def test_an_image_with_very_many_objects_takes_little_memory(example):
    """All masks of the image at once would be three gigabytes."""
    findings = [{"code": "tiny_box", "count": 1, "examples": [{"where": "0.png", **example}]}]
    value, images = large_image(500), {"0.png": np.zeros((2000, 3000, 3), np.uint8)}
    plot_worst_findings(value, images, [])
    tracemalloc.start()
    plot_worst_findings(value, images, findings)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150e6


def test_an_enlarged_case_shows_its_mask():
    value, images = large_image(3), {"0.png": np.zeros((2000, 3000, 3), np.uint8)}
    example = {"where": "0.png", "image_id": 0, "annotation_ids": [1], "detail": "1 x 2"}
    figure = plot_worst_findings(value, images, [{"code": "tiny_box", "count": 1, "examples": [example]}])
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert 0 < shown[len(shown) // 2, shown.shape[1] // 2].sum() < sum(class_colour(0))  # translucent, on black


def test_nothing_odd_is_said():
    """In a line, not on an empty sheet."""
    figure = plot_worst_findings(annotations_of(), {}, [])
    assert figure.texts[0].get_text() == NOTHING_ODD
    assert figure.get_figheight() < 1


def test_the_samples_show_every_class_with_its_labels():
    value = annotations_of(classes=5, images=40)
    chosen = choose_samples(value, 12)
    assert len(chosen) == len(set(chosen)) == 5  # the other images are empty
    images = {f"{i}.png": np.full((40, 60, 3), 90, np.uint8) for i in range(40)}
    figure = plot_labelled_samples(value, images)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [f"class {c}" for c in range(5)]
    assert rendered(figure).std() > 0


def test_rare_classes_come_first_and_images_without_objects_only_where_there_are_no_others():
    images = tuple({"id": i, "file_name": f"{i}.png", "width": 60, "height": 40} for i in range(4))
    records = tuple(
        {"id": i, "image_id": i, "category_id": int(i == 1), "bbox": [10, 10, 10, 10], "area": 100} for i in (0, 1, 3)
    )
    classes = ({"id": 0, "name": "often"}, {"id": 1, "name": "rare"})
    assert choose_samples(Annotations(images, records, classes), 1) == [1]
    assert sorted(choose_samples(Annotations(images, records, classes), 9)) == [0, 1, 3]
    assert len(choose_samples(Annotations(images, (), classes), 3)) == 3

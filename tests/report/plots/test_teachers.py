"""The plots of the teachers show what the report says, and the reason for what they do not show."""

import numpy as np

from gsam_edge.coco import Annotations
from gsam_edge.metrics.label_quality import worst_images
from gsam_edge.report.plots.teachers import plot_teacher_classes
from gsam_edge.report.plots.worst_images import plot_worst_images, worst_rows
from gsam_edge.vision import Detections
from support.detections import packed

REPORT = {
    "grounding_dino": {
        "status": "tuned",
        "base": {"map50": 0.1, "map50_95": 0.05},
        "tuned": {"map50": 0.8, "map50_95": 0.5},
        "per_class": {
            "ear": {"objects": 12, "base": 0.2, "tuned": 0.9},
            "$dent_1$": {"objects": 3, "base": 0.0, "tuned": 0.7},
        },
        "interval": {"difference": 0.7, "low": 0.6, "high": 0.8, "images": 9},
        "verdict": "better than its base",
        "why": "map50 0.8",
    },
    "sam": {"status": "not needed", "why": "the annotations hold no masks"},
}


def texts(figure) -> str:
    """All that is written in a figure."""
    from matplotlib.text import Text

    return "\n".join(text.get_text() for text in figure.findobj(Text))


def test_each_class_has_its_figures_and_count_and_what_is_absent_its_reason():
    figure = plot_teacher_classes(REPORT)
    written = texts(figure)
    for part in ("grounding_dino: map50", "ear (12)", r"\$dent_1\$ (3)", "0.90", "0.20", "better than its base"):
        assert part in written
    assert "all classes: 0.100 to 0.800, difference +0.700 (+0.600 to +0.800)" in written
    assert "sam: the annotations hold no masks" in written
    assert len(figure.axes) == 1
    assert "sam: the annotations" in texts(plot_teacher_classes({"sam": REPORT["sam"]}))


def annotations() -> Annotations:
    """Image i holds i objects, of 10 pixels side by side."""
    records = [
        {"id": 10 * i + n, "image_id": i, "category_id": 1, "bbox": [12 * n, 2, 10, 10],
         "segmentation": [[12 * n, 2, 12 * n + 10, 2, 12 * n + 10, 12, 12 * n, 12]]}
        for i in range(4) for n in range(i)
    ]  # fmt: skip
    images = tuple({"id": i, "file_name": f"{i}.png", "width": 40, "height": 20} for i in range(4))
    return Annotations(images, tuple(records), ({"id": 1, "name": "ear"},))


IMAGES = {f"{i}.png": np.full((20, 40, 3), 90, np.uint8) for i in range(4)}
TRUTH = annotations()


def first(image_id: int, *, scores=(0.9, 0.9, 0.1)) -> Detections:
    """The objects of an image, found with these scores."""
    truth = TRUTH.truth(image_id)
    return Detections(truth.xyxy, np.array(scores[: len(truth)], np.float32), truth.class_ids, truth.masks)


def test_the_worst_images_come_first_with_their_counts():
    """Of image 3 two of three objects are labels, of image 2 none, of image 1 all; image 0 has none and gets none."""
    found = packed({0: first(0), 1: first(1), 2: first(2, scores=(0.1, 0.2)), 3: first(3)})
    options = {"score_threshold": 0.25, "match_iou": 0.5, "prompted": False}
    rows, ranked_by = worst_rows(TRUTH, IMAGES, found, **options, count=2)
    assert [row.file_name for row in rows] == ["2.png", "3.png"]
    assert [row.why for row in rows] == [
        "F1 0.00: 0 of 2 objects found, wrong labels: 0",
        "F1 0.80: 2 of 3 objects found, wrong labels: 0",
    ]
    assert (len(rows[1].truth), len(rows[1].found)) == (3, 2)
    assert ranked_by == "lowest F1 of labels (score from 0.25, box IoU from 0.5)"
    figure = plot_worst_images(rows, TRUTH.class_names, title=ranked_by, image_width=120, legend={})
    written = texts(figure)
    assert "truth: 3.png" in written
    assert "F1 0.80: 2 of 3 objects found, wrong labels: 0" in written
    assert len(figure.axes) == 4
    assert len(worst_rows(TRUTH, IMAGES, found, **options, count=9)[0]) == 3


def test_given_boxes_are_ranked_by_their_masks():
    half = first(3)
    half.masks[0, :, 5:] = False
    found = packed({0: first(0), 1: first(1), 2: first(2), 3: half})
    (worst,) = worst_images(TRUTH, found, match_iou=0.5, prompted=True, count=1)
    assert (worst.image_id, worst.why) == (3, "mask IoU 0.83, worst of 3: 0.50")


def test_without_any_object_the_sheet_says_so():
    figure = plot_worst_images([], ("ear",), title="lowest F1", image_width=120, legend={})
    assert "no image holds objects" in texts(figure)

import io

import numpy as np
import pytest
from PIL import Image

from gsam_edge.coco.annotations import Annotations
from gsam_edge.report.draw import PALETTE, class_colour, draw_detections
from gsam_edge.report.plots.classes import plot_class_distribution
from gsam_edge.report.plots.grid import choose_images, plot_image_grid
from gsam_edge.vision import Detections

NAMES = ("ear of bag", "surface defect")


def rendered(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))


def one(class_id=0, score=0.9, xyxy=(10, 10, 30, 25), masked=True, image_hw=(40, 60)):
    mask = np.zeros((1, *image_hw), bool)
    mask[0, 12:24, 12:28] = True
    return Detections(
        np.array([xyxy], np.float32),
        np.array([score], np.float32),
        np.array([class_id], np.int64),
        mask if masked else None,
    )


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


class TestDraw:
    grey = np.full((40, 60, 3), 128, np.uint8)

    def test_size_and_source(self):
        image = draw_detections(self.grey, one(), NAMES, width=240)
        assert image.shape == (160, 240, 3)
        assert image.dtype == np.uint8
        assert (self.grey == 128).all()

    def test_nothing_found_changes_nothing(self):
        np.testing.assert_array_equal(
            draw_detections(self.grey, Detections.empty(mask_hw=(40, 60)), NAMES, width=60), self.grey
        )

    def test_box_outline_has_the_class_colour(self):
        for class_id in (0, 1):
            image = draw_detections(self.grey, one(class_id, masked=False), NAMES, width=240)
            assert tuple(image[80, 80]) == (128, 128, 128)
            assert (image[70, 36:46] == class_colour(class_id)).all(axis=1).any()

    def test_broken_lines_leave_gaps_and_a_dashed_box_has_no_mask(self):
        """The more of a line is drawn, the more of its colour there is."""
        lines = ("dotted", "dashed", "solid")
        boxes = {line: draw_detections(self.grey, one(masked=False), NAMES, width=240, lines=[line]) for line in lines}
        coloured = [int((boxes[line][70:99, :] == class_colour(0)).all(axis=2).sum()) for line in lines]
        assert 0 < coloured[0] < coloured[1] < coloured[2]
        masked = draw_detections(self.grey, one(), NAMES, width=240, lines=["dashed"])
        np.testing.assert_array_equal(masked, boxes["dashed"])
        dotted = draw_detections(self.grey, one(), NAMES, width=240, lines=["dotted"])
        assert tuple(dotted[80, 80]) != (128, 128, 128)

    def test_the_mask_is_translucent(self):
        image = draw_detections(self.grey, one(), NAMES, width=240)
        inside = image[80, 80].astype(int)
        assert tuple(inside) not in {(128, 128, 128), class_colour(0)}
        assert all(min(128, c) <= value <= max(128, c) for value, c in zip(inside, class_colour(0), strict=True))

    @pytest.mark.parametrize("name", ["two\nlines", "nul\0", "$x_$", "\u202e", "漢字"])
    def test_any_name_can_be_written(self, name):
        assert draw_detections(self.grey, one(), (name,), width=240).shape == (160, 240, 3)

    def test_boxes_outside_the_picture_or_inside_out(self):
        for box in [(-50, -50, -10, -10), (30, 25, 10, 10), (55, 35, 400, 300)]:
            assert draw_detections(self.grey, one(xyxy=box, masked=False), NAMES, width=120).shape == (80, 120, 3)

    def test_colours_repeat(self):
        assert class_colour(len(PALETTE)) == class_colour(0)
        assert len(set(PALETTE)) == len(PALETTE)


class TestGrid:
    images = (np.full((40, 60, 3), 90, np.uint8), np.full((60, 40, 3), 90, np.uint8))
    columns = {  # noqa: RUF012
        "truth": [one(), one(1, image_hw=(60, 40))],
        "student": [one(score=0.2), Detections.empty()],
    }

    def grid(self, **changes):
        options = {"score_threshold": 0.3, "image_width": 120} | changes
        return plot_image_grid(self.images, self.columns, NAMES, **options)

    def test_layout(self):
        figure = self.grid()
        images = [axes for axes in figure.axes if axes.images]
        assert len(images) == 4
        assert [axes.get_title() for axes in images[:2]] == ["truth", "student"]
        assert [text.get_text() for text in figure.legends[0].get_texts()] == list(NAMES)
        assert rendered(figure).std() > 0

    @pytest.mark.parametrize("image_width", [240, 420, 640, 1201])
    def test_the_width_of_a_picture_is_that_of_the_file(self, image_width, tmp_path):
        """Through the dataset that writes the file."""
        from gsam_edge.datasets.plots import FigureDataset

        FigureDataset(filepath=str(tmp_path / "grid.png")).save(self.grid(image_width=image_width))
        with Image.open(tmp_path / "grid.png") as image:
            assert image.width == pytest.approx(2 * image_width, abs=1)

    def test_the_legend_names_what_is_drawn(self):
        faint = {"student": [one(1, score=0.1), one(0, image_hw=(60, 40))]}
        figure = plot_image_grid(self.images, faint, NAMES, score_threshold=0.3, image_width=120)
        assert [text.get_text() for text in figure.legends[0].get_texts()] == [NAMES[0]]

    def test_below_the_threshold_nothing_is_drawn(self):
        hidden, shown = (self.grid(score_threshold=t).axes[1].images[0].get_array() for t in (0.3, 0.1))
        assert (hidden == 90).all()
        assert not (shown == 90).all()

    def test_wrong_counts(self):
        with pytest.raises(ValueError, match="column 'student': expected 2 Detections, one per image, got 1"):
            plot_image_grid(self.images, {"student": [one()]}, NAMES, score_threshold=0.3, image_width=120)
        with pytest.raises(ValueError, match="at least one image"):
            plot_image_grid([], self.columns, NAMES, score_threshold=0.3, image_width=120)


class TestClassDistribution:
    splits = {  # noqa: RUF012
        "train": {"images": 7, "annotations": 30, "per_class": {"a": 20, "b": 10}},
        "test": {"images": 3, "annotations": 5, "per_class": {"a": 5, "b": 0}},
    }

    def test_counts_and_shares(self):
        figure = plot_class_distribution(self.splits)
        assert set(texts(figure)) == {"20  (80%)", "5  (20%)", "10  (100%)", "0  (0%)"}
        assert rendered(figure).std() > 0

    def test_the_legend_counts_objects_and_no_crowds(self):
        train = {"images": 7, "annotations": 36, "crowds": 6, "per_class": {"a": 20, "b": 10}}
        (axes,) = plot_class_distribution({"train": train}).axes
        assert [text.get_text() for text in axes.get_legend().get_texts()] == ["train: 7 images, 30 objects"]

    def test_the_legend_names_all_four_splits_within_the_figure(self):
        names = ("train", "val", "test", "held_back")
        figure = plot_class_distribution(
            {name: {"images": 300, "per_class": {"tied ear of bag": 1235}} for name in names}
        )
        rendered(figure)
        legend = figure.axes[0].get_legend()
        assert [text.get_text().split(":")[0] for text in legend.get_texts()] == ["train", "val", "test", "held back"]
        assert legend.get_window_extent().x1 <= figure.bbox.x1

    def test_no_splits(self):
        with pytest.raises(ValueError, match="splits: expected at least one"):
            plot_class_distribution({})


class TestChoosePictures:
    def truth(self, labelled):
        return Annotations.from_coco(
            {
                "images": [{"id": i, "file_name": f"{i}.png", "height": 9, "width": 9} for i in range(10)],
                "annotations": [{"id": i, "image_id": i, "category_id": 1, "bbox": [0, 0, 3, 3]} for i in labelled],
                "categories": [{"id": 1, "name": "a"}],
            }
        )

    @pytest.mark.parametrize(
        ("labelled", "count", "chosen"),
        [(range(10), 3, [0, 4, 9]), ([2, 5], 4, [2, 5]), ([], 2, [0, 9]), ([3, 4, 5], 1, [3])],
    )
    def test_spread_over_labelled_images(self, labelled, count, chosen):
        assert choose_images(self.truth(labelled), count) == chosen

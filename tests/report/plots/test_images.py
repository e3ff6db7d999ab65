"""Plots of images hold them whatever their sides are: a line-scan camera's are hundreds of times as tall as wide."""

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from gsam_edge.report.draw import draw_detections, drawn_aspect
from gsam_edge.report.plots.failures import FailedImage, plot_failures
from gsam_edge.report.plots.grid import plot_image_grid
from gsam_edge.report.plots.review import ProposedImage, plot_next_to_label
from gsam_edge.report.plots.sheet import image_sheet
from gsam_edge.vision import Detections

ONE = Detections(np.array([[1, 5, 6, 30]], np.float32), np.array([0.5], np.float32), np.array([0]))
TOTALS = {"with_failures": 1, "images": 1, "objects": 1, "missed": 1, "confused": 0, "outlined": 0, "invented": 0}
#: Most pixels that matplotlib draws in a direction, and most lines of a JPEG.
MOST = 2**16 - 1


def failed(image):
    row = FailedImage(image, "a.png", ONE, ONE, [True], [True], "1 missed", ["it is missed"])
    return plot_failures([row], ("bag",), TOTALS, image_width=420)


def proposed(image, name="a.png", count=1):
    rows = [ProposedImage(image, name, ONE, "the student is unsure of about 3 objects")] * count
    return plot_next_to_label(rows, ("bag",), of=412, image_width=320)


def grid(image):
    return plot_image_grid([image], {"truth": [ONE]}, ("bag",), score_threshold=0.1, image_width=320)


def sheet(image, count=1):
    drawn = [draw_detections(image, ONE, ("bag",), width=480)] * count
    return image_sheet(drawn, ["a.png"] * count, columns=4, fonts=["DejaVu Sans"], foot=0.5)


@pytest.mark.parametrize("plot", [failed, proposed, grid, sheet])
@pytest.mark.parametrize("sides", [(6000, 8), (8, 6000)])
def test_an_image_of_any_sides_fits_into_a_plot(plot, sides):
    figure = plot(np.zeros((*sides, 3), np.uint8))
    figure.canvas.draw()
    assert max(figure.get_size_inches()) * figure.dpi < 4000


def test_a_tall_images_drawing_is_narrower_and_one_of_usual_sides_as_wide_as_asked_for():
    tall = draw_detections(np.zeros((6000, 8, 3), np.uint8), ONE, ("bag",), width=640)
    assert tall.shape[0] < MOST
    assert tall.shape[0] / tall.shape[1] > 100
    usual = np.zeros((60, 40, 3), np.uint8)
    assert draw_detections(usual, ONE, ("bag",), width=640).shape == (960, 640, 3)
    assert drawn_aspect(usual) == 1.5


@pytest.mark.parametrize("count", [1, 2])
def test_title_and_names_stay_above_their_images(count):
    """The title is cut at no edge, and a long name does not run into that of the next image."""
    figure = proposed(np.zeros((40, 40, 3), np.uint8), name="unlabelled/" + "very_long_name_" * 6 + ".jpg", count=count)
    renderer = FigureCanvasAgg(figure).get_renderer()
    width = figure.get_size_inches()[0] * figure.dpi
    title, *texts = figure.texts
    assert title.get_window_extent(renderer).x1 <= width
    for column in range(count):
        assert texts[2 * column].get_window_extent(renderer).x1 <= (column + 1) * width / count


def test_a_row_of_a_sheet_is_as_high_as_its_images_and_oblong_ones_have_twice_the_room():
    square, strips = (sheet(np.zeros((*sides, 3), np.uint8), count=8) for sides in ((100, 100), (64, 400)))
    assert [len({axes.get_position().x0 for axes in figure.axes}) for figure in (square, strips)] == [4, 2]
    assert square.get_figheight() == pytest.approx(2 * 4, rel=0.2)
    assert strips.get_figheight() == pytest.approx(4 * 8 * 64 / 400, rel=0.4)  # their captions are a third of it

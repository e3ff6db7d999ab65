"""Charts are drawn where their values lie, and no text in them is markup."""

import pytest
from defusedxml import ElementTree as Xml
from markupsafe import Markup

from gsam_edge.report.svg.cells import bar, difference, of_hundred, stacked
from gsam_edge.report.svg.markup import element, plain
from gsam_edge.report.svg.plots import Point, precision_recall, reliability, scatter


def parts(chart, tag):
    """The attributes of a chart's elements of this tag; it must be well-formed."""
    return [each.attrib for each in Xml.fromstring(str(chart)).iter(tag)]


def test_texts_and_attributes_are_escaped_and_markup_is_not():
    made = element("text", "<b>&", Markup("<i/>"), aria_label='"><script>', class_="x", none=None)
    assert made == '<text aria-label="&#34;&gt;&lt;script&gt;" class="x">&lt;b&gt;&amp;<i/></text>'


def test_texts_become_visible_and_markup_stays_as_it_is():
    assert plain("a\x1b[31m") == "a␛[31m"
    assert plain(3) == 3
    assert plain(Markup("<b>\x07</b>")) == Markup("<b>\x07</b>")


def test_a_hundred_dots_are_filled_as_many_as_are_found_and_paler_inside_the_interval():
    dots = [each["class"] for each in parts(of_hundred(94.2, 87.6, 97.4, words="94"), "circle")]
    assert len(dots) == 100
    assert sum("found" in dot for dot in dots) == 94
    assert [number for number, dot in enumerate(dots) if "unsure" in dot] == list(range(88, 97))


@pytest.mark.parametrize("found", [0, 100])
def test_none_or_all_found_fills_none_or_all(found):
    dots = parts(of_hundred(found, found, found, words=""), "circle")
    assert {each["class"] for each in dots} == {"dot found" if found else "dot missed"}


def test_a_bar_is_as_long_as_its_value_and_its_interval_lies_on_it():
    chart = bar(0.25, most=0.5, ci95=(0.2, 0.6))
    assert parts(chart, "rect")[0]["width"] == "50"
    span = parts(chart, "line")[0]
    assert (span["x1"], span["x2"]) == ("40", "100")  # what lies outside ends at the edge


@pytest.mark.parametrize(
    ("value", "ci95", "kind", "x"),
    [
        (2.0, (1.0, 3.0), "better", "70"),
        (-2.0, (-3.0, -1.0), "worse", "30"),
        (1.0, (-1.0, 3.0), "unclear", "60"),
        (1.0, None, "unclear", "60"),
    ],
)
def test_a_difference_is_clear_where_its_interval_leaves_out_0(value, ci95, kind, x):
    point = parts(difference(value, ci95, most=5.0), "line")[-1]
    assert (point["class"], point["x1"]) == (f"point {kind}", x)


def test_parts_of_a_whole_follow_one_another():
    rects = parts(stacked({"a": 1.0, "b": 2.0}, most=4.0), "rect")
    assert [(rect["x"], rect["width"]) for rect in rects] == [("0", "25"), ("25", "50")]


def test_circles_lie_by_the_logarithm_of_their_time_and_by_their_accuracy():
    points = [
        Point(str(number), x, y, 1.0, "", "") for number, (x, y) in enumerate([(10, 0.0), (100, 1.0), (1000, 0.5)])
    ]
    circles = parts(scatter(points, x_title="ms", y_title="mAP50", words="which"), "circle")
    x, y = ([float(circle[key]) for circle in circles] for key in ("cx", "cy"))
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.01)
    assert y[0] > y[2] > y[1]
    assert y[2] == pytest.approx((y[0] + y[1]) / 2, abs=0.01)


def test_numbers_of_circles_in_one_place_do_not_cover_each_other():
    points = [Point(str(number), 10 + 0.01 * number, 0.5, 1.0, "", "") for number in range(6)]
    chart = Xml.fromstring(str(scatter(points, x_title="ms", y_title="mAP50", words="which")))
    places = [
        (float(each.get("x")), float(each.get("y"))) for each in chart.iter("text") if "mark-label" in each.get("class")
    ]
    assert len(places) == 6
    assert all(abs(u - x) >= 14 or abs(v - y) >= 11 for i, (x, y) in enumerate(places) for u, v in places[:i])


def test_a_single_artefact_is_drawn_too():
    assert (
        len(parts(scatter([Point("1", 8.3, 0.9, 0.0, "pick", "")], x_title="ms", y_title="", words=""), "circle")) == 1
    )


def test_curves_go_through_their_points():
    chart = precision_recall([(0.0, 1.0), (1.0, 0.0)], (0.5, 0.5), hue=7, words="bag")
    first, last = [tuple(map(float, pair.split(","))) for pair in parts(chart, "polyline")[0]["points"].split()]
    dot = parts(chart, "circle")[0]
    assert float(dot["cx"]) == pytest.approx((first[0] + last[0]) / 2, abs=0.1)
    assert float(dot["cy"]) == pytest.approx((first[1] + last[1]) / 2, abs=0.1)
    assert "hue1" in parts(chart, "polyline")[0]["class"]


def test_a_bin_lies_above_the_line_where_more_is_right_than_the_score_says():
    chart = reliability([(0.5, 0.9, 10)], words="scores")
    line, dot = next(each for each in parts(chart, "line") if each["class"] == "ideal"), parts(chart, "circle")[0]
    assert float(dot["cy"]) < (float(line["y1"]) + float(line["y2"])) / 2

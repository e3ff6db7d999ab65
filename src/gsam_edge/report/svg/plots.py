"""Charts with axes: artefacts by time and accuracy, precision against recall, score against truth.

Their text can be read on a phone: none is wider than its screen, and on a larger one they grow only a little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log, log10, sqrt

from markupsafe import Markup

from gsam_edge.report.svg.markup import element

_WIDTH, _HEIGHT = 340.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 38.0, 10.0, 10.0, 40.0
#: How much larger than drawn a chart is shown where there is room.
_SHOWN = 1.25
#: Radius of the largest and the smallest circle, and height and half the width of a number beside one.
_LARGEST, _SMALLEST, _TEXT, _HALF = 11.0, 3.5, 11.0, 7.0


@dataclass(frozen=True)
class Point:
    """One circle of `scatter`.

    Attributes:
        label: written beside it: a number that the table beside the chart explains.
        x: on the horizontal axis, above 0.
        y: on the vertical axis, 0..1.
        area: what the circle's area says, at least 0.
        kind: a class by which the page's style colours it.
        title: shown by a browser under the pointer.
    """

    label: str
    x: float
    y: float
    area: float
    kind: str
    title: str


@dataclass(frozen=True)
class _Axis:
    """Values along an axis.

    Attributes:
        start: value at its beginning; 0, or above 0 where the axis is logarithmic.
        end: value at its end.
        ticks: values that are written beside it.
    """

    start: float
    end: float
    ticks: tuple[float, ...]

    def at(self, value: float) -> float:
        """Returns where a value lies, 0 at the start and 1 at the end; one outside lies on the edge."""
        if self.start > 0:
            value = log(max(value, self.start) / self.start) / log(self.end / self.start)
            return min(value, 1.0)
        return min(max(value / self.end, 0.0), 1.0)


_SHARES = _Axis(0.0, 1.0, (0, 0.2, 0.4, 0.6, 0.8, 1))


def _logarithmic(low: float, high: float) -> _Axis:
    """Returns an axis from a round number below `low` to one above `high`, both above 0."""
    steps = [
        factor * 10.0**power for power in range(floor(log10(low)) - 1, floor(log10(high)) + 2) for factor in (1, 2, 5)
    ]
    start = max(step for step in steps if step <= low / 1.15)
    end = min(step for step in steps if step >= 1.15 * high)
    return _Axis(start, end, tuple(step for step in steps if start <= step <= end))


@dataclass(frozen=True)
class _Frame:
    """A chart with two axes, in the units of the drawing."""

    across: _Axis
    up: _Axis = _SHARES
    height: float = _HEIGHT
    width: float = _WIDTH

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Returns where a point lies."""
        wide, high = self.width - _LEFT - _RIGHT, self.height - _TOP - _BOTTOM
        return _LEFT + wide * self.across.at(x), self.height - _BOTTOM - high * self.up.at(y)

    def drawn(self, x_title: str, y_title: str) -> list[Markup]:
        """Returns grid, numbers and titles of both axes."""
        parts = []
        for value in self.up.ticks:
            _, y = self.at(self.across.start, value)
            parts.append(element("line", x1=_LEFT, x2=self.width - _RIGHT, y1=y, y2=y, class_="grid"))
            parts.append(element("text", f"{value:g}", x=_LEFT - 6, y=y + 4, class_="tick", text_anchor="end"))
        for value in self.across.ticks:
            x, y = self.at(value, self.up.start)
            parts.append(element("text", f"{value:g}", x=x, y=y + 16, class_="tick", text_anchor="middle"))
        across, up = (_LEFT + self.width - _RIGHT) / 2, (_TOP + self.height - _BOTTOM) / 2
        turned = {"transform": f"rotate(-90 10 {up:g})", "class_": "axis", "text_anchor": "middle"}
        parts.append(element("text", x_title, x=across, y=self.height - 6, class_="axis", text_anchor="middle"))
        parts.append(element("text", y_title, x=10, y=up, **turned))
        return parts

    def chart(self, parts: Sequence[Markup], words: str) -> Markup:
        """Returns the whole chart; `words` say what it shows."""
        size = f"0 0 {self.width:g} {self.height:g}"
        return element(
            "svg", *parts, class_="plot", viewBox=size, width=_SHOWN * self.width, role="img", aria_label=words
        )


def scatter(points: Sequence[Point], *, x_title: str, y_title: str, words: str) -> Markup:
    """Draws circles by two figures, with a third as their area.

    The horizontal axis is logarithmic, since a teacher takes many times as long as a student; the vertical one is
    always 0 to 1.

    Args:
        points: at least one.
        x_title: of the horizontal axis, with the unit.
        y_title: of the vertical axis.
        words: what the chart shows, for those who do not see it.
    """
    values = [point.x for point in points]
    frame = _Frame(_logarithmic(min(values), max(values)))
    parts = frame.drawn(x_title, y_title)
    taken: list[tuple[float, float]] = []
    largest = max(point.area for point in points) or 1.0
    # The largest first, so that no circle hides a smaller one.
    for point in sorted(points, key=lambda point: -point.area):
        x, y = frame.at(point.x, point.y)
        radius = max(_SMALLEST, _LARGEST * sqrt(point.area / largest))
        parts.append(
            element("circle", element("title", point.title), cx=x, cy=y, r=radius, class_=f"mark {point.kind}")
        )
    for point in sorted(points, key=lambda point: point.x):
        x, y = frame.at(point.x, point.y)
        above, below = y - _LARGEST - 3, y + _LARGEST + _TEXT
        places = [place for step in range(len(points)) for place in (above - step * _TEXT, below + step * _TEXT)]
        free = [
            place for place in places if not any(abs(x - u) < 2 * _HALF and abs(place - v) < _TEXT for u, v in taken)
        ]
        taken.append((x, free[0]))
        parts.append(element("text", point.label, x=x, y=free[0], class_="mark-label", text_anchor="middle"))
    return frame.chart(parts, words)


def precision_recall(
    curve: Sequence[Sequence[float]], chosen: tuple[float, float] | None, *, hue: int, words: str
) -> Markup:
    """Draws precision (vertical) against recall, with the point of the recommended score.

    Args:
        curve: pairs of recall and precision (0..1), by rising recall.
        chosen: recall and precision at the recommended score; None draws no point.
        hue: number of the line's colour.
        words: what the chart shows.
    """
    frame = _Frame(_SHARES, height=200.0, width=220.0)
    parts = frame.drawn("found (recall)", "right (precision)")
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (frame.at(recall, right) for recall, right in curve))
    parts.append(element("polyline", points=path, class_=f"line hue{hue % 6}"))
    if chosen is not None:
        x, y = frame.at(*chosen)
        parts.append(element("circle", cx=x, cy=y, r=4.5, class_=f"chosen hue{hue % 6}"))
    return frame.chart(parts, words)


def reliability(bins: Sequence[tuple[float, float, int]], *, words: str) -> Markup:
    """Draws what share of the answers of a score is right, beside the line on which score and share are equal.

    Args:
        bins: mean score, share that is right (0..1) and number of answers.
        words: what the chart shows.
    """
    frame = _Frame(_SHARES, width=260.0)
    parts = frame.drawn("score that the student gives", "share that is right")
    (x1, y1), (x2, y2) = frame.at(0, 0), frame.at(1, 1)
    parts.append(element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_="ideal"))
    most = max((count for *_, count in bins), default=1) or 1
    for score, right, count in bins:
        x, y = frame.at(score, right)
        parts.append(
            element(
                "circle", element("title", f"{count} answers"), cx=x, cy=y, r=3 + 8 * sqrt(count / most), class_="mark"
            )
        )
    return frame.chart(parts, words)

"""Charts without text that stretch with the cell that holds them: the words and numbers stand beside them."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from gsam_edge.report.svg.markup import element

#: Dots in a row of `of_hundred`, and the side of a dot's square in units of the chart.
_COLUMNS, _SIDE = 20, 10


def of_hundred(found: float, low: float, high: float, *, words: str) -> Markup:
    """Draws a hundred dots: filled for what is found, hollow for what is missed, paler where that is not certain.

    Args:
        found: 0..100.
        low: lower end of its interval.
        high: upper end of its interval.
        words: what the dots say, for those who do not see them.
    """
    dots = []
    for number in range(100):
        row, column = divmod(number, _COLUMNS)
        sure = number + 1 <= round(low) or number >= round(high)
        kind = ("dot found" if number < round(found) else "dot missed") + ("" if sure else " unsure")
        dots.append(
            element("circle", cx=_SIDE * (column + 0.5), cy=_SIDE * (row + 0.5), r=3.6, class_=kind),
        )
    size = f"0 0 {_SIDE * _COLUMNS} {_SIDE * 100 // _COLUMNS}"
    return element("svg", *dots, class_="hundred", viewBox=size, role="img", aria_label=words)


def bar(
    value: float, *, most: float, ci95: Sequence[float] | None = None, faint: bool = False, hue: str = ""
) -> Markup:
    """Draws one bar of a table's row, with its interval as a line; the number itself stands beside it.

    Args:
        value: at least 0.
        most: the value of a full bar, above 0.
        ci95: low and high end of the interval.
        faint: whether the value rests on too little to be trusted.
        hue: a further class, by which the page's style colours it.
    """
    kind = " ".join(filter(None, ("bar", "faint" if faint else "", hue)))
    parts = [element("rect", x=0, y=2, width=_share(value, most), height=8, class_=kind)]
    if ci95 is not None:
        low, high = (_share(end, most) for end in ci95)
        parts.append(element("line", x1=low, x2=high, y1=6, y2=6, class_="interval"))
        parts += [element("line", x1=x, x2=x, y1=3, y2=9, class_="interval") for x in (low, high)]
    return _stretched("bar-cell", parts)


def difference(value: float, ci95: Sequence[float] | None, *, most: float) -> Markup:
    """Draws a difference as a point with its interval, left and right of a line at 0.

    Args:
        value: the difference.
        ci95: low and high end of its interval; None where it has none.
        most: the difference at the right edge, above 0; the left edge is its negative.
    """
    x = [50 + _share(end, most) / 2 if end >= 0 else 50 - _share(-end, most) / 2 for end in (value, *(ci95 or ()))]
    kind = "unclear" if ci95 is None or ci95[0] <= 0 <= ci95[1] else "better" if value > 0 else "worse"
    parts = [element("line", x1=50, x2=50, y1=0, y2=12, class_="zero")]
    if ci95 is not None:
        parts.append(element("line", x1=x[1], x2=x[2], y1=6, y2=6, class_=f"span {kind}"))
    parts.append(element("line", x1=x[0], x2=x[0], y1=2, y2=10, class_=f"point {kind}"))
    return _stretched("bar-cell", parts)


def stacked(parts: Mapping[str, float], *, most: float) -> Markup:
    """Draws parts of a whole one after the other, coloured by their place in the mapping.

    Args:
        parts: names to values of at least 0.
        most: the sum at the right edge, above 0.
    """
    drawn, at = [], 0.0
    for number, value in enumerate(parts.values()):
        width = min(_share(value, most), 100 - at)
        drawn.append(element("rect", x=at, y=2, width=width, height=8, class_=f"hue{number % 6}"))
        at += width
    return _stretched("bar-cell", drawn)


def _share(value: float, most: float) -> float:
    """Returns where a value lies on an axis from 0 to 100, kept inside it."""
    return 100.0 * min(max(value / most, 0.0), 1.0)


def _stretched(kind: str, parts: Sequence[Markup]) -> Markup:
    return element("svg", *parts, class_=kind, viewBox="0 0 100 12", preserveAspectRatio="none", aria_hidden="true")

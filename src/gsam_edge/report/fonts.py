"""Finds installed fonts that have the characters of the names in plots and images."""

import logging
import warnings
from collections.abc import Iterable
from functools import cache

logger = logging.getLogger(__name__)

#: Comes with matplotlib and covers most alphabets, but none of the scripts of East and South Asia.
MAIN_FONT = "DejaVu Sans"
#: Searched in this order, where they are installed, for the characters that the main font lacks.
FALLBACK_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Noto Sans SC",
    "Noto Sans JP",
    "Noto Sans KR",
    "Source Han Sans SC",
    "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "Microsoft YaHei",
    "SimHei",
    "Yu Gothic",
    "Meiryo",
    "Malgun Gothic",
    "PingFang SC",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
    "Nirmala UI",
    "Arial Unicode MS",
    "Unifont",
)


def literal(text: str) -> str:
    """Escapes dollar signs: matplotlib would parse the text between two of them as a formula, and may fail."""
    return text.replace("$", r"\$")


def font_families(texts: Iterable[str]) -> list[str]:
    """Returns the font families for these texts; matplotlib takes each character from the first that has it.

    Warns as `warn_of_unknown` does.
    """
    families, missing = [MAIN_FONT], _visible(texts) - _characters(MAIN_FONT)
    for family in FALLBACK_FONTS:
        if missing & _characters(family):
            families.append(family)
            missing -= _characters(family)
    _warn_of(missing)
    return families


def font_file(text: str) -> str:
    """Returns the file of the installed font with most of a text's characters, for Pillow, which uses one font a text.

    Warns of characters that this font does not have, as `warn_of_unknown` does.
    """
    from matplotlib.font_manager import findfont

    visible = _visible([text])
    family = max((MAIN_FONT, *FALLBACK_FONTS), key=lambda name: len(visible & _characters(name)))
    _warn_of(visible - _characters(family))
    return findfont(family)


def warn_of_unknown(texts: Iterable[str]) -> None:
    """Warns of the characters that no installed font has, in one warning, each character once in a process.

    They are drawn as boxes.
    """
    font_families(texts)


def _visible(texts: Iterable[str]) -> frozenset[str]:
    every = frozenset("".join(texts))
    return frozenset(character for character in every if character.isprintable() and not character.isspace())


@cache
def _characters(family: str) -> frozenset[str]:
    """Returns all characters that a family has a glyph for; none where it is not installed."""
    from matplotlib.font_manager import findfont, fontManager, get_font

    if family not in fontManager.get_font_names():
        return frozenset()
    return frozenset(map(chr, get_font(findfont(family)).get_charmap()))


#: Characters already warned of: the same names are in every figure and image of a run.
_named: set[str] = set()


def _warn_of(missing: frozenset[str]) -> None:
    from matplotlib import get_cachedir

    news = missing - _named
    if not news:
        return
    _named.update(news)
    logger.warning(
        "plots and images: expected an installed font that has the characters %s, found none, so they are drawn as "
        "boxes; install one such as %s or %s and delete matplotlib's list of fonts in %s",
        "".join(sorted(news)),
        FALLBACK_FONTS[0],
        FALLBACK_FONTS[-1],
        get_cachedir(),
    )
    # Matplotlib would warn again, for each character of each figure, whenever the figure is saved.
    warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")

"""Names in any script are drawn where a font knows them, and missed aloud where none does."""

import logging
import warnings
from io import BytesIO

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont

from gsam_edge.report import fonts as lettering
from gsam_edge.report.draw import draw_detections
from gsam_edge.report.fonts import MAIN_FONT, font_families, font_file, literal
from gsam_edge.vision import Detections

#: A family that the tests may count on beside the main one, and a character that only it knows.
OTHER, ONLY_OTHER = "STIXGeneral", "\U0001d504"


@pytest.fixture(autouse=True)
def nothing_was_warned_of(monkeypatch):
    monkeypatch.setattr(lettering, "_named", set())


@pytest.fixture
def with_other(monkeypatch):
    monkeypatch.setattr(lettering, "FALLBACK_FONTS", ("Not Installed Sans", OTHER))


@pytest.mark.parametrize("text", ["plain", "$x_$", "$", r"a\$b", r"\$x$ and \$", "$$$"])
def test_literal_text_comes_out_as_it_went_in(text):
    written = Figure().text(0, 0, literal(text))
    assert written._preprocess_math(written.get_text()) == (text, False)


def test_no_more_families_than_needed(with_other, caplog):
    assert font_families(["ear of bag", "Öhr", "two\nlines"]) == [MAIN_FONT]
    assert font_file("Öhr 0.93") == findfont(MAIN_FONT)
    assert not caplog.records


def test_a_family_that_knows_the_rest_is_asked(with_other, caplog):
    assert font_families(["ear", ONLY_OTHER]) == [MAIN_FONT, OTHER]
    assert font_file(f"{ONLY_OTHER} 0.93") == findfont(OTHER)
    assert not caplog.records


def test_what_nobody_knows_is_named_once(monkeypatch, caplog):
    monkeypatch.setattr(lettering, "FALLBACK_FONTS", ("Not Installed Sans",))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert font_families(["漢 ear", "字"]) == [MAIN_FONT]
            assert font_file("漢字 0.93") == findfont(MAIN_FONT)
    with warnings.catch_warnings(record=True) as repeated:
        figure = Figure()
        figure.text(0, 0, "漢")
        figure.savefig(BytesIO())
    assert not repeated
    (record,) = caplog.records
    assert "字漢" in record.getMessage()
    assert "Not Installed Sans" in record.getMessage()


def test_a_picture_warns_of_all_its_names_at_once(monkeypatch, caplog):
    monkeypatch.setattr(lettering, "FALLBACK_FONTS", ("Not Installed Sans",))
    found = Detections(np.zeros((2, 4), np.float32), np.ones(2, np.float32), np.arange(2))
    for _ in range(2):
        draw_detections(np.zeros((9, 9, 3), np.uint8), found, ["漢", "字"], width=90)
    assert len(caplog.records) == 1


def test_a_label_is_written_in_the_font_that_knows_it(with_other):
    found = Detections(np.array([[5, 20, 50, 38]], np.float32), np.ones(1, np.float32), np.zeros(1, np.int64))
    image = np.zeros((40, 60, 3), np.uint8)
    known, unknown = (
        draw_detections(image, found, [name], width=480, with_scores=False) for name in (ONLY_OTHER, "\U0001d505")
    )
    assert (known != unknown).any()  # in a font that knows neither, both would be the same box

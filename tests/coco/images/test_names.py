"""Names are found in other spellings, the closest first, and never one of several alike."""

import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.coco.images.names import Spellings, spelling_key

#: Characters of file names; without those that separate folders or stand for bytes.
_PART = st.text(st.characters(exclude_characters="/\\%\0", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
_NAME = st.lists(_PART.filter(lambda part: part not in (".", "..")), min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize(
    ("known", "asked"),
    [
        ("images/1/p00.jpg", "images\\1/p00.jpg"),
        ("images/1/p00.jpg", "./images//1/p00.jpg"),
        (unicodedata.normalize("NFD", "Küche.jpg"), unicodedata.normalize("NFC", "Küche.jpg")),
        ("Bild é 0.jpg", "Bild%20%C3%A9%200.jpg"),
        ("Images/A.JPG", "images/a.jpg"),
        ("straße.jpg", "STRASSE.jpg"),
    ],
)
def test_a_name_is_found_in_another_spelling_and_the_other_way_round(known, asked):
    assert Spellings([known, "other.jpg"]).find(asked) == (known,)
    assert Spellings([asked, "other.jpg"]).find(known) == (asked,)


def test_the_closest_spelling_is_the_only_answer():
    names = Spellings(["a.jpg", "A.jpg", "b%20c.jpg", "b c.jpg"])
    assert names.find("A.jpg") == ("A.jpg",)
    assert names.find("b%20c.jpg") == ("b%20c.jpg",)
    assert names.find("a.JPG") == ("A.jpg", "a.jpg")
    assert names.find("c.jpg") == ()


@given(st.lists(_NAME, min_size=1, max_size=6, unique=True))
def test_every_known_name_is_itself(names):
    assert [Spellings(names).find(name) for name in names] == [(name,) for name in names]


@given(_NAME, st.sampled_from(["NFC", "NFD"]), st.booleans(), st.booleans())
def test_all_spellings_of_a_name_have_one_key(name, form, encoded, upper):
    other = unicodedata.normalize(form, name)
    other = quote(other) if encoded else other.replace("/", "\\")
    # Only where the capital letter leads back: Turkish dotless i and others have none of their own.
    other = other.upper() if upper and not encoded and other.upper().casefold() == other.casefold() else other
    assert spelling_key(other) == spelling_key(name)

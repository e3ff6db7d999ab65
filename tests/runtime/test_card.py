from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsam_edge.runtime import ArtefactError, Card
from gsam_edge.runtime.tasks.table import interface_fault, output_names
from gsam_edge.runtime.tensors import InputTensor
from gsam_edge.vision.text import name_fault

CARD = Card("detect", ("ear of bag", "Ähre 🌾"), 320, "yolov8-seg", "0.1.0")


@given(
    st.lists(st.tuples(st.text().filter(lambda name: name_fault(name) is None), st.floats(0, 1)), min_size=1),
    st.integers(1, 4096),
    st.lists(st.text()),
    st.booleans(),
)
def test_the_card_survives_as_text(classes, size, notes, recommended):
    names, scores = zip(*classes, strict=True)
    thresholds = scores if recommended else None
    card = Card("detect", names, size, "yolov8", "0.1.0", notes=tuple(notes), recommended_thresholds=thresholds)
    assert Card.from_properties(card.to_properties() | {"stride": "32"}) == card


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class_names": "not json"}, "unreadable"),
        ({"class_names": '{"0": "a"}'}, "expected a JSON list of names"),
        ({"class_names": "[1]"}, "expected a JSON list of names"),
        ({"notes": "many"}, "unreadable"),
        ({"notes": "[1]"}, "expected a JSON list of sentences"),
        ({"recommended_thresholds": "low"}, "unreadable"),
        ({"recommended_thresholds": "[0.5]"}, "expected a number in 0..1 for each of 2 classes"),
        ({"recommended_thresholds": "[0.5, 7]"}, "expected a number in 0..1 for each of 2 classes"),
        ({"recommended_thresholds": "[0.5, NaN]"}, "expected a number in 0..1 for each of 2 classes"),
        ({"recommended_thresholds": "0.5"}, "expected a number in 0..1 for each of 2 classes"),
        ({"image_size": "large"}, "unreadable"),
        ({"class_names": "[]"}, "class_names: expected at least one name, got none"),
        ({"class_names": "[" * 100_000}, "class_names, notes, image_size or recommended_thresholds is unreadable"),
        ({"image_size": "0"}, r"expected 1..4096 pixels, got 0"),
        ({"image_size": "60000"}, r"expected 1..4096 pixels, got 60000"),
        ({"image_size": "9" * 19}, r"expected 1..4096 pixels, got 9999999999999999999"),
        ({"image_size": "9" * 5000}, "unreadable"),
    ],
)
def test_a_broken_card_is_refused(change, message):
    with pytest.raises(ArtefactError, match=message):
        Card.from_properties(CARD.to_properties() | change)


def test_a_missing_card_is_refused():
    with pytest.raises(
        ArtefactError, match=r"expected \['class_names', 'gsam_edge_task', 'image_size'\] too, got \['arc"
    ):
        Card.from_properties({"architecture": "yolov8", "version": "0.1.0"})


@pytest.mark.parametrize(
    ("inputs", "outputs", "good"),
    [
        (["images"], ["boxes", "scores", "class_ids"], True),
        (["images"], ["boxes", "scores", "class_ids", "masks"], True),
        (["images", "boxes"], ["boxes", "scores", "class_ids"], False),
        (["pixels"], ["boxes", "scores", "class_ids"], False),
        ([], ["boxes", "scores", "class_ids"], False),
        (["images"], ["scores", "boxes", "class_ids"], False),
        (["images"], ["boxes", "scores"], False),
    ],
)
def test_the_interface_of_a_student(inputs, outputs, good):
    tensors = [InputTensor(name, (1, 3, 320, 320), "float32") for name in inputs]
    assert (interface_fault(CARD, tensors, outputs) is None) is good


def test_a_task_of_another_version_is_refused():
    with pytest.raises(ArtefactError, match=r"metadata task: expected one of \['detect'\], got 'dream'"):
        interface_fault(replace(CARD, task="dream"), [InputTensor("images", (1, 3, 320, 320), "float32")], ["dreams"])


def test_outputs_have_their_names_by_their_number():
    assert output_names(CARD, 3) == ("boxes", "scores", "class_ids")
    assert output_names(CARD, 4) == ("boxes", "scores", "class_ids", "masks")
    with pytest.raises(ValueError, match=r"gives the tuple \['boxes', .*'masks'\], got 2 outputs"):
        output_names(CARD, 2)

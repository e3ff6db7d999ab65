import pytest
from pydantic import ValidationError

from gsam_edge.evaluate.config import EvaluationConfig

VALUES = {
    "warmup_calls": 3,
    "timed_calls": 50,
    "timed_seconds": 20.0,
    "least_timed_calls": 10,
    "timed_score_threshold": 0.25,
    "threads": 2,
    "timeout_s": 60,
    "score_threshold": 0.001,
    "match_box_iou": 0.5,
    "image_score_threshold": 0.3,
    "image_rows": 4,
    "image_width": 420,
}


def test_every_value_is_named_by_the_configuration():
    assert EvaluationConfig(**VALUES).model_dump() == VALUES
    for name in VALUES:
        with pytest.raises(ValidationError, match=name):
            EvaluationConfig(**{key: value for key, value in VALUES.items() if key != name})


@pytest.mark.parametrize(
    "wrong",
    [
        {"warmup_calls": -1},
        {"timed_calls": 0},
        {"timed_seconds": 0},
        {"least_timed_calls": 0},
        {"threads": 0},
        {"timeout_s": 0},
        {"match_box_iou": 0},
        {"thread": 2},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        EvaluationConfig(**VALUES | wrong)

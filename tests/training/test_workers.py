import pickle
from functools import partial

import numpy as np
import pytest

from gsam_edge.coco import Annotations
from gsam_edge.teachers.asking import QuestionedTeacher, questions
from gsam_edge.training.workers import Workers
from gsam_edge.vision import Detections


class Doubler:
    """Builds a model that doubles numbers; takes note of what was built and asked."""

    def __init__(self, answers=lambda batch: [2 * number for number in batch]):
        self.built, self.batches, self.answers = 0, [], answers

    def __call__(self):
        self.built += 1
        return self.answer

    def answer(self, batch):
        self.batches.append(list(batch))
        return self.answers(batch)


@pytest.mark.parametrize(
    ("batch", "batches"), [(1, [[1], [2], [3]]), (2, [[1, 2], [3]]), (5, [[1, 2, 3]])], ids=["one", "two", "many"]
)
def test_each_item_comes_back_with_its_answer_from_one_model(batch, batches):
    model = Doubler()
    assert list(Workers().map(model, iter([1, 2, 3]), batch=batch)) == [(1, 2), (2, 4), (3, 6)]
    assert (model.built, model.batches) == (1, batches)


def test_no_items_need_no_model():
    model = Doubler()
    assert list(Workers().map(model, [], batch=4)) == []
    assert model.built == 0


def test_an_item_is_made_after_the_answer_before_it_was_taken():
    """So that a killed run has stored what was answered, and an item may depend on it."""
    events = []

    def items():
        for number in (1, 2):
            events.append(f"made {number}")
            yield number

    for number, _ in Workers().map(Doubler(), items(), batch=1):
        events.append(f"taken {number}")
    assert events == ["made 1", "taken 1", "made 2", "taken 2"]


def test_a_model_that_leaves_items_out_is_an_error():
    with pytest.raises(ValueError, match="expected one answer for each of 2 items, got 1"):
        list(Workers().map(Doubler(lambda batch: batch[:1]), [1, 2], batch=2))


def test_a_batch_has_items():
    with pytest.raises(ValueError, match="batch: expected at least 1 item, got 0"):
        list(Workers().map(Doubler(), [1], batch=0))


def paint(left):
    """A teacher of one box whose left side is given."""
    return partial(_answer, left)


def _answer(left, images, prompts):
    for image in images:
        yield Detections(np.array([[left, 0, 9, len(image)]], np.float32), np.ones(1, np.float32), np.zeros(1, int))


def test_a_teacher_can_be_sent_elsewhere_and_is_asked_about_each_image():
    images = tuple({"id": i, "file_name": f"{i}.png", "width": 9, "height": 5} for i in (4, 2))
    box = {"id": 1, "image_id": 2, "category_id": 7, "bbox": [1, 1, 3, 3]}
    split = Annotations(images, (box,), ({"id": 7, "name": "ear"},))
    pixels = {"4.png": np.zeros((5, 9, 3), np.uint8), "2.png": np.zeros((6, 9, 3), np.uint8)}
    factory = pickle.loads(pickle.dumps(QuestionedTeacher(partial(paint, 3), pixels)))  # noqa: S301
    answers = list(Workers().map(factory, questions(split, prompted_with_boxes=True, bar="asking"), batch=2))
    assert [str(question) for question, _ in answers] == ["4.png", "2.png"]
    assert [found.unmasked.xyxy.tolist() for _, found in answers] == [[[3, 0, 9, 5]], [[3, 0, 9, 6]]]
    assert [len(question.prompt) for question, _ in answers] == [0, 1]
    unprompted = questions(split, prompted_with_boxes=False, bar="asking")
    assert [question.prompt for question in unprompted] == [None, None]

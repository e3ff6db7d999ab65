import numpy as np
import pytest

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.export.calibration import CalibrationCanvases
from gsam_edge.export.format import BuildData
from gsam_edge.runtime.tasks.table import TASKS


def training_split(names, class_names, **info):
    images = tuple({"id": row, "file_name": name, "width": 20, "height": 10} for row, name in enumerate(names))
    categories = tuple({"id": row, "name": name} for row, name in enumerate(class_names))
    return Annotations(images, (), categories, info)


def test_pictures_that_may_not_have_taught_the_student_calibrate_nothing(card):
    shared_out_anew = training_split(["a.jpg"], card.class_names, split_digest="new")
    with pytest.raises(
        InvalidDatasetError, match=r"student_onnx: expected one made from the present splits.*distillation"
    ):
        CalibrationCanvases.of_training(
            card, BuildData(shared_out_anew, shared_out_anew, {}, 0, 1), what="student_onnx", count=1
        )


def test_calibration_pictures_are_drawn_by_seed_and_read_one_by_one(card):
    class Images(dict):
        read = ()

        def __getitem__(self, name):
            self.read += (name,)
            return super().__getitem__(name)

    def draw(count, seed):
        return CalibrationCanvases.of_training(
            card, BuildData(train, train, images, seed, 1), what="student_onnx", count=count
        )

    images = Images({f"{n}.jpg": np.full((10, 20, 3), n, np.uint8) for n in range(20)})
    train = training_split(images, card.class_names)
    drawn = draw(5, 3)
    assert drawn == draw(5, 3)
    assert drawn.file_names != draw(5, 4).file_names
    assert len(drawn) == len(set(drawn.file_names)) == 5
    assert len(draw(50, 3)) == 20
    assert images.read == ()
    np.testing.assert_array_equal(drawn[2], TASKS["detect"].prepare(images[drawn.file_names[2]], card)[0])
    assert images.read == (drawn.file_names[2],) * 2

"""An artefact knows the split that it was made from, and is refused on another."""

import pytest

from gsam_edge.coco import Annotations, InvalidDatasetError
from gsam_edge.coco.provenance import require_made_from, with_split_digest

WHOLE = Annotations(
    tuple({"id": n, "file_name": f"{n}.png", "width": 1, "height": 1} for n in range(6)),
    (),
    ({"id": 1, "name": "bag"}, {"id": 2, "name": "wire"}),
).with_source("file")


def shared_out(train, test, whole=WHOLE):
    return with_split_digest({"train": whole.subset(train), "test": whole.subset(test)})


def digest(*arguments):
    (found,) = {part.split_digest for part in shared_out(*arguments).values()}
    return found


def test_all_parts_carry_one_digest_of_who_is_where_in_which_file():
    assert digest([0, 1, 2, 3], [4, 5]) == digest([3, 2, 1, 0], [5, 4])
    others = {digest([0, 1, 2, 4], [3, 5]), digest([4, 5], [0, 1, 2, 3]), digest([0, 1, 2], [4, 5])}
    others.add(digest([0, 1, 2, 3], [4, 5], WHOLE.with_source("another file")))
    assert len(others | {digest([0, 1, 2, 3], [4, 5])}) == 5


def test_the_digest_survives_a_file_and_a_subset():
    part = shared_out([0, 1, 2, 3], [4, 5])["train"]
    assert Annotations.from_json(part.to_json()).split_digest == part.split_digest == part.subset([0]).split_digest
    assert WHOLE.split_digest is None


@pytest.mark.parametrize(
    ("class_names", "split_digest", "message"),
    [
        (
            ("wire", "bag"),
            "same",
            r"^weights: expected the classes of the data, \['bag', 'wire'\], got \['wire', 'bag'\]",
        ),
        (
            ("bag", "wire"),
            "other",
            "^weights: expected one made from the present splits.* on images of the test split; do this$",
        ),
        (("bag", "wire"), None, "expected one made from the present splits"),
    ],
)
def test_what_was_made_from_other_data_is_refused(class_names, split_digest, message):
    part = shared_out([0, 1, 2, 3], [4, 5])["test"]
    made_from = {
        "class_names": class_names,
        "split_digest": part.split_digest if split_digest == "same" else split_digest,
    }
    with pytest.raises(InvalidDatasetError, match=message):
        require_made_from(part, what="weights", remedy="do this", **made_from)


def test_what_was_made_from_the_same_data_passes():
    parts = shared_out([0, 1, 2, 3], [4, 5])
    require_made_from(
        parts["test"], what="x", class_names=("bag", "wire"), split_digest=parts["train"].split_digest, remedy=""
    )

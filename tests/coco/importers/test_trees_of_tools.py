"""Trees as label tools write them and as people leave them: imported whole, and copies and masks pass for nothing."""

import pytest

from support.importers import OBJECT, VOC, imported, skipped

LINE = "0 0.5 0.5 0.2 0.1\n"


def voc(name):
    return VOC.format(name=name, objects=OBJECT.format(more=""))


def counts_of(result):
    """Returns how many objects each image has."""
    names = {image["id"]: image["file_name"] for image in result.content["images"]}
    counts = dict.fromkeys(names.values(), 0)
    for record in result.content["annotations"]:
        counts[names[record["image_id"]]] += 1
    return counts


@pytest.mark.parametrize("named", ["{}.jpg", "{}", ""])
def test_masks_below_the_annotations_are_not_the_images(named):
    """The Oxford-IIIT Pet dataset: `xmls` and `trimaps` are no two halves where the images lie elsewhere."""
    files = {f"annotations/xmls/{n}.xml": voc(named.format(n)) for n in "ab"}
    files |= {f"annotations/trimaps/{n}.png": "" for n in "ab"} | {f"images/{n}.jpg": "" for n in "ab"}
    assert counts_of(imported("voc", files)) == {"images/a.jpg": 1, "images/b.jpg": 1}
    below = {f"pets/{name}": content for name, content in files.items()}
    assert counts_of(imported("voc", below)) == {"pets/images/a.jpg": 1, "pets/images/b.jpg": 1}


@pytest.mark.parametrize("masks", ["masks", "gt", "annotations", "labels"])
def test_labels_belong_to_the_images_and_not_to_masks_of_their_names(masks):
    files = {f"images/{n}.jpg": "" for n in "ab"} | {f"{masks}/{n}.png": "" for n in "ab"}
    for file, content in (("labels/{}.txt", LINE), ("labels/{}.xml", voc(""))):
        labels = {file.format(n): content for n in "ab"}
        result = imported("yolo" if content == LINE else "voc", files | labels | {"classes.txt": "bag"})
        assert {n: c for n, c in counts_of(result).items() if c} == {"images/a.jpg": 1, "images/b.jpg": 1}


@pytest.mark.parametrize("folder", ["labels_my-project_2024-01-01-12-00-00", "obj_train_data", "my labels"])
def test_labels_in_a_folder_below_their_images_are_found(folder):
    """Makesense's zip beside the images, and CVAT's export without images."""
    files = {f"{folder}/{n}.txt": LINE for n in "ab"} | {f"{n}.jpg": "" for n in "abc"} | {"classes.txt": "bag"}
    result = imported("yolo", files)
    assert counts_of(result) == {"a.jpg": 1, "b.jpg": 1, "c.jpg": 0}
    assert skipped(result) == {}

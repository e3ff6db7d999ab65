"""Datasets in the abstract, for round trips through formats whose files list many images: boxes and polygons."""

from collections import Counter

from hypothesis import strategies as st

from gsam_edge.coco.importers import import_annotations
from support.importers import SIZE, Files, ImportConfig

CLASSES = ("bag", "wire 2", "Naht ü")
_FOLDERS = ("", "cam1", "cam2", "cam2/day 1", "test_rig")
_STEMS = ("0", "1", "a b", "ü", "img_1.final", "train")


@st.composite
def names(draw, *, most=6):
    """Image names: the same ones in several folders, no two of one stem in a folder."""
    pairs = st.tuples(st.sampled_from(_FOLDERS), st.sampled_from(_STEMS), st.sampled_from([".jpg", ".png"]))
    chosen = draw(st.lists(pairs, min_size=1, max_size=most, unique_by=lambda pair: pair[:2]))
    return [f"{folder}/{stem}{suffix}".lstrip("/") for folder, stem, suffix in chosen]


@st.composite
def _objects(draw):
    height, width = SIZE
    x = draw(st.lists(st.integers(0, 4 * width), min_size=2, max_size=2, unique=True).map(sorted))
    y = draw(st.lists(st.integers(0, 4 * height), min_size=2, max_size=2, unique=True).map(sorted))
    left, right, top, bottom = (v / 4 for v in (*x, *y))
    class_name = draw(st.sampled_from(CLASSES))
    if draw(st.booleans()):
        return class_name, "bbox", (left, top, right - left, bottom - top)
    middle = draw(st.integers(0, 4 * width)) / 4
    return class_name, "segmentation", (left, top, right, top, middle, bottom)


@st.composite
def worlds(draw):
    """Image name to objects (class, `bbox` or `segmentation`, numbers); at least one object is there."""
    chosen = draw(names())
    world = {name: draw(st.lists(_objects(), max_size=4)) for name in chosen}
    if not any(world.values()):
        world[chosen[0]] = [draw(_objects())]
    return world


def said(world, digits=3):
    """What a world says: image, class, kind and rounded numbers of each object, counted."""
    return Counter(
        (image, class_name, kind, tuple(round(v, digits) + 0.0 for v in numbers))
        for image, objects in world.items()
        for class_name, kind, numbers in objects
    )


def imported_world(format_name, contents, digits=3):
    """Imports files; returns what they say as `said` does, the names of the images, and the result."""
    config = ImportConfig(class_names={}, labels_lost="drop", unlisted_images="empty")
    result = import_annotations(Files(contents), format_name, config)
    images = {image["id"]: image["file_name"] for image in result.content["images"]}
    classes = {category["id"]: category["name"] for category in result.content["categories"]}
    found = Counter()
    for record in result.content["annotations"]:
        where = (images[record["image_id"]], classes[record["category_id"]])
        shapes = [("bbox", record.get("bbox"))] + [("segmentation", part) for part in record.get("segmentation", ())]
        for kind, numbers in shapes:
            if numbers is not None:
                found[(*where, kind, tuple(round(v, digits) + 0.0 for v in numbers))] += 1
    return found, sorted(images.values()), result

"""One property for each kind of fault that imports showed: pairing, lost labels, lossy masks, encodings."""

import io
import json
import unicodedata
from xml.sax.saxutils import escape

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from gsam_edge.coco import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import decode_segmentation
from gsam_edge.coco.importers import ImportConfig, import_annotations
from support.importers import Files, accounted, imported, noted, skipped


class Unsorted(Files):
    """Files in the order in which they are given."""

    def names(self):
        return list(self.contents)


def outcome(format_name, contents, **sizes):
    """Returns what is imported, or the message that refuses it."""
    config = ImportConfig(class_names={}, labels_lost="drop", unlisted_images="empty")
    try:
        return import_annotations(Unsorted(contents, sizes), format_name, config)
    except InvalidDatasetError as error:
        return str(error)


def voc(boxes, inside="", class_name="dent"):
    """An XML file of boxes (left, top, width, height from 0); a box of None has no class."""
    objects = "".join(
        f"<object><name>{escape(class_name) if box else ''}</name><bndbox><xmin>{x + 1}</xmin><ymin>{y + 1}</ymin>"
        f"<xmax>{x + w}</xmax><ymax>{y + h}</ymax></bndbox></object>"
        for box in boxes
        for x, y, w, h in [box or (0, 0, 5, 5)]
    )
    return f"<annotation><filename>{escape(inside)}</filename>{objects}</annotation>"


def yolo(boxes, inside="", class_name="dent"):
    """Lines of boxes; one of None has an unknown class."""
    lines = (
        f"{0 if box else 7} {(x + w / 2) / 50:.8f} {(y + h / 2) / 40:.8f} {w / 50:.8f} {h / 40:.8f}\n"
        for box in boxes
        for x, y, w, h in [box or (0, 0, 5, 5)]
    )
    return "".join(lines)


def labelme(boxes, inside="", class_name="dent"):
    """A JSON file of rectangles; one of None has a single corner."""
    shapes = [
        {"label": class_name, "shape_type": "rectangle", "points": [[x, y], [x + w, y + h]][: 2 if box else 1]}
        for box in boxes
        for x, y, w, h in [box or (0, 0, 5, 5)]
    ]
    size = {"imageHeight": 40, "imageWidth": 50}
    return json.dumps({"imagePath": inside, "shapes": shapes} | size, ensure_ascii=False)


FORMATS = {"voc": (voc, ".xml"), "yolo": (yolo, ".txt"), "labelme": (labelme, ".json")}
STEMS = ("x", "X", "x.1", "\u00e9", "e\u0301", "%C3%A9", "x (2)")
PATHS = st.tuples(st.sampled_from(["", "a/", "b/", "a/b/"]), st.sampled_from(STEMS), st.sampled_from([".jpg", ".png"]))
INSIDES = st.sampled_from(["base", "path", "windows", "stale", "none"])


def spelling(stem):
    return unicodedata.normalize("NFC", stem.replace("%C3%A9", "\u00e9")).casefold()


@pytest.mark.parametrize("format_name", FORMATS)
@given(st.lists(PATHS, min_size=1, max_size=8, unique=True), st.data())
def test_no_choice_of_names_moves_a_label_to_another_image(format_name, paths, data):
    """Kind A. The left edge of a box tells its image; who is left without an image is left out and said."""
    write, suffix = FORMATS[format_name]
    images = {f"images/{folder}{stem}{ending}": number for number, (folder, stem, ending) in enumerate(paths)}
    contents = {name: f"image {number}" for name, number in images.items()} | {"classes.txt": "dent\n"}
    written = {}
    for number, (folder, stem, ending) in enumerate(paths):
        label = f"labels/{folder}{stem}{suffix}"
        if label in contents or data.draw(st.integers(0, 4)) == 0:
            continue
        others = [path for path in paths if spelling(path[1]) != spelling(stem)]
        stale = data.draw(st.sampled_from(others)) if others else ("", "gone", ".jpg")
        base = stem + ending
        inside = {
            "base": base, "path": folder + base, "windows": "C:\\set\\" + (folder + base).replace("/", "\\"),
            "stale": stale[1] + stale[2], "none": "",
        }[data.draw(INSIDES)]  # fmt: skip
        contents[label] = write([(number, 1, 5, 6)], inside)
        written[f"images/{folder}{base}"] = number
    assume(written)
    outcomes = []
    for order in (list(contents), data.draw(st.permutations(list(contents)))):
        result = outcome(format_name, {name: contents[name] for name in order})
        if isinstance(result, str):
            outcomes.append("refused")  # the message shows the first case
            continue
        names = {image["id"]: image["file_name"] for image in result.content["images"]}
        found = sorted(
            (names[record["image_id"]], round(record["bbox"][0])) for record in result.content["annotations"]
        )
        assert all(images[name] == number for name, number in found)
        empty = set(names.values()) - {name for name, _ in found}
        assert not empty & written.keys(), "an image with labels passes for empty"
        assert accounted(result)["objects"][0] == len(written)
        outcomes.append((found, sorted(empty), skipped(result)))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("labels_lost", ["drop", "keep", "error"])
@settings(max_examples=30)
@given(st.lists(st.lists(st.booleans(), max_size=4), min_size=1, max_size=6))
def test_an_image_whose_labels_were_lost_does_not_pass_for_empty(format_name, labels_lost, readable):
    """Kind B. Each list says of one image which of its objects can be read."""
    write, suffix = FORMATS[format_name]
    contents = {"classes.txt": "dent\n", "z.jpg": "", f"z{suffix}": write([(9, 9, 5, 5)], "z.jpg")}
    for number, objects in enumerate(readable):
        boxes = [(number + row, row, 5, 6) if is_good else None for row, is_good in enumerate(objects)]
        contents |= {f"{number}.jpg": f"image {number}", f"{number}{suffix}": write(boxes, f"{number}.jpg")}
    lost = {f"{number}.jpg" for number, objects in enumerate(readable) if objects and not any(objects)}
    if lost and labels_lost == "error":
        with pytest.raises(InvalidDatasetError, match="labels_lost"):
            imported(format_name, contents, labels_lost=labels_lost)
        return
    result = imported(format_name, contents, labels_lost=labels_lost)
    expected = {"z.jpg", *(f"{number}.jpg" for number in range(len(readable)))}
    assert set(result.image_names) == (expected if labels_lost == "keep" else expected - lost)
    said = noted(result) if labels_lost == "keep" else skipped(result)
    assert said.get("labels_lost", 0) == len(lost)
    good, bad = sum(map(sum, readable)) + 1, sum(len(row) - sum(row) for row in readable)
    assert accounted(result)["objects"][:2] == (good + bad, good)
    assert sum(accounted(result)["objects"][2].values()) == bad


def ellipse(hw, y, x, height, width):
    rows, columns = np.mgrid[: hw[0], : hw[1]]
    return ((rows - y) / height) ** 2 + ((columns - x) / width) ** 2 <= 1


def as_jpeg(values, quality):
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(values, np.uint8)).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@settings(max_examples=60)
@given(
    quality=st.integers(50, 95),
    place=st.tuples(st.integers(30, 90), st.integers(40, 120)),
    radii=st.tuples(st.integers(8, 28), st.integers(8, 38)),
    suffix=st.sampled_from([".jpg", ".jpeg", ".JPG", ".png"]),
)
def test_a_mask_in_a_lossy_file_keeps_its_area_and_is_said(quality, place, radii, suffix):
    """Kind D. A JPEG stays one when somebody renames it to PNG."""
    mask = ellipse((120, 160), *place, *radii)
    files = {"1/images/a.png": "", f"1/masks/m{suffix}": as_jpeg(mask * 255, quality)}
    source = Files(files, dict.fromkeys(files, (120, 160)))
    source.image_names = source.names
    result = import_annotations(
        source, "png_masks", ImportConfig(class_names={0: "dent"}, labels_lost="drop", unlisted_images="empty")
    )
    (record,) = result.content["annotations"]
    found = decode_segmentation(record["segmentation"], (120, 160))
    assert found.sum() == pytest.approx(mask.sum(), rel=0.04)
    assert (found & mask).sum() / (found | mask).sum() > 0.9
    assert noted(result) == {"mask_lossy": 1}


@settings(max_examples=30)
@given(quality=st.integers(50, 95), numbers=st.lists(st.integers(1, 250), min_size=2, max_size=4, unique=True))
def test_numbers_of_objects_in_a_lossy_file_are_refused(quality, numbers):
    """Kind D. Nothing says which number a pixel had before it was compressed."""
    assume(min(np.diff([0, *sorted(numbers)])) > 20 and max(numbers) < 235)
    values = np.zeros((120, 160))
    for row, number in enumerate(numbers):
        values[4 + 28 * row : 28 + 28 * row, 10:150] = number
    files = {"1/images/a.png": "", "1/masks/m.jpg": as_jpeg(values, quality)}
    config = ImportConfig(class_names={0: "dent"}, labels_lost="drop", unlisted_images="empty")
    with pytest.raises(InvalidDatasetError, match=r"lossy|JPEG"):
        import_annotations(Files(files, dict.fromkeys(files, (120, 160))), "png_masks", config)


NAMES = st.text(st.characters(codec="latin-1", categories=["L"]), min_size=2, max_size=9).filter(
    lambda name: not name.isascii()
)
ENCODINGS = ("utf-8", "utf-8-sig", "latin-1", "utf-16")


def in_all_formats(class_name):
    """The text files of a dataset of one dent-like class, by format."""
    box = [(3, 4, 5, 6)]
    return {
        "voc": {"a.xml": voc(box, "a.jpg", class_name)},
        "yolo": {"a.txt": yolo(box), "classes.txt": f"{class_name}\n"},
        "labelme": {"a.json": labelme(box, "a.jpg", class_name)},
        "severstal": {"train.csv": f"ImageId,ClassId,EncodedPixels\na.jpg,{class_name},1 5\n"},
    }


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("format_name", in_all_formats("x"))
@settings(max_examples=30)
@given(class_name=NAMES, end=st.sampled_from(["\n", "\r\n"]))
def test_text_is_read_as_it_was_written_or_refused(format_name, encoding, class_name, end):
    """Kind G. No invisible character and no mojibake becomes a class, which is a word that a teacher is asked for."""
    texts = in_all_formats(class_name)[format_name]
    stored = {name: text.replace("\n", end).encode(encoding) for name, text in texts.items()}
    assume(encoding != "latin-1" or not is_utf_8(class_name.encode(encoding)))
    result = outcome(format_name, {"a.jpg": b""} | stored)
    if isinstance(result, str):
        assert encoding in ("latin-1", "utf-16")
        assert "save as UTF-8" in result
        return
    # XML in UTF-16 says that it is; the other formats have no way to.
    assert encoding.startswith("utf-8") or (format_name, encoding) == ("voc", "utf-16")
    assert result.report["per_class"] == {class_name: 1}
    assert not skipped(result)


def is_utf_8(content):
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@pytest.mark.parametrize("format_name", ["voc", "labelme"])
def test_a_name_inside_may_have_a_dot_and_no_suffix(format_name):
    """Roboflow's names have dots: `a_jpg.rf.0` is the stem of `a_jpg.rf.0.jpg`, not a name with the suffix `.0`."""
    write, suffix = FORMATS[format_name]
    for label in ("a_jpg.rf.0", "other"):
        contents = {f"{label}{suffix}": write([(3, 4, 5, 6)], "a_jpg.rf.0"), "a_jpg.rf.0.jpg": "", "b.jpg": ""}
        assert imported(format_name, contents).image_names == ["a_jpg.rf.0.jpg"]


@pytest.mark.parametrize("format_name", ["voc", "labelme"])
@pytest.mark.parametrize(("gone", "namesake"), [("a/b/0", "a/0"), ("a/0", "a/b/0")])
def test_labels_of_a_deleted_image_stay_off_its_namesake_above_or_below(format_name, gone, namesake):
    """Other images lie beside the annotation file: its own one was there, too, and was deleted."""
    write, suffix = FORMATS[format_name]
    beside = gone[:-1] + "1"
    contents = {f"{gone}{suffix}": write([(9, 9, 5, 6)], "0.jpg"), f"{beside}{suffix}": write([(1, 1, 5, 6)], "1.jpg")}
    result = imported(format_name, contents | {f"{beside}.jpg": "", f"{namesake}.jpg": ""})
    assert result.image_names == [f"{beside}.jpg"]
    assert accounted(result)["objects"] == (2, 1, {"image_missing": 1})

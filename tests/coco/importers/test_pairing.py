"""Which image an annotation file belongs to: examples, and properties of trees whose truth is known."""

import random
import time
import unicodedata
from collections import Counter
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsam_edge.coco.importers.pairing.folders import Folders
from gsam_edge.coco.importers.pairing.image_index import ImageIndex
from gsam_edge.coco.importers.pairing.rule import Claim, pair


def paired(claims, images):
    """Returns the pairs of claims, given as file to name inside, and the codes of the refused ones."""
    pairs = pair([Claim(file, named) for file, named in claims.items()], images)
    return pairs.image_of, {file: refusal.code for file, refusal in pairs.refused.items()}


CAMERAS = {f"Annotations/cam{c}/{n}.xml": f"JPEGImages/cam{c}/{n}.jpg" for c in "12" for n in "012"}


@pytest.mark.parametrize(
    "named", [None, "{n}.jpg", "cam{c}/{n}.jpg", "JPEGImages/cam{c}/{n}.jpg", "cam{c}\\{n}.JPG", "/d/cam{c}/{n}.jpg"]
)
def test_the_same_names_in_the_folders_of_several_cameras_stay_apart(named):
    claims = {file: named and named.format(c=file[15], n=file[17]) for file in CAMERAS}
    assert paired(claims, [*CAMERAS.values()]) == (CAMERAS, {})


@pytest.mark.parametrize(
    "named", [None, "0.jpg", "cam1/0.jpg", "C:\\x\\cam1\\0.jpg", "/d/cam1/0.jpg", "old/0.jpg", "0"]
)
@pytest.mark.parametrize("alone", [True, False])
def test_an_image_that_is_missing_is_never_replaced_by_its_namesake_of_another_camera(named, alone):
    """Whether the namesake has an annotation file or not, and whether other images of the camera are there or not."""
    images = [image for image in CAMERAS.values() if image != "JPEGImages/cam1/0.jpg"]
    if alone:
        images = [image for image in images if "cam1" not in image]
    claims = {"Annotations/cam1/0.xml": named, "Annotations/cam1/1.xml": None, "Annotations/cam2/1.xml": None}
    image_of, refused = paired(claims, images)
    assert refused["Annotations/cam1/0.xml"] == "image_missing"
    assert image_of["Annotations/cam2/1.xml"] == "JPEGImages/cam2/1.jpg"
    found = pair([Claim(file, name) for file, name in claims.items()], images)
    assert "JPEGImages/cam2/0.jpg" in found.in_doubt, "it may be the one, and must not pass for empty"


def test_a_camera_without_images_and_one_without_files_are_not_two_halves_of_one():
    assert paired({"cam1/0.txt": None}, ["cam2/0.jpg"]) == ({}, {"cam1/0.txt": "image_missing"})
    assert paired({"train/0.txt": None}, ["good/0.jpg"]) == ({}, {"train/0.txt": "image_missing"})


@pytest.mark.parametrize(
    ("file", "named", "image"),
    [
        ("Etiketten/0.json", None, "Bilder/0.jpg"),
        ("mine/Etiketten/a/0.json", None, "mine/Bilder/a/0.jpg"),
        ("labels/0.txt", None, "images/train/0.jpg"),
        ("labels/train/0.txt", None, "images/0.jpg"),
        ("train/labels/0.txt", None, "train/Images/0.jpg"),
        ("annotations.v2/x.xml", "0.jpg", "0.jpg"),
        ("a.jpg.json", None, "a.jpg"),
        ("ann/a.jpg.json", None, "img/a.jpg"),
        ("frame.0.txt", None, "frame.0.jpg"),
        ("x.xml", "frame.0", "frame.0.jpg"),
        ("x.xml", "deep/0", "deep/0.jpg"),
        ("x.xml", "C:\\Users\\me\\set\\cam1\\0.jpg", "photos/cam1/0.jpg"),
        ("x.xml", "/home/me/0.jpg", "images/0.jpg"),
        ("x.xml", "../images/0.jpg", "images/0.jpg"),
        ("ann/x.xml", "../0.jpg", "0.jpg"),
        ("x.xml", "https://here.org/data/0.jpg", "images/0.jpg"),
        ("x.xml", "0.JPG", "0.jpg"),
        ("x.xml", "0.png", "0.jpg"),
        ("labels/u\u0308.txt", None, "images/\u00fc.jpg"),
        ("labels/a%20b.txt", None, "images/a b.jpg"),
        ("labels/a b.txt", None, "images/a%20b.jpg"),
        ("LABELS/A.TXT", None, "images/a.jpg"),
        ("\u00dcbung/0.txt", None, "U\u0308BUNG/0.jpg"),
    ],
)
def test_a_file_finds_its_image_however_the_names_are_spelled(file, named, image):
    others = [image.replace("0", "9").replace("a.", "z."), f"{image.rpartition('/')[0]}/other.jpg".lstrip("/")]
    assert paired({file: named}, [image, *others]) == ({file: image}, {})


def test_files_renamed_after_labelling_go_by_their_stem_and_it_is_said():
    claims = {f"{n}.json": f"{n - 1}.jpg" for n in range(1, 6)}
    pairs = pair([Claim(*claim) for claim in claims.items()], [f"{n}.jpg" for n in range(1, 6)])
    assert pairs.image_of == {f"{n}.json": f"{n}.jpg" for n in range(1, 6)}
    assert {code for code, _ in pairs.noted.values()} == {"pairing_contradicts"}


def test_a_name_inside_that_is_another_image_without_a_file_is_a_contradiction():
    pairs = pair([Claim("a.xml", "b.jpg")], ["a.jpg", "b.jpg"])
    assert {file: refusal.code for file, refusal in pairs.refused.items()} == {"a.xml": "pairing_contradicts"}
    assert pairs.in_doubt == {"a.jpg": "a.xml", "b.jpg": "a.xml"}


def test_two_images_of_one_stem_are_told_apart_by_the_name_inside_alone():
    images = ["s.jpg", "s.png", "S.jpg"]
    assert paired({"s.xml": "s.png"}, images[:2]) == ({"s.xml": "s.png"}, {})
    assert paired({"s.jpg.json": None}, images[:2]) == ({"s.jpg.json": "s.jpg"}, {})
    for named in (None, "s", "gone.jpg"):
        pairs = pair([Claim("s.xml", named)], images[:2])
        assert pairs.refused["s.xml"].code == "pairing_ambiguous"
        assert [*pairs.in_doubt] == ["s.jpg", "s.png"]
    assert paired({"s.xml": None, "S.xml": None}, images[::2]) == ({"s.xml": "s.jpg", "S.xml": "S.jpg"}, {})


def test_several_files_of_one_image_are_ambiguous_unless_one_is_spelled_like_it():
    assert paired({"A.txt": None, "a.txt": None}, ["a.jpg"]) == ({"a.txt": "a.jpg"}, {"A.txt": "image_annotated_twice"})
    both = {"x.xml": "a.jpg", "y.xml": "a.jpg"}
    assert paired(both, ["a.jpg"]) == ({}, dict.fromkeys(both, "pairing_ambiguous"))
    own = {"a.xml": "a.jpg", "y.xml": "a.jpg"}
    assert paired(own, ["a.jpg"]) == ({"a.xml": "a.jpg"}, {"y.xml": "image_annotated_twice"})


def test_a_flat_folder_of_files_may_name_images_in_several_folders():
    images = ["JPEGImages/a/0.jpg", "JPEGImages/b/1.jpg", "JPEGImages/b/2.jpg"]
    claims = {"Annotations/0.xml": "0.jpg", "Annotations/1.xml": "b/1.jpg", "Annotations/z.xml": "D:\\b\\2.jpg"}
    assert paired(claims, images) == (dict(zip(claims, images, strict=True)), {})
    _, refused = paired(claims | {"Annotations/0.xml": "0.jpg"}, [*images, "JPEGImages/b/0.jpg"])
    assert refused == {"Annotations/0.xml": "pairing_ambiguous"}


def test_a_spelling_that_differs_is_said():
    pairs = pair(
        [Claim("labels/A.txt"), Claim("labels/b.txt"), Claim("labels/x.xml", "C.jpg")], ["a.jpg", "b.jpg", "c.jpg"]
    )
    assert pairs.noted == {
        "labels/A.txt": ("name_spelled_otherwise", "taken for a.jpg"),
        "labels/x.xml": ("name_spelled_otherwise", "taken for c.jpg"),
    }


def test_folders_that_say_what_lies_in_them_do_not_tell_places_apart():
    folders = Folders(["labels/0.txt"], ["images/0.jpg"])
    assert folders.place("VOC/Annotations/cam1") == folders.place("voc/JPEGImages/CAM1") == ("voc", "cam1")
    assert folders.contradict("labels/cam1", "images/cam2")
    assert not folders.contradict("labels", "images/cam2")
    assert folders.differ_by_split("labels", "images/val")
    assert not folders.differ_by_split("labels/train", "images/val")
    assert ImageIndex(["images/0.jpg"]).named("0") == ("images/0.jpg",)


# Trees whose truth is known: images in the folders of cameras, each with a file made for it; then people delete, move,
# rename and respell. A file must go to the image that it was made for, or to none.

ROOTS = (
    ("", ""),
    ("Annotations/", "JPEGImages/"),
    ("labels/", "images/"),
    ("set/Etiketten/", "set/Bilder/"),
    ("x/json/", "x/"),
)
FOLDERS = (
    ("cam1", "cam2"),
    ("a", "a/b"),
    ("day 1/left", "day 1/right"),
    ("", "more"),
    ("\u00dcbung", "ubung"),
    ("train", "val"),
)
STEMS = ("{:04}", "IMG_{}", "frame.{}", "x_jpg.rf.{}", "K\u00fcche {}", "50% {}")
SPELLINGS = {
    "case": str.swapcase,
    "form": lambda name: unicodedata.normalize("NFD", name),
    "url": quote,
}
NAMED = {
    "none": lambda path: None,
    "base": lambda path: path.rpartition("/")[2],
    "stem": lambda path: path.rpartition("/")[2].rpartition(".")[0],
    "path": lambda path: path,
    "windows": lambda path: "C:\\me\\set\\" + path.replace("/", "\\"),
    "posix": lambda path: f"/home/me/set/{path}",
}


@st.composite
def trees(draw):
    """Draws claims, images, and the image of each claim: None where it was deleted."""
    file_root, image_root = draw(st.sampled_from(ROOTS))
    stem, named = draw(st.sampled_from(STEMS)), NAMED[draw(st.sampled_from([*NAMED]))]
    respell = SPELLINGS.get(draw(st.sampled_from(["none", "none", *SPELLINGS])), str)
    suffix = draw(st.sampled_from([".jpg", ".png", ".JPEG"]))
    habit = draw(st.sampled_from(["sound", "delete", "delete", "rename", "move", "flat"]))
    claims, images, truth = {}, [], {}
    folders = draw(st.sampled_from(FOLDERS))
    keeps_one = file_root == image_root or folders[1].startswith(folders[0])
    for cam, folder in enumerate(folders):
        count = draw(st.integers(1, 4))
        for n in range(count):
            # Flat: all files in one folder, so that the names have to be different.
            number = 10 * cam + n if habit == "flat" else n
            own, before = stem.format(number), stem.format(number)
            if habit == "rename":
                before = stem.format((number + 1) % (count + 1))
            path = f"{folder}/{own}{suffix}".lstrip("/")
            inside = named(f"{folder}/{before}{suffix}".lstrip("/"))
            place = "" if habit == "flat" else folder
            file = f"{file_root}{place}/{respell(own)}.xml".replace("//", "/").lstrip("/")
            image = image_root + path
            # One pair stays of a folder that holds both, else `left` with files and `right` with images are told from
            # `Etiketten` and `Bilder` by nothing; and of folders in each other, as files may lie deeper than images.
            may_go = n > 0 or not keeps_one
            if habit in ("delete", "rename") and may_go and draw(st.booleans()):
                truth[file], claims[file] = None, inside
                continue
            if habit == "move" and may_go and draw(st.booleans()):
                image = f"{image_root}sorted out/{cam}/{own}{suffix}"
            images.append(image)
            if habit == "delete" and may_go and draw(st.booleans()):
                continue
            truth[file], claims[file] = image, inside
    return habit, claims, images, truth


@given(trees())
@settings(max_examples=1000)
def test_a_file_goes_to_the_image_that_it_was_made_for_or_to_none(tree):
    habit, claims, images, truth = tree
    image_of, _ = paired(claims, images)
    wrong = {file: (image, truth[file]) for file, image in image_of.items() if image != truth[file]}
    assert not wrong
    if habit == "sound":
        assert image_of == truth


@given(trees(), st.randoms())
@settings(max_examples=300)
def test_pairs_do_not_depend_on_the_order_and_each_file_is_paired_or_refused(tree, chance):
    _, claims, images, _ = tree
    found = pair([Claim(file, named) for file, named in claims.items()], images)
    files, shuffled = [*claims], [*images]
    chance.shuffle(files)
    chance.shuffle(shuffled)
    again = pair([Claim(file, claims[file]) for file in files], shuffled)
    assert again == found
    assert found.in_doubt == again.in_doubt
    assert max(Counter(found.image_of.values()).values(), default=1) == 1
    assert found.image_of.keys() | found.refused.keys() == claims.keys()
    assert not found.image_of.keys() & found.refused.keys()
    assert not found.in_doubt.keys() & set(found.image_of.values())


@given(trees())
@settings(max_examples=300)
def test_a_whole_tree_below_another_folder_is_paired_as_before(tree):
    _, claims, images, _ = tree
    image_of, refused = paired(claims, images)
    below, refused_below = paired(
        {f"old/{file}": named for file, named in claims.items()}, [f"old/{i}" for i in images]
    )
    assert below == {f"old/{file}": f"old/{image}" for file, image in image_of.items()}
    assert refused_below == {f"old/{file}": code for file, code in refused.items()}


ANY_NAME = st.lists(
    st.sampled_from(["a", "A", "b", "images", "labels", "cam1", "train", "\u00fc", "u\u0308"]), min_size=1, max_size=3
)


@given(
    st.dictionaries(ANY_NAME.map("/".join), st.none() | ANY_NAME.map("/".join) | st.text(max_size=5), max_size=6),
    st.sets(ANY_NAME.map("/".join), max_size=6),
)
@settings(max_examples=300)
def test_names_of_any_kind_are_paired_or_refused(claims, images):
    claims = {f"{file}.xml": named for file, named in claims.items()}
    image_of, refused = paired(claims, [f"{image}.jpg" for image in sorted(images)])
    assert image_of.keys() | refused.keys() == claims.keys()
    assert len(set(image_of.values())) == len(image_of)


def test_thousands_of_folders_with_the_same_names_are_paired_in_seconds():
    chance = random.Random(0)  # noqa: S311 - it shuffles, it keeps no secret
    right = {f"Annotations/run{r}/{n:04}.xml": f"JPEGImages/run{r}/{n:04}.jpg" for r in range(2_000) for n in range(10)}
    images = chance.sample([*right.values()], len(right))
    for named in ("{}", "run0/{}"):
        claims = {file: named and named.format(image.rpartition("/")[2]) for file, image in right.items()}
        began = time.process_time()
        image_of, _ = paired(claims, images)
        assert time.process_time() - began < 20, "20,000 images"
        if named != "run0/{}":
            assert image_of == right

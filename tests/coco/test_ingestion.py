"""What real exports hold, each case as files on disk: taken in, or turned away with a finding."""

import json
from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from gsam_edge.coco import InvalidDatasetError, RawCoco, complete, validate
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.datasets.images import ImageFolder

HEIGHT, WIDTH = 40, 50
BOX = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 12]}


def image(mode="RGB", size=(WIDTH, HEIGHT), kind="PNG", **options):
    rng = np.random.default_rng(0)
    if mode == "I;16":
        image = Image.fromarray(rng.integers(0, 2**16, size[::-1], np.uint16))
    else:
        bands = len(Image.new(mode, (1, 1)).getbands())
        pixels = rng.integers(0, 256, (*size[::-1], bands), np.uint8)
        image = Image.frombytes(mode, size, pixels.tobytes())
    buffer = BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    return image(size=(HEIGHT, WIDTH), kind="JPEG", exif=exif)


def read(folder, content, config):
    """As the pipeline reads it: from bytes."""
    raw = RawCoco.parse(json.dumps(content).encode())
    return validate(raw.content, ImageFolder(folder, max_pixels=10_000), config, source="file")


def one_image(name="a.png", *objects, **changes):
    return {
        "images": [{"id": 1, "file_name": name, "height": HEIGHT, "width": WIDTH, **changes}],
        "annotations": list(objects or [BOX]),
        "categories": [{"id": 1, "name": "thing"}],
    }


def with_a_sound_one(folder, content):
    """A second image keeps the dataset usable where the first is dropped."""
    (folder / "sound.png").write_bytes(image())
    content["images"].append({"id": 2, "file_name": "sound.png", "height": HEIGHT, "width": WIDTH})
    content["annotations"].append({**BOX, "id": 2, "image_id": 2})
    return content


def codes(result):
    return {(finding.code, finding.policy): finding.count for finding in result.findings}


@pytest.fixture(params=[False, True], ids=["headers", "decoded"])
def either(request, configure):
    return configure(decode_images=request.param)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("grey.png", image("L")),
        ("palette.png", image("P")),
        ("black_and_white.png", image("1")),
        ("rgba.png", image("RGBA")),
        ("sixteen_bits.png", image("I;16")),
        ("sixteen_bits.tif", image("I;16", kind="TIFF")),
        ("cmyk.jpg", image("CMYK", kind="JPEG")),
        ("cmyk.tif", image("CMYK", kind="TIFF")),
        ("turned.jpg", turned()),
        ("sub/folder/a b.png", image()),
        ("./a.png", image()),
        ("Größe 😀.png", image()),
    ],
)
def test_pictures_of_every_kind_are_taken(tmp_path, either, name, content):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    result = read(tmp_path, one_image(name), either)
    assert codes(result) == {}
    assert (result.images.kept, result.objects.kept) == (1, 1)
    assert set(result.image_facts) == ({1} if either.decode_images else set())


@pytest.mark.parametrize(
    ("name", "prepare", "code"),
    [
        ("gone.png", lambda folder: None, "image_missing"),
        ("folder.png", lambda folder: (folder / "folder.png").mkdir(), "image_missing"),
        ("empty.png", lambda folder: (folder / "empty.png").touch(), "image_unreadable"),
        ("text.png", lambda folder: (folder / "text.png").write_text("hello"), "image_unreadable"),
        ("page.eps", lambda folder: (folder / "page.eps").write_bytes(image(kind="EPS")), "image_unreadable"),
        ("bomb.png", lambda folder: (folder / "bomb.png").write_bytes(image(size=(101, 100))), "image_unreadable"),
        ("link.png", lambda folder: (folder / "link.png").symlink_to("../secret.png"), "image_unreadable"),
        ("out/secret.png", lambda folder: (folder / "out").symlink_to(".."), "image_unreadable"),
        ("../secret.png", lambda folder: None, "image_path_unsafe"),
        ("a/../../secret.png", lambda folder: None, "image_path_unsafe"),
        ("..\\secret.png", lambda folder: None, "image_path_unsafe"),
        ("/etc/hostname", lambda folder: None, "image_path_unsafe"),
        ("//server/secret.png", lambda folder: None, "image_path_unsafe"),
        ("n" * 5000 + ".png", lambda folder: None, "image_unreadable"),
    ],
)
def test_files_that_are_no_pictures_of_the_folder_are_dropped(tmp_path, either, name, prepare, code):
    (tmp_path / "secret.png").write_bytes(image())
    folder = tmp_path / "dataset"
    folder.mkdir()
    prepare(folder)
    result = read(folder, with_a_sound_one(folder, one_image(name)), either)
    assert codes(result) == {(code, "drop"): 1, ("annotation_of_dropped_image", "drop"): 1}
    assert (result.images.dropped, result.objects.dropped) == (1, 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_truncated_files_are_found_by_decoding(tmp_path, configure, kind):
    whole = image(kind=kind)
    (tmp_path / "cut").write_bytes(whole[: len(whole) * 2 // 3])
    result = read(tmp_path, with_a_sound_one(tmp_path, one_image("cut")), configure(decode_images=True))
    assert codes(result) == {("image_unreadable", "drop"): 1, ("annotation_of_dropped_image", "drop"): 1}


def deep(brightest, kind="PNG"):
    """A grey image of 16 bits whose values end there."""
    pixels = np.linspace(0, brightest, HEIGHT * WIDTH).astype(np.uint16).reshape(HEIGHT, WIDTH)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_twelve_bits_stored_in_sixteen_are_kept_as_they_are_and_said(tmp_path, configure, kind):
    (tmp_path / "dark").write_bytes(deep(0x0FFF, kind))
    (tmp_path / "bright").write_bytes(deep(0x1FFF, kind))
    assert codes(read(tmp_path, one_image("bright"), configure(decode_images=True))) == {}
    result = read(tmp_path, one_image("dark"), configure(decode_images=True))
    assert codes(result) == {("image_dark_16_bit", "keep"): 1}
    assert result.findings[0].examples[0]["detail"] == "decoded, its largest value is 15 of 255"
    assert (result.images.kept, result.objects.kept) == (1, 1)
    strict = configure(decode_images=True, policies={"image_dark_16_bit": "error"})
    with pytest.raises(
        InvalidDatasetError, match=r"images\[0\]: decoded, its largest value is 15 of 255 \(image_dark_16_bit"
    ):
        read(tmp_path, one_image("dark"), strict)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_pictures_of_32_bits_are_not_read(tmp_path, either, mode):
    buffer = BytesIO()
    Image.new(mode, (WIDTH, HEIGHT)).save(buffer, format="TIFF")
    (tmp_path / "deep.tif").write_bytes(buffer.getvalue())
    result = read(tmp_path, with_a_sound_one(tmp_path, one_image("deep.tif")), either)
    assert codes(result)["image_unreadable", "drop"] == 1


def test_a_file_far_larger_than_its_pixels_is_not_read(tmp_path, configure):
    (tmp_path / "flood.png").write_bytes(image() + bytes(2 << 20))
    result = read(tmp_path, with_a_sound_one(tmp_path, one_image("flood.png")), configure(decode_images=True))
    assert codes(result)["image_unreadable", "drop"] == 1
    assert "expected at most" in result.findings[0].examples[0]["detail"]


def test_another_size_than_declared_is_said(tmp_path, either):
    (tmp_path / "a.png").write_bytes(image())
    result = read(tmp_path, with_a_sound_one(tmp_path, one_image(width=WIDTH + 1)), either)
    assert codes(result)["image_size_mismatch", "drop"] == 1


def square(left, top, side):
    return [float(v) for v in (left, top, left + side, top, left + side, top + side, left, top + side)]


def ring():
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[5:25, 5:25] = True
    mask[10:20, 10:20] = False
    return mask


def uncompressed(mask):
    runs = np.flatnonzero(np.diff(mask.ravel(order="F"), prepend=False, append=not mask.ravel(order="F")[-1]))
    return {"size": [HEIGHT, WIDTH], "counts": np.diff(runs, prepend=0).tolist()}


@pytest.mark.parametrize(
    ("shape", "area"),
    [
        ({"segmentation": [square(1, 1, 10)]}, 100),
        ({"segmentation": [square(1, 1, 10), square(20, 20, 5)]}, 125),
        ({"segmentation": encode_mask(ring())}, 300),
        ({"segmentation": uncompressed(ring())}, 300),
        ({"segmentation": encode_mask(ring()), "iscrowd": 1}, 300),
        ({"bbox": [1.5, 2.25, 10.5, 4.0]}, 42),
        ({"bbox": [1, 2, 10, 4], "segmentation": None, "iscrowd": 0, "area": 40.0}, 40),
    ],
)
def test_shapes_of_every_kind_are_taken_whole(tmp_path, config, shape, area):
    (tmp_path / "a.png").write_bytes(image())
    record = {"id": 0, "image_id": 1, "category_id": 1, **shape}
    result = read(tmp_path, one_image("a.png", record, {**BOX, "id": 9}), config)
    assert codes(result) == {}
    assert result.annotations.objects[0] == record
    completed = complete(result.annotations).annotations
    assert completed.objects[0]["area"] == area
    truth = completed.truth(1, crowds=True)
    assert truth.masks is None or truth.masks[0].sum() in (0, area)


def test_holes_survive(tmp_path, config):
    (tmp_path / "a.png").write_bytes(image())
    record = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": uncompressed(ring())}
    truth = read(tmp_path, one_image("a.png", record), config).annotations.truth(1)
    np.testing.assert_array_equal(truth.masks[0], ring())
    assert coco_mask.area(coco_mask.encode(np.asfortranarray(truth.masks[0], np.uint8))) == 300


def test_crowds_are_kept_and_left_out_of_training(tmp_path, config):
    (tmp_path / "a.png").write_bytes(image())
    crowd = {"id": 5, "image_id": 1, "category_id": 1, "segmentation": uncompressed(ring()), "iscrowd": True}
    result = read(tmp_path, one_image("a.png", BOX, crowd), config)
    assert codes(result) == {("iscrowd_not_integer", "fix"): 1}
    assert result.annotations.image_class_counts.tolist() == [[1]]
    assert len(result.annotations.truth(1)) == 1
    assert len(result.annotations.truth(1, crowds=True)) == 2
    assert not result.annotations.has_masks


def test_ids_of_every_kind_are_read(tmp_path, config):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(image())
    sizes = {"height": HEIGHT, "width": WIDTH}
    content = {
        "images": [{"id": "0", "file_name": "a.png", **sizes}, {"id": 900, "file_name": "b.png", **sizes}],
        "annotations": [
            {**BOX, "id": "17", "image_id": 0, "category_id": "0"},
            {**BOX, "id": 3.0, "image_id": "900", "category_id": 7.0},
            {**BOX, "id": 4, "image_id": 900, "category_id": 12},
        ],
        "categories": [
            {"id": "0", "name": "thing"}, {"id": 7, "name": "wire"}, {"id": 12, "name": "wire"},
            {"id": 99, "name": "placeholder"},
        ],
    }  # fmt: skip
    result = read(tmp_path, content, config)
    assert [record["id"] for record in result.annotations.objects] == [17, 3]
    assert [record["image_id"] for record in result.annotations.objects] == [0, 900]
    assert [record["category_id"] for record in result.annotations.objects] == [0, 7]
    assert result.annotations.class_mapping == {0: "thing", 1: "wire"}
    assert codes(result) == {
        ("id_not_integer", "fix"): 4, ("category_same_name", "fix"): 1, ("category_unused", "drop"): 1,
        ("annotation_duplicate", "drop"): 1,
    }  # fmt: skip
    assert result.objects.fixed + result.objects.dropped == 3


def test_not_a_number_and_infinities_are_read_and_said(tmp_path, config):
    (tmp_path / "a.png").write_bytes(image())
    broken = {"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, float("nan"), 3, float("inf")]}
    content = one_image("a.png", {**BOX, "area": float("inf")}, broken)
    assert b"NaN" in json.dumps(content).encode()
    result = read(tmp_path, content, config)
    assert codes(result) == {("area_malformed", "fix"): 1, ("box_malformed", "drop"): 1}
    assert result.annotations.objects[0]["area"] == 120


def test_areas_are_those_of_the_outline_or_of_the_pixels(tmp_path, config):
    """COCO's own files give what the polygon encloses; others give the pixels of its mask."""
    (tmp_path / "a.png").write_bytes(image())
    thin = [3.3, 3.3, 9.4, 4.1, 12.2, 8.9]
    x, y = np.reshape(thin, (-1, 2)).T
    enclosed = float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
    drawn = int(coco_mask.area(coco_mask.frPyObjects([thin], HEIGHT, WIDTH))[0])
    assert abs(enclosed - drawn) > 1
    objects = [
        {"id": row, "image_id": 1, "category_id": 1, "segmentation": [thin], "area": area, "bbox": [3, 3, 10, 6 + row]}
        for row, area in enumerate([enclosed, float(drawn), 3 * enclosed + 20])
    ]
    result = read(tmp_path, one_image("a.png", *objects), config)
    assert codes(result) == {("area_mismatch", "fix"): 1}
    assert [record["area"] for record in result.annotations.objects] == [enclosed, drawn, drawn]


def test_large_areas_are_areas(configure):
    """A box over an image of 16 megapixels."""

    class Large:
        def probe(self, name):
            return 4000, 4000

    box = {**BOX, "bbox": [0, 0, 4000, 4000], "area": 16_000_000}
    content = one_image("a.png", box, height=4000, width=4000)
    for given in (content, RawCoco.parse(json.dumps(content).encode()).content):
        assert codes(validate(given, Large(), configure(), source="file")) == {}

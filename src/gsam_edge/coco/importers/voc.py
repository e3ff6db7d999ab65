"""Pascal VOC: one XML file per image.

Everingham and Winn, "The PASCAL Visual Object Classes Challenge 2012 Development Kit", section 8: boxes are given by
the first and last pixel that they cover, counted from 1.
"""

from collections.abc import Mapping
from itertools import takewhile
from pathlib import PurePosixPath
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from gsam_edge.coco.importers.collect import Collector, Imported, SourceFiles, lines_of, number, with_suffix

#: Keys of an object beside name and box; values 0 and 1 become whole numbers, others stay text.
_FLAGS = ("pose", "truncated", "difficult", "occluded")
_SPLITS = ("train", "val", "test")


def import_voc(files: SourceFiles) -> Imported:
    """Imports Pascal VOC: a box and its flags for each object, the split where ImageSets/Main names one.

    An object whose corners coincide has a box without size, as in the file: a click, not a pixel.
    """
    collector = Collector(files)
    photos: list[str] = []
    for name in files.image_names():
        if _is_segmentation(name):
            collector.skip("segmentation_image", name, "not read")
        else:
            photos.append(name)
    by_name: dict[str, list[str]] = {}
    for name in photos:
        by_name.setdefault(PurePosixPath(name).name, []).append(name)
        by_name.setdefault(PurePosixPath(name).stem, []).append(name)
    taken: dict[str, str] = {}
    for xml_name in with_suffix(files, ".xml"):
        try:
            root = _parsed(files.read(xml_name))
        except (ValueError, OSError) as error:
            collector.skip("file_unreadable", xml_name, str(error))
            continue
        image_name = _image_of(root, xml_name, by_name)
        if image_name is None:
            collector.skip("image_missing", xml_name, f"no image {_text(root, 'filename')!r} in the folder")
        elif image_name in taken:
            collector.skip("image_annotated_twice", xml_name, f"{image_name} has {taken[image_name]}")
        else:
            taken[image_name] = xml_name
            _add_image(collector, root, image_name, xml_name)
    for name in photos:
        if name not in taken:
            collector.skip("image_not_annotated", name, "no XML file names it")
    collector.name_splits(_splits(files, {PurePosixPath(name).stem: name for name in taken}))
    return collector.finish("voc")


def _is_segmentation(name: str) -> bool:
    """Whether an image lies in VOC's SegmentationClass or SegmentationObject, or in a folder named after them."""
    folders = PurePosixPath(name).parent.parts
    return any(folder.startswith(("SegmentationClass", "SegmentationObject")) for folder in folders)


def _parsed(content: bytes) -> Element:
    """Returns the root of an XML file that declares no entities. Raises ValueError for anything else."""
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, LookupError, RecursionError) as error:
        raise ValueError(f"expected an XML file without entities, but: {error}") from error
    if root.tag != "annotation":
        raise ValueError(f"expected <annotation>, got <{root.tag[:40]}>")
    return root


def _image_of(root: Element, xml_name: str, by_name: dict[str, list[str]]) -> str | None:
    """Returns the image that <filename> names, else the one named like the XML file; of several the nearest to it."""
    for wanted in (_text(root, "filename"), PurePosixPath(xml_name).stem):
        found = by_name.get(PurePosixPath(wanted.replace("\\", "/")).name, [])
        if found:
            folder = PurePosixPath(xml_name).parent
            return max(found, key=lambda name: (_shared(PurePosixPath(name).parent, folder), name))
    return None


def _shared(a: PurePosixPath, b: PurePosixPath) -> int:
    """Returns how many folders two paths share from the top."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a.parts, b.parts, strict=False)))


def _add_image(collector: Collector, root: Element, image_name: str, xml_name: str) -> None:
    try:
        declared: tuple[int, int] | None = (
            int(number(_text(root, "size/height"))),
            int(number(_text(root, "size/width"))),
        )
    except ValueError:
        declared = None  # the file's own size is then taken
    image = collector.add_image(image_name, declared if declared and min(declared) > 0 else None)
    if image is None:
        return
    for row, item in enumerate(root.findall("object")):
        where = f"{xml_name}: object {row}"
        try:
            class_name, bbox = _text(item, "name"), _bbox(item)
        except ValueError as error:
            collector.skip("object_malformed", where, str(error))
            continue
        if not class_name:
            collector.skip("object_malformed", where, "expected a name, got none")
            continue
        collector.add_object(image, class_name, bbox=bbox, **_flags(item))
        for part in item.findall("part"):
            collector.skip("part_of_object", where, _text(part, "name"))


def _bbox(item: Element) -> list[float]:
    """Returns left, top, width and height in pixels. Raises ValueError where a corner is missing or no number."""
    left, top, right, bottom = (number(_text(item, f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax"))
    if (left, top) == (right, bottom):
        return [left - 1, top - 1, 0, 0]
    return [left - 1, top - 1, right - left + 1, bottom - top + 1]


def _flags(item: Element) -> dict[str, Any]:
    found = {name: _text(item, name) for name in _FLAGS}
    return {name: int(text) if text in ("0", "1") else text for name, text in found.items() if text}


def _text(element: Element, path: str) -> str:
    """Returns the text under a path, stripped; empty where there is none."""
    return (element.findtext(path) or "").strip()


def _splits(files: SourceFiles, image_of_stem: Mapping[str, str]) -> dict[str, list[str]]:
    """Returns the images that ImageSets/Main/train.txt, val.txt and test.txt list."""
    images_of_split: dict[str, list[str]] = {}
    for name in files.names():
        path = PurePosixPath(name)
        if path.parts[-3:-1] == ("ImageSets", "Main") and path.name in {f"{split}.txt" for split in _SPLITS}:
            stems = (line.split()[0] for line in lines_of(files, name))
            images_of_split[path.stem] = [image_of_stem[stem] for stem in stems if stem in image_of_stem]
    return images_of_split

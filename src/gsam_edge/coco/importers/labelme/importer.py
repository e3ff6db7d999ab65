"""LabelMe: one JSON file per image with shapes (LabelMe 3 to 6, AnyLabeling, X-AnyLabeling)."""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from gsam_edge.coco.geometry.shapes import brief, whole_number
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.labelme.objects import add_shapes, count_objects
from gsam_edge.coco.importers.labelme.shapes import decoded
from gsam_edge.coco.importers.pairing.rule import Claim
from gsam_edge.coco.importers.reading import SourceFiles, read_json, with_suffix
from gsam_edge.vision.images import ImageError, opened_image

#: Keys of a file that are read, or that say nothing of the image's objects.
_KNOWN = frozenset({
    "version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth", "lineColor", "fillColor",
    "text", "description", "checked",
})  # fmt: skip
#: What other JSON files hold, the most telling keys first.
_OTHERS: Mapping[str, frozenset[str]] = {
    "COCO": frozenset({"images", "annotations"}),
    "Label Studio": frozenset({"data", "annotations"}),
    "Supervisely": frozenset({"objects", "size"}),
    "Datumaro": frozenset({"items"}),
    "VGG Image Annotator": frozenset({"_via_img_metadata"}),
}
_SUFFIX_OF = {
    "BMP": ".bmp", "GIF": ".gif", "JPEG": ".jpg", "JPEG2000": ".jp2", "PNG": ".png", "PPM": ".ppm", "TIFF": ".tif",
    "WEBP": ".webp",
}  # fmt: skip


@dataclass(frozen=True)
class _Document:
    """A LabelMe file without the pixels of its image.

    Attributes:
        content: the parsed file.
        shapes: its shapes.
        has_image: whether its image lies inside.
    """

    content: Mapping[str, Any]
    shapes: list[Any]
    has_image: bool

    @property
    def named(self) -> str | None:
        path = self.content.get("imagePath")
        return path if isinstance(path, str) and path.strip() else None

    @property
    def declared_hw(self) -> tuple[int, int] | None:
        height, width = (whole_number(self.content.get(key)) for key in ("imageHeight", "imageWidth"))
        return (height, width) if height and width and min(height, width) > 0 else None

    @property
    def extra(self) -> dict[str, Any]:
        """Further keys of the image's record."""
        flags = self.content.get("flags")
        return {"flags": flags} if flags and isinstance(flags, Mapping) and any(flags.values()) else {}


def import_labelme(files: SourceFiles, *, labels_lost: LabelsLost) -> Imported:
    """Imports LabelMe: outlines, circles and masks as segmentation, rectangles as boxes (see `objects`).

    A file whose image is not in the folder, but lies inside, brings it along.

    Args:
        files: the folder.
        labels_lost: what to do with an image that has shapes of which none could be taken over.
    """
    collector = Collector(files, labels_lost=labels_lost)
    documents, unreadable = _documents(files, collector)
    claims = [Claim(name, document.named) for name, document in documents.items()]
    pairs = collector.pair(
        [*claims, *map(Claim, unreadable)],
        files.image_names(),
        {name: count_objects(document.shapes) for name, document in documents.items()},
        unreadable=unreadable,
        with_image=[name for name, document in documents.items() if document.has_image],
    )
    for name, document in documents.items():
        if name in pairs.refused:
            continue
        image_name = pairs.image_of.get(name)
        if image_name is None:
            image = _add_image_inside(collector, files, name, document)
        else:
            image = collector.add_image(image_name, document.declared_hw, **document.extra)
            if image is None:
                collector.leave_file(
                    name, "image_unreadable", f"of {image_name}", objects=count_objects(document.shapes)
                )
        if image is None:
            continue
        collector.use(name)
        for key, value in document.content.items():
            if key not in _KNOWN and value:
                collector.skip("element_not_used", name, f"key {brief(key)}")
        add_shapes(collector, image, document.shapes, name)
    return collector.finish("labelme")


def _documents(files: SourceFiles, collector: Collector) -> tuple[dict[str, _Document], dict[str, str]]:
    """Returns the LabelMe files, and those that cannot be read, with the reason."""
    documents: dict[str, _Document] = {}
    unreadable: dict[str, str] = {}
    for name in sorted(with_suffix(files, ".json")):
        try:
            content = read_json(files, name)
        except (ValueError, OSError, ImageError) as error:
            unreadable[name] = str(error)
            continue
        if not isinstance(content, Mapping) or not content.keys() & {"shapes", "imagePath"}:
            collector.leave_file(name, "file_not_used", _kind_of(content))
        elif not isinstance(content.get("shapes"), list):
            unreadable[name] = f"expected a list of shapes, got {brief(content.get('shapes'))}"
        else:
            light = {key: value for key, value in content.items() if key != "imageData"}
            documents[name] = _Document(light, content["shapes"], bool(content.get("imageData")))
    return documents, unreadable


def _kind_of(content: Any) -> str:
    """Says what a JSON file is that is no LabelMe file."""
    first = content[0] if isinstance(content, list) and content else content
    keys = first.keys() if isinstance(first, Mapping) else frozenset()
    kind = next((kind for kind, told in _OTHERS.items() if told <= keys), None)
    if kind:
        return f"expected a mapping with shapes; this looks like a file of {kind}"
    return f"expected a mapping with shapes, got {brief(sorted(map(str, keys)) if keys else content)}"


def _add_image_inside(
    collector: Collector, files: SourceFiles, name: str, document: _Document
) -> dict[str, Any] | None:
    """Adds the image that lies inside a file, named like the file; None, with its reason, where it is none."""
    read = partial(_image_inside, files, name)
    try:
        with opened_image(read(), name="imageData", max_pixels=files.max_pixels) as opened:
            image_name = posixpath.splitext(name)[0] + _SUFFIX_OF[str(opened.format)]
        image = collector.add_embedded_image(image_name, read, document.declared_hw, **document.extra)
    except (ValueError, ImageError) as error:
        detail = f"no image {brief(document.named)} in the folder, and the one inside cannot be used: {error}"
        collector.leave_file(name, "image_missing", detail, objects=count_objects(document.shapes))
        return None
    collector.note("image_inside", name, f"written as {image_name}")
    return image


def _image_inside(files: SourceFiles, name: str) -> bytes:
    return decoded(read_json(files, name)["imageData"], "imageData")

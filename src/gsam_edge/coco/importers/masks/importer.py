"""Masks as image files: one for each object, one for each image, or numbers of classes by pixel."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.masks.files import MaskFile, read_mask, regions, surrounds
from gsam_edge.coco.importers.masks.layout import find_layout
from gsam_edge.coco.importers.pairing.rule import Refusal
from gsam_edge.coco.importers.reading import SourceFiles, layout_of
from gsam_edge.vision.images import ImageError

#: The value of what is not to be looked at in masks of classes, such as VOC's outlines, where it has no name.
_VOID = 255
#: More values than this are no numbers of classes or objects.
_MOST_NUMBERS = 10_000
_KINDS = {"lossy": "mask_lossy", "grey_edges": "mask_grey"}


def import_png_masks(files: SourceFiles, class_names: Mapping[int, str], *, labels_lost: LabelsLost) -> Imported:
    """Imports masks: a file of one object as it is, one of a whole image as its connected regions (see `layout`).

    Args:
        files: the folder.
        class_names: names of the values, where they are numbers of classes; 0 names everything that is not black in
            masks of two values, which is `object` where no name is given.
        labels_lost: what to do with an image that has masks of which none could be taken over.

    Raises:
        InvalidDatasetError: if no image file is a mask, or none could be taken over.
    """
    layout = find_layout(files.image_names())
    if not layout.of_object and not layout.of_image:
        raise _no_masks(files)
    names = [class_names[value] for value in sorted(class_names)] or ["object"]
    collector = Collector(files, names, labels_lost=labels_lost)
    masks_of: dict[str, dict[str, bool]] = defaultdict(dict)
    for mask, found in sorted(layout.of_object.items()):
        if isinstance(found, Refusal):
            collector.leave_file(mask, found.code, found.detail, objects=1)
            for image_name in found.images:
                collector.lose_labels(image_name, f"{mask} may belong to it")
        else:
            masks_of[found][mask] = False
    for mask, image_name in collector.pair(layout.of_image, layout.images, {}).image_of.items():
        masks_of[image_name][mask] = True
    for image_name, masks in sorted(masks_of.items()):
        image = collector.add_image(image_name)
        for mask, is_whole in masks.items():
            if image is None:
                collector.leave_file(mask, "image_unreadable", f"a mask of {image_name}", objects=int(not is_whole))
            else:
                _add_mask(collector, files, image, mask, class_names, is_whole=is_whole)
    return collector.finish("png_masks")


def _add_mask(
    collector: Collector,
    files: SourceFiles,
    image: Mapping[str, Any],
    name: str,
    class_names: Mapping[int, str],
    *,
    is_whole: bool,
) -> None:
    image_hw = (image["height"], image["width"])
    try:
        mask = read_mask(
            files.read(name), name="mask", max_pixels=image_hw[0] * image_hw[1], are_numbers=any(class_names)
        )
        if mask.values.shape != image_hw:
            raise ImageError(f"expected height and width {image_hw}, got {mask.values.shape}")
        classes = _classes(mask, class_names)
    except (ImageError, OSError) as error:
        collector.leave_file(name, "mask_malformed", str(error), objects=int(not is_whole))
        collector.lose_labels(image["file_name"], f"{name}: {error}")
        return
    collector.use(name)
    if mask.kind in _KINDS:
        collector.note(_KINDS[mask.kind], name, "")
    if not classes:
        collector.note("mask_empty", name, "all black")
    are_regions, count = is_whole or mask.kind == "numbers", 0
    for value, class_name in classes.items():
        if class_name is None and value == _VOID and mask.kind == "numbers":
            collector.skip("element_not_used", name, f"value {value} without a name: it is taken for no object")
        elif class_name is None:
            detail = f"value {value}: name it with import_dataset.class_names.{value}=..."
            collector.lose_object(image, "class_unknown", name, detail)
        else:
            covered = mask.values == value
            if mask.kind != "numbers" and surrounds(covered):
                collector.note("mask_surrounds", name, f"{covered.mean():.0%} of the image")
            parts = regions(covered) if are_regions else [encode_mask(covered)]
            count += len(parts)
            for part in parts:
                collector.add_object(image, class_name, segmentation=part)
    if count and are_regions:
        collector.note("mask_of_regions", name, f"{count} {'region' if count == 1 else 'regions'}")


def _classes(mask: MaskFile, class_names: Mapping[int, str]) -> dict[int, str | None]:
    """Returns the class of each value of a mask, None where it has no name.

    Raises:
        ImageError: if there are several values and nobody said what they are.
    """
    numbers = mask.numbers
    if len(numbers) > _MOST_NUMBERS:
        raise ImageError(f"expected a mask, got {len(numbers)} values or colours, as in a photo")
    named = {value: name for value, name in class_names.items() if value}
    if mask.kind == "numbers" and not named:
        some = ", ".join(map(str, numbers[:5])) + (", ..." if numbers[5:] else "")
        raise ImageError(
            f"expected black and one other value, got {len(numbers)} others ({some}): are they classes or objects? "
            "Name classes with import_dataset.class_names.1=...; store objects as one file each in <id>/masks/"
        )
    every = class_names.get(0, None if named else "object") if mask.kind != "numbers" else None
    return {value: named.get(value, every) for value in numbers}


def _no_masks(files: SourceFiles) -> InvalidDatasetError:
    return InvalidDatasetError(
        "import_dataset: expected masks as image files: <id>/images/x.png with a mask for each object in <id>/masks/, "
        f"or images/x.png with a mask of the same name in masks/; got no folder of masks: {layout_of(files)}"
    )

"""One PNG per object, as in the Data Science Bowl 2018: `<id>/images/<name>.png` and `<id>/masks/*.png`."""

from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from gsam_edge.coco.geometry.segmentation import encode_mask
from gsam_edge.coco.importers.collect import Collector, Imported, SourceFiles
from gsam_edge.vision.images import ImageError, decode_image, opened_image


def import_png_masks(files: SourceFiles, class_name: str) -> Imported:
    """Imports each PNG in `masks/` as an object of the image in `images/` beside it: the pixels that are not black.

    Args:
        files: the folder.
        class_name: the class of all objects.
    """
    collector = Collector(files, [class_name])
    images: dict[PurePosixPath, list[str]] = {}
    masks: dict[PurePosixPath, list[str]] = {}
    for name in files.image_names():
        path = PurePosixPath(name)
        if path.parent.name == "images":
            images.setdefault(path.parent.parent, []).append(name)
        elif path.parent.name == "masks":
            masks.setdefault(path.parent.parent, []).append(name)
        else:
            collector.skip("image_elsewhere", name, "expected <id>/images/<name> or <id>/masks/<name>")
    for folder in sorted({*images, *masks}):
        names = images.get(folder, [])
        if len(names) != 1:
            collector.skip("image_missing", str(folder), f"expected one image in {folder}/images, got {len(names)}")
            continue
        if folder not in masks:
            collector.skip("image_not_annotated", names[0], f"no masks in {folder}/masks")
            continue
        image = collector.add_image(names[0])
        if image is None:
            continue
        image_hw = (image["height"], image["width"])
        for name in masks[folder]:
            try:
                mask = decode_mask(files.read(name), max_pixels=image_hw[0] * image_hw[1])
                if mask.shape != image_hw:
                    raise ImageError(f"expected height and width {image_hw}, got {mask.shape}")
            except (ImageError, OSError) as error:
                collector.skip("mask_malformed", name, str(error))
                continue
            collector.add_object(image, class_name, segmentation=encode_mask(mask))
    return collector.finish("png_masks")


def decode_mask(content: bytes, *, max_pixels: int) -> NDArray[np.bool_]:
    """Decodes a mask file to bool [H, W]: True where it is not black, in any pixel format; transparency is ignored.

    Raises:
        ImageError: if it is no complete image or has more than `max_pixels`.
    """
    with opened_image(content, name="mask", max_pixels=max_pixels) as image:
        if image.mode.startswith("I"):  # numbers of objects in 16 bits: in 8 bits, the first 256 would be black
            return np.asarray(image) != 0
    return np.asarray(decode_image(content, name="mask", max_pixels=max_pixels).max(axis=2) > 0)


def placed(mask: NDArray[np.bool_], left_top: tuple[int, int], image_hw: tuple[int, int]) -> NDArray[np.bool_]:
    """Puts a mask [h, w] into an empty one [H, W] with its first pixel at `left_top`; what is outside is cut off."""
    whole = np.zeros(image_hw, bool)
    left, top = left_top
    y, x = np.nonzero(mask)
    y, x = y + top, x + left
    inside = (y >= 0) & (x >= 0) & (y < image_hw[0]) & (x < image_hw[1])
    whole[y[inside], x[inside]] = True
    return whole

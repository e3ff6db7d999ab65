"""Images that a table of annotations does not list: in some formats that says that they show nothing."""

import posixpath
from collections.abc import Collection, Mapping
from typing import Literal, TypeAlias

from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.pairing.copies import original_of
from gsam_edge.coco.importers.reading import SourceFiles

#: What to do with such an image: take it over without objects, or leave it out, as it is not known to be empty.
UnlistedImages: TypeAlias = Literal["empty", "skip"]


def add_unlisted_images(
    collector: Collector,
    files: SourceFiles,
    *,
    listed: Collection[str],
    left_out: Collection[str],
    missing: Mapping[str, str],
) -> None:
    """Adds the images that a table does not list, without objects, and marks those whose labels may have been lost.

    An image is taken for empty only beside listed ones: another folder may be a test set, thumbnails or masks. It is
    not where rows with objects have no image in the folder, as one that was renamed would pass for empty; nor where it
    is a copy of a listed one.

    Args:
        collector: takes them over.
        files: the folder.
        listed: the images that the table names.
        left_out: further images that are none of these, as those of a test set.
        missing: names of images with objects that are not in the folder, and what says so.
    """
    folders = {posixpath.dirname(image) for image in listed}
    lost = {posixpath.dirname(name.replace("\\", "/")): where for name, where in missing.items()}
    for image in files.image_names():
        folder = posixpath.dirname(image)
        if image in listed or image in left_out or folder not in folders:
            continue
        where = next((lost[home] for home in lost if f"/{folder}".endswith(f"/{home}" if home else "")), None)
        if where is not None:
            collector.lose_labels(image, f"{where} has no image, and may hold its labels")
        elif original := original_of(image, listed, files):
            collector.lose_labels(image, f"it is a copy of {original}, which is listed")
        elif collector.add_image(image) is not None:
            collector.note("image_not_listed", image, "no objects")

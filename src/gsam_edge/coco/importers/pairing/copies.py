"""Finds image files that are copies of others in the same folder."""

import posixpath
import re
from collections.abc import Collection

from gsam_edge.coco.importers.reading import SourceFiles

#: What Windows, macOS and editors add to the stem of a copy.
_COPY = re.compile(r"(.+?)[ _-]*(?:\(\d+\)|(?:copy|kopie|checkpoint)(?: *\(?\d+\)?)?)", re.IGNORECASE)


def original_of(image: str, originals: Collection[str], files: SourceFiles) -> str | None:
    """Returns the image of which another one beside it is a copy: named as copies are, with the same bytes.

    Args:
        image: name of a file that may be a copy.
        originals: the images that may have been copied.
        files: the folder of both.
    """
    stem, suffix = posixpath.splitext(posixpath.basename(image))
    copied = _COPY.fullmatch(stem)
    original = posixpath.join(posixpath.dirname(image), f"{copied[1]}{suffix}") if copied else ""
    return original if original in originals and files.read(original) == files.read(image) else None

"""Finds whether the declared sizes of a file's images are all swapped, or those of before their EXIF rotation."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gsam_edge.coco.checks.findings import Ledger
from gsam_edge.coco.checks.values import as_segmentation, declared_hw
from gsam_edge.coco.checks.whole.sample import box_of, extent, image_of, polygons_of, sampled
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.shapes import ROUNDING, whole_number
from gsam_edge.coco.images.scan import ImageFiles

#: Swapped images before anything is said of the file as a whole.
_FEWEST = 3
#: The share of the images, or of the annotations, that have to agree.
_NEARLY_ALL = 0.95


@dataclass(frozen=True)
class Sizes:
    """How the declared sizes are to be read.

    Attributes:
        codes: image ids to the code under which the declared size is replaced by that of the file.
        turns: image ids to the EXIF orientation by which the coordinates are to be turned upright.
    """

    codes: Mapping[int, str] = field(default_factory=dict)
    turns: Mapping[int, int] = field(default_factory=dict)


def look_at_sizes(
    scanned: Iterable[tuple[int, Mapping[str, Any], int, int]],
    objects: Sequence[Any],
    files: ImageFiles,
    ledger: Ledger,
) -> Sizes:
    """Compares declared sizes with those of the files, for all images together.

    Where nearly all images that are not square are declared with height and width exchanged, or nearly all that are
    so are turned by their EXIF orientation, this is one finding. Which of the two sizes the coordinates belong to is
    told by the annotations: they have to lie within it.

    Args:
        scanned: id and record of each image, and the true height and width of its file.
        objects: the list that the COCO file holds under `annotations`.
        files: the image files.
        ledger: records what is found.

    Raises:
        InvalidDatasetError: if it is so and the policy is `error`, or `fix` although no file says how to turn it.
    """
    oblong, swapped, names = 0, dict[int, tuple[int, int]](), dict[int, str]()
    for image_id, record, height, width in scanned:
        if height == width:
            continue
        oblong += 1
        if record.get("height") == height:  # nearly all are declared as they are
            continue
        if declared_hw(record) == (width, height):
            swapped[image_id], names[image_id] = (height, width), record["file_name"]
    if len(swapped) < _FEWEST:
        return Sizes()
    turns = {image_id: files.orientation(name) for image_id, name in names.items()}
    turned = {image_id: orientation for image_id, orientation in turns.items() if orientation > 1}
    is_exif = len(turned) >= _NEARLY_ALL * len(swapped)
    if not is_exif and len(swapped) < _NEARLY_ALL * oblong:
        return Sizes()
    seen, in_file, in_declared = _places(objects, swapped)
    fits_file, fits_declared = (count >= _NEARLY_ALL * seen for count in (in_file, in_declared))
    needs_turn = not fits_file or (is_exif and fits_declared)
    code = "images_turned" if needs_turn else "image_sizes_swapped"
    first, (height, width) = next(iter(swapped.items()))
    told = (
        f"{len(swapped)} of {oblong} images that are not square are declared with width and height exchanged"
        f"{', as they are before their EXIF rotation' if is_exif else ''}; of {seen} of their annotations that were "
        f"looked at, {in_file} lie within the size of the file and {in_declared} within the declared one; for example, "
        f"{names[first]!r} is declared as {width} x {height} (height x width), the file has "
        f"{height} x {width}"
    )
    advice = _advice(code, is_exif=is_exif, is_open=fits_file)
    policy = ledger.policy(code, "images", told, advice=advice)
    if policy == "keep":
        ledger.enter(code, policy, {"where": "images", "detail": told}, count=len(swapped))
        return Sizes()
    if needs_turn and not is_exif:
        raise InvalidDatasetError(
            f"{ledger.source}: {code} cannot be mended: no EXIF orientation says which way; {told}; {advice}"
        )
    return Sizes(dict.fromkeys(turned if needs_turn else swapped, code), turned if needs_turn else {})


def _advice(code: str, *, is_exif: bool, is_open: bool) -> str:
    if code == "image_sizes_swapped":
        given = f"--params=validation.policies.{code}"
        return f"{given}=fix takes the sizes of the files, =keep treats each as image_size_mismatch"
    if not is_exif:
        return (
            "the images were probably turned after they were labelled: turn them back, or the annotations; "
            f"--params=validation.policies.{code}=keep treats each as image_size_mismatch"
        )
    advice = f"--params=validation.policies.{code}=fix turns the coordinates with the images"
    if is_open:
        advice += (
            f"; if they are upright already, validation.policies.{code}=keep with image_size_mismatch=fix takes the "
            "sizes of the files alone"
        )
    return advice


def _places(objects: Sequence[Any], swapped: Mapping[int, tuple[int, int]]) -> tuple[int, int, int]:
    """Returns how many annotations of these images were looked at, lie within the file's size, and the declared one."""
    images = {image_id: {"height": hw[0], "width": hw[1]} for image_id, hw in swapped.items()}
    seen = in_file = in_declared = 0
    for _, record in sampled(objects):
        image = image_of(record, images)
        reach = _reach_hw(record) if image is not None else None
        if image is None or reach is None:
            continue
        height, width = image["height"], image["width"]
        seen += 1
        in_file += reach[0] <= height + ROUNDING and reach[1] <= width + ROUNDING
        in_declared += reach[0] <= width + ROUNDING and reach[1] <= height + ROUNDING
    return seen, in_file, in_declared


def _reach_hw(record: Mapping[str, Any]) -> tuple[float, float] | None:
    """Returns how far down and right an annotation reaches, pixels; of an RLE the size of its image."""
    segmentation, polygons, box = as_segmentation(record.get("segmentation")), polygons_of(record), box_of(record)
    if isinstance(segmentation, Mapping):
        size = segmentation.get("size")
        sides = [whole_number(side) for side in size] if isinstance(size, list) and len(size) == 2 else []
        if len(sides) == 2 and sides[0] is not None and sides[1] is not None:
            return sides[0], sides[1]
    if polygons is not None:
        _, _, right, bottom = extent(polygons)
        return bottom, right
    return None if box is None else (box[1] + box[3], box[0] + box[2])

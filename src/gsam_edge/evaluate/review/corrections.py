"""Takes corrections back into a dataset's annotations: what was changed, added, removed and confirmed, counted."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gsam_edge.coco import RawCoco
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.evaluate.review.account import Account
from gsam_edge.evaluate.review.compare import ReturnedImage, compare, standing
from gsam_edge.evaluate.review.config import ImportReviewConfig
from gsam_edge.evaluate.review.dataset_file import DatasetFile
from gsam_edge.evaluate.review.package import Review
from gsam_edge.evaluate.review.returned import Corrections, Returned, read_corrections
from gsam_edge.evaluate.review.shapes import ObjectShape

#: Most images, and most refusals, that the report lists.
_MOST_LISTED = 500


@dataclass(frozen=True)
class Corrected:
    """A dataset's annotations with corrections in them.

    Attributes:
        content: the whole new file; empty where nothing is different.
        report: see `take_back`.
    """

    content: bytes
    report: dict[str, Any]


def take_back(raw: RawCoco, review: Review, corrections: Corrections, config: ImportReviewConfig) -> Corrected:
    """Puts corrections into the annotations that a review was made of; all else in the file stays as it is.

    An object that came back as it was handed out keeps its record to the letter. The images that came back are
    compared with what was handed out, not with the file: an object that the checks had dropped is not removed by a
    correction that does not know it. Crowd regions stay as they are. Of an image some of whose objects cannot be read
    nothing is taken, since the others would pass for all that is there.

    Args:
        raw: the dataset's present annotations.json.
        review: what was handed out.
        corrections: what came back.
        config: when an object is the same.

    Returns:
        The file, and a report: `corrections`, `format`, `up_to_date` (whether the file is the one that the review was
        made of), `images` {handed_out, returned, not_returned, changed, refused}, `objects` {confirmed, changed, added,
        removed, already: was corrected in the file before, left: was not taken}, `changed_what` {class, box, mask},
        `per_split` {split: {changed, added, removed}}, `new_classes`, `per_image`, `refused` (images, and why), `left`
        (objects: where and why), `skipped` (by the importer), `notes` in words.

    Raises:
        InvalidDatasetError: if the corrections are of no known form, of other images, or of a class that the dataset
            does not have (unless `config.new_classes` keeps it), or if the dataset is read otherwise than it is
            written, so that nothing could be put into it.
    """
    file = DatasetFile(raw)
    returned = read_corrections(corrections, review.labels["images"])
    is_up_to_date = review.source == raw.digest
    account = Account({row["file_name"]: row["split"] for row in review.rows})
    images = list(_readable(review, returned, account))
    if is_up_to_date:
        _require_standing(file, images, config)
    new_classes = _new_classes(images, file, config, corrections.name)
    for image in images:
        compare(file, image, config, account)
    handed_out = len(review.labels["images"])
    report: dict[str, Any] = {
        "corrections": corrections.name,
        "format": returned.form,
        "up_to_date": is_up_to_date,
        "images": {
            "handed_out": handed_out,
            "returned": len(returned.images),
            "not_returned": handed_out - len(returned.images),
            "changed": len(account.per_image),
            "refused": len(account.refused),
        },
        "objects": dict(account.objects),
        "changed_what": dict(account.what),
        "per_split": account.per_split,
        "new_classes": new_classes,
        "per_image": account.per_image[:_MOST_LISTED],
        "refused": account.refused[:_MOST_LISTED],
        "left": account.left[:_MOST_LISTED],
        "skipped": returned.skipped,
    }
    report["notes"] = list(_notes(report))
    return Corrected(file.to_json() if file.is_changed else b"", report)


def _readable(review: Review, returned: Returned, account: Account) -> Iterator[ReturnedImage]:
    """Yields the images that came back and whose objects can all be read; the others are refused, with the reason."""
    names = {category["id"]: category["name"] for category in review.labels["categories"]}
    given_of = _by_image(review.labels["annotations"])
    for image in review.labels["images"]:
        name, hw = str(image["file_name"]), (int(image["height"]), int(image["width"]))
        back = returned.images.get(name)
        if back is None:
            continue
        if name in returned.incomplete:
            account.refuse(name, f"some of its objects cannot be read: {returned.incomplete[name]}")
            continue
        if (came := (back["height"], back["width"])) != hw:
            told = f"{came[1]} x {came[0]}"
            account.refuse(name, f"expected coordinates in {hw[1]} x {hw[0]} pixels, they came back for {told}")
            continue
        try:
            objects = [ObjectShape.of(record, returned.class_names, hw) for record in returned.objects_of[name]]
        except ValueError as error:
            account.refuse(name, f"one of its objects cannot be read: {error}")
            continue
        try:
            given = [ObjectShape.of(record, names, hw) for record in given_of.get(image["id"], ())]
        except ValueError as error:
            raise InvalidDatasetError(
                f"review.json: expected the objects of {name} as the pipeline review wrote them: {error}; run it again"
            ) from error
        yield ReturnedImage.of(name, hw, given, objects)


def _by_image(records: Sequence[Mapping[str, Any]]) -> dict[int, list[Mapping[str, Any]]]:
    found: dict[int, list[Mapping[str, Any]]] = {}
    for record in records:
        found.setdefault(record["image_id"], []).append(record)
    return found


def _require_standing(file: DatasetFile, images: Sequence[ReturnedImage], config: ImportReviewConfig) -> None:
    """Refuses a file in which most of what was handed out does not stand as it was handed out.

    The checks may have mended it as a whole (boxes as corners, boxes from 1, images turned): what is put into it would
    have another layout than the rest.
    """
    asked = sum(len(image.given) for image in images)
    stands = sum(standing(file, image, config) for image in images)
    if 2 * stands < asked:
        raise InvalidDatasetError(
            f"annotations.json: expected the labels as they were handed out, found {stands} of {asked} in the same "
            "place, though the file is the same: the checks mend it whenever it is read (validation.policies). Mend "
            "the file itself, run data_validation, and hand out a new review"
        )


def _new_classes(
    images: Sequence[ReturnedImage], file: DatasetFile, config: ImportReviewConfig, name: str
) -> list[str]:
    """Adds the classes that objects use and the file does not have.

    Raises:
        InvalidDatasetError: unless they are to be kept.
    """
    used = dict.fromkeys(shape.name for image in images for shape in image.got)
    new = [each for each in used if each not in file.category_ids]
    if new and config.new_classes == "error":
        raise InvalidDatasetError(
            f"{name}: expected the dataset's classes {sorted(file.category_ids)}, got also {new}; rename them in the "
            "label tool, or give import_review.new_classes=keep, after which every model is trained anew"
        )
    for each in new:
        file.add_class(each)
    return new


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    """Yields what a reader of the counts should know, in sentences."""
    if not report["up_to_date"]:
        yield (
            "annotations.json is another one than the review was made of: objects that were changed since were left as "
            "they are"
        )
    images = report["images"]
    if images["not_returned"]:
        yield f"images that did not come back, and stay as they are: {images['not_returned']}"
    if images["refused"]:
        first = report["refused"][0]
        yield (
            f"images that were refused, and stay as they are: {images['refused']}; the first, {first['file_name']}: "
            f"{first['why']}"
        )
    strangers = Counter({entry["code"]: entry["count"] for entry in report["skipped"]})["image_missing"]
    if strangers:
        yield f"entries of images that are not of this review, and were left: {strangers}"
    if lost := report["changed_what"].get("mask_lost"):
        yield f"objects that came back with a box alone, and lost their mask: {lost}"
    if report["new_classes"]:
        yield f"new classes {report['new_classes']}: every model has to be trained anew"
    if any(report["per_split"].get("test", {}).values()):
        yield (
            "labels of test images were corrected where models disagree with them: what they agree on and is wrong as "
            "well was not looked at, so that figures on these images come out a little too good"
        )

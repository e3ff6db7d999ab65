"""Checks the image records of a COCO file against the image files."""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from gsam_edge.coco.checks import names as image_names
from gsam_edge.coco.checks.findings import Case, Ledger, Outcome
from gsam_edge.coco.checks.ids import Ids, is_word
from gsam_edge.coco.checks.values import declared_hw
from gsam_edge.coco.checks.whole.sizes import Sizes, look_at_sizes
from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.geometry.shapes import brief, is_text
from gsam_edge.coco.images.facts import ImageFacts
from gsam_edge.coco.images.scan import ImageFiles, ScannedImage, ScanOrError, scan_images
from gsam_edge.coco.table.gc_pause import gc_paused
from gsam_edge.vision.images import MissingImageError

#: File names that are clearly safe and already normalised; almost all of them are.
_PLAIN_NAME = re.compile(r"[\w-][\w .-]*(/[\w-][\w .-]*)*")
#: What says that there is no such file.
_MISSING = (MissingImageError, FileNotFoundError, KeyError)
#: A sixteenth of 256: 12-bit values stored in 16 bits stay below it once decoded.
_DARK = 16


@dataclass
class ImageCheck:
    """Result of `check_images`: the sound images.

    Attributes:
        records: image ids to records with a true size, in the file's order.
        places: image ids to their rows in the file.
        cases: image ids to their open cases: an image without annotations may still be dropped.
        moved: ids of records that list a file again, to the id of the file's first record.
        lost: ids of the images that were dropped.
        namesakes: ids of dropped records to the id of the record that has the file of the same name, spelled otherwise:
            their annotations may be its own.
        ids: the ids of all records, by which annotations refer to them.
        outcomes: what became of each row of the file; those of `records` are not known yet.
        facts: image ids to facts of their decoded files; empty where none was decoded.
        sizes: what the declared sizes of all images together say.
    """

    ids: Ids
    outcomes: list[Outcome]
    records: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    cases: dict[int, Case] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)
    namesakes: dict[int, int] = field(default_factory=dict)
    facts: dict[int, ImageFacts] = field(default_factory=dict)
    sizes: Sizes = field(default_factory=Sizes)


def check_images(
    raw: Sequence[Any],
    files: ImageFiles,
    ledger: Ledger,
    *,
    objects: Sequence[Any],
    decode: bool,
    seen: MutableMapping[str, Any],
) -> ImageCheck:
    """Checks the image records and reads every file.

    Args:
        raw: the list that a COCO file holds under `images`.
        files: the image files.
        ledger: records the faults.
        objects: the list under `annotations`, which tells what swapped sizes mean.
        decode: whether files are decoded, which finds truncated ones, or only their headers read.
        seen: results of an interrupted scan of the files (see `scan_images`).

    Raises:
        InvalidDatasetError: if no image is left, or a fault has the policy `error`.
    """
    ids = Ids(record.get("id") for record in raw if isinstance(record, Mapping))
    check = ImageCheck(ids, ["dropped"] * len(raw))
    with gc_paused():
        wanted = _listed(raw, ledger, check)
    names = [raw[row]["file_name"] for row, _, _ in wanted]
    scans = scan_images(names, files, decode=decode, seen=seen)
    missing = {place: names[place] for place, scanned in enumerate(scans) if isinstance(scanned, _MISSING)}
    if missing:
        searched = image_names.search(missing, {_identity(record, ids)[2] for record in raw}, files)
        again = scan_images(list(searched.found.values()), files, decode=decode, seen=seen)
        for (place, name), scanned in zip(searched.found.items(), again, strict=True):
            names[place], scans[place] = name, scanned
        for place, hint in searched.hints.items():
            scans[place] = MissingImageError(f"{scans[place]}; {hint}")
        id_of = {_normalised(raw[row]["file_name"]): image_id for row, image_id, _ in wanted}
        check.namesakes = {wanted[place][1]: id_of[name] for place, name in searched.taken.items() if name in id_of}
    with gc_paused():
        read = (
            (image_id, raw[row], scanned.height, scanned.width)
            for (row, image_id, _), scanned in zip(wanted, scans, strict=True)
            if isinstance(scanned, ScannedImage)
        )
        check.sizes = look_at_sizes(read, objects, files, ledger)
        for (row, image_id, case), name, scanned in zip(wanted, names, scans, strict=True):
            _settle(check, raw[row], name, row, image_id, case, scanned)
    if not check.records:
        raise InvalidDatasetError(
            f"{ledger.source}: expected at least one usable image, got none of {len(raw)} {ledger.lost()}"
        )
    return check


def _listed(raw: Sequence[Any], ledger: Ledger, check: ImageCheck) -> list[tuple[int, int, Case]]:
    """Returns row, id and open case of each record whose file is to be read; drops the others."""
    named = [_identity(record, check.ids) for record in raw]
    conflicts = _conflicts(named)
    listed: dict[str, int] = {}
    wanted: list[tuple[int, int, Case]] = []
    for row, (image_id, name, spelling) in enumerate(named):
        case = Case(ledger, f"images[{row}]", id=image_id, file_name=name)
        if image_id is None or name is None:
            case.drop(
                "image_malformed",
                f"expected a mapping with id (a whole number or text) and file_name (text), got {brief(raw[row])}",
            )
        elif image_id in conflicts:
            case.drop(
                "image_id_conflict", f"id {brief(raw[row]['id'])} stands for {brief(sorted(conflicts[image_id]))}"
            )
        elif _is_unsafe(name):
            case.drop("image_path_unsafe", f"expected a path inside the dataset's folder, got {brief(name)}")
        elif spelling in listed:
            first = listed[spelling]
            case.drop("image_listed_twice", f"{brief(name)} is already image {first}")
            check.moved |= {image_id: first} if image_id != first else {}
            continue
        else:
            listed[spelling] = image_id
            wanted.append((row, image_id, case))
            continue
        check.lost |= set() if image_id is None else {image_id}
    return wanted


def _settle(
    check: ImageCheck, record: Mapping[str, Any], name: str, row: int, image_id: int, case: Case, scanned: ScanOrError
) -> None:
    """Keeps an image, its case still open, or drops it, depending on the scan of the file with this name."""
    found = _readable(case, scanned)
    if found is not None and name != record["file_name"]:
        code, detail = "image_name_spelled_otherwise", image_names.difference(record["file_name"], name)
        if case.fault(code, detail) == "drop":
            case.drop(code, detail)
            found = None
        record = {**record, "file_name": name}
    unlike = check.sizes.codes.get(image_id, "image_size_mismatch")
    sound = None if found is None else _with_true_size(case, record, image_id, (found.height, found.width), unlike)
    if found is None or sound is None:
        check.lost.add(image_id)
        return
    check.records[image_id], check.places[image_id], check.cases[image_id] = sound, row, case
    if found.facts is not None:
        check.facts[image_id] = found.facts
        if found.facts.brightest is not None and found.facts.brightest < _DARK:
            case.fault("image_dark_16_bit", f"decoded, its largest value is {found.facts.brightest} of 255")


def _identity(record: Any, ids: Ids) -> tuple[int | None, str | None, str]:
    """Returns an image's id and name, None where unusable, and its normalised name."""
    if not isinstance(record, Mapping):
        return None, None, ""
    image_id, name = ids.find(record.get("id")), record.get("file_name")
    if not is_text(name) or "\0" in name:
        return image_id, None, ""
    return image_id, name, _normalised(name)


def _normalised(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else PurePosixPath(name).as_posix()


def _conflicts(named: Sequence[tuple[int | None, str | None, str]]) -> dict[int, set[str]]:
    """Returns the ids that are used for several files, with the names of those files."""
    first: dict[int, str] = {}
    conflicts: dict[int, set[str]] = {}
    for image_id, name, spelling in named:
        if image_id is None or name is None:
            continue
        known = first.setdefault(image_id, spelling)
        if known != spelling:
            conflicts.setdefault(image_id, {known}).add(spelling)
    return conflicts


def _is_unsafe(name: str) -> bool:
    if _PLAIN_NAME.fullmatch(name):
        return False
    windows = PureWindowsPath(name)
    return PurePosixPath(name).is_absolute() or bool(windows.drive or windows.root) or ".." in windows.parts


def _readable(case: Case, scanned: ScanOrError) -> ScannedImage | None:
    if isinstance(scanned, _MISSING):
        case.drop("image_missing", str(scanned))
        return None
    if isinstance(scanned, Exception):
        case.drop("image_unreadable", str(scanned))
        return None
    return scanned


def _with_true_size(
    case: Case, record: Mapping[str, Any], image_id: int, size: tuple[int, int], mismatch: str
) -> Mapping[str, Any] | None:
    """Returns the record with the size of its file, or None if it was dropped because the sizes differ (`mismatch`)."""
    height, width = size
    sound = {"id": image_id, "height": height, "width": width}
    if all(type(record.get(key)) is int and record[key] == value for key, value in sound.items()):
        return record
    declared = declared_hw(record)
    if None not in declared and any(isinstance(record[key], str) for key in ("height", "width")):
        case.fault("number_as_text", f"height {brief(record['height'])}, width {brief(record['width'])}")
    if declared != size:
        if any(side is None or side <= 0 for side in declared):
            code, detail = "image_size_missing", f"no height and width, the file has {height} x {width}"
        else:
            code = mismatch
            detail = f"declared as {declared[0]} x {declared[1]} (height x width), the file has {height} x {width}"
        if case.fault(code, detail) == "drop":
            case.drop(code, detail)
            return None
    if is_word(record["id"]):
        case.fault("id_renumbered", f"id {brief(record['id'])} became {image_id}")
    elif type(record["id"]) is not int:
        case.fault("id_not_integer", f"id {brief(record['id'])}")
    return {**record, **sound}

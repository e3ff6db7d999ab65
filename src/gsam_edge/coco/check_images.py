"""The images of a COCO file, held against the files that are there."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from rich import get_console
from rich.progress import track

from gsam_edge.coco.errors import DatasetError
from gsam_edge.coco.findings import Case, Ledger, Outcome
from gsam_edge.coco.shapes import brief, is_text, whole_number
from gsam_edge.vision.images import ImageError, MissingImageError

#: Height and width in pixels, or why the file could not be read.
Probed: TypeAlias = tuple[int, int] | Exception


class ImageFiles(Protocol):
    """A dataset's image files by `file_name`; both ways of asking raise `ImageError` or `OSError` for a bad file."""

    def __getitem__(self, file_name: str, /) -> NDArray[np.uint8]:
        """The image, RGB uint8 [H, W, 3], upright."""
        ...

    def probe(self, file_name: str) -> tuple[int, int]:
        """Height and width in pixels of the image as it would be decoded, from its header."""
        ...


@dataclass
class ImageCheck:
    """The sound images.

    Attributes:
        records: image ids to records with a true size, in the file's order.
        places: image ids to their rows in the file.
        moved: ids of records that list a file again, to the id of the file's first record.
        lost: ids of the images that were dropped.
        outcomes: what became of each row of the file.
    """

    outcomes: list[Outcome]
    records: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    places: dict[int, int] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)


def check_images(raw: Sequence[Any], files: ImageFiles, ledger: Ledger, *, decode: bool) -> ImageCheck:
    """Reads the image records and looks at every file.

    Args:
        raw: the list that a COCO file holds under `images`.
        files: the image files.
        ledger: takes note of the faults.
        decode: whether files are decoded, which finds truncated ones, or only their headers read.

    Raises:
        DatasetError: if no image is left, or a policy says so.
    """
    check = ImageCheck(["dropped"] * len(raw))
    names = _names_of_ids(raw)
    listed: dict[str, int] = {}
    wanted: list[tuple[int, int, Case]] = []
    for row, record in enumerate(raw):
        image_id, name = _id_and_name(record)
        case = Case(ledger, f"images[{row}]", id=image_id, file_name=name)
        if image_id is None or name is None:
            case.drop("image_malformed", f"expected a mapping with id and file_name, got {brief(record)}")
        elif len(names[image_id]) > 1:
            case.drop("image_id_conflict", f"id {image_id} stands for {brief(sorted(names[image_id]))}")
        elif _is_unsafe(name):
            case.drop("image_path_unsafe", f"expected a path inside the dataset's folder, got {brief(name)}")
        elif _normal(name) in listed:
            first = listed[_normal(name)]
            case.drop("image_listed_twice", f"{brief(name)} is already image {first}")
            check.moved |= {image_id: first} if image_id != first else {}
            continue
        else:
            listed[_normal(name)] = image_id
            wanted.append((row, image_id, case))
            continue
        check.lost |= set() if image_id is None else {image_id}
    probes = _probe([raw[row]["file_name"] for row, _, _ in wanted], files, decode=decode)
    for (row, image_id, case), probed in zip(wanted, probes, strict=True):
        size = _readable(case, probed)
        record = None if size is None else _with_true_size(case, raw[row], image_id, size)
        if record is None:
            check.lost.add(image_id)
            continue
        check.outcomes[row] = case.close()
        check.records[image_id], check.places[image_id] = record, row
    if not check.records:
        faults = ", ".join(f"{finding.code} {finding.count}" for finding in ledger.findings())
        raise DatasetError(f"{ledger.source}: expected at least one usable image, got none of {len(raw)} ({faults})")
    return check


def _id_and_name(record: Any) -> tuple[int | None, str | None]:
    if not isinstance(record, Mapping):
        return None, None
    name = record.get("file_name")
    usable = is_text(name) and "\0" not in name
    return whole_number(record.get("id")), name if usable else None


def _names_of_ids(raw: Sequence[Any]) -> dict[int, set[str]]:
    names: dict[int, set[str]] = {}
    for record in raw:
        image_id, name = _id_and_name(record)
        if image_id is not None and name is not None:
            names.setdefault(image_id, set()).add(_normal(name))
    return names


def _normal(name: str) -> str:
    """One spelling for one file: without `./` and doubled slashes."""
    return PurePosixPath(name).as_posix()


def _is_unsafe(name: str) -> bool:
    windows = PureWindowsPath(name)
    return PurePosixPath(name).is_absolute() or bool(windows.drive or windows.root) or ".." in windows.parts


def _probe(names: Sequence[str], files: ImageFiles, *, decode: bool) -> list[Probed]:
    def look(name: str) -> Probed:
        try:
            if not decode:
                return files.probe(name)
            height, width = files[name].shape[:2]
        except (ImageError, OSError, KeyError) as error:
            return error
        return height, width

    return _on_all_cores(look, names)


def _on_all_cores(look: Callable[[str], Probed], names: Sequence[str]) -> list[Probed]:
    """Pillow decodes outside Python's lock, so threads are enough."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looked = pool.map(look, names)
        quiet = not get_console().is_terminal
        return list(track(looked, "Looking at the images", total=len(names), transient=True, disable=quiet))


def _readable(case: Case, probed: Probed) -> tuple[int, int] | None:
    if isinstance(probed, MissingImageError | FileNotFoundError | KeyError):
        case.drop("image_missing", str(probed))
        return None
    if isinstance(probed, Exception):
        case.drop("image_unreadable", str(probed))
        return None
    return probed


def _with_true_size(
    case: Case, record: Mapping[str, Any], image_id: int, size: tuple[int, int]
) -> Mapping[str, Any] | None:
    """The record with the size of its file, or None where it was dropped for another one."""
    height, width = size
    declared = whole_number(record.get("height")), whole_number(record.get("width"))
    if declared != size:
        if any(side is None or side <= 0 for side in declared):
            code, detail = "image_size_missing", f"no height and width, the file has {height} x {width}"
        else:
            code = "image_size_mismatch"
            detail = f"declared as {declared[0]} x {declared[1]} (height x width), the file has {height} x {width}"
        if case.fault(code, detail) == "drop":
            case.drop(code, detail)
            return None
    if type(record["id"]) is not int:
        case.fault("id_not_integer", f"id {brief(record['id'])}")
    sound = {"id": image_id, "height": height, "width": width}
    return (
        record if all(type(record.get(k)) is int and record[k] == v for k, v in sound.items()) else {**record, **sound}
    )

"""Ready-made splits of other formats: lists of images, or folders named after splits."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from gsam_edge.coco.importers.account import Account
from gsam_edge.coco.importers.pairing.folders import SPLIT_WORDS
from gsam_edge.coco.importers.pairing.image_index import ImageIndex
from gsam_edge.coco.importers.reading import SourceFiles, text_of

#: What VOC's lists of a class add to each name: absent, difficult, present.
_MARKS = frozenset({"-1", "0", "1"})


@dataclass(frozen=True)
class SplitEntry:
    """One line of a list of images.

    Attributes:
        split: train, val or test.
        text: what names the image: a name with or without suffix, a path with either separator, of any computer.
        where: the list and the line.
        near: the folder whose images are meant where the text has no folder.
    """

    split: str
    text: str
    where: str
    near: str = ""


def read_split_list(files: SourceFiles, list_name: str, split: str, near: str) -> list[SplitEntry]:
    """Reads a list of images, one in each line. Raises ValueError and OSError as `text_of`.

    Args:
        files: the source's files.
        list_name: the list.
        split: train, val or test.
        near: the folder whose images are meant where a line has no folder.
    """
    lines = enumerate(text_of(files, list_name).splitlines(), start=1)
    return [SplitEntry(split, line.strip(), f"{list_name}: line {row}", near) for row, line in lines if line.strip()]


def take_splits(
    records: Sequence[dict[str, Any]], entries: Iterable[SplitEntry], index: ImageIndex, account: Account
) -> None:
    """Writes the split of each image into its record if every image has exactly one, and counts the entries.

    Where no entry names an image, the folders decide: if each image lies under one folder named after a split, and at
    least two splits are there.

    Args:
        records: the image records that are taken over.
        entries: the entries of all lists; each is taken or left.
        index: all images of the source.
        account: counts the entries.
    """
    names = {record["file_name"] for record in records}
    split_of: dict[str, set[str]] = {}
    counts: Counter[bool] = Counter()
    for entry in entries:
        found = image_of(entry, index)
        is_known = len(found) == 1 and found[0] in names
        counts[is_known] += 1
        if is_known:
            split_of.setdefault(found[0], set()).add(entry.split)
        else:
            account.leave("entries of split lists", "split_entry_unknown")
            several = f"it may mean {' or '.join(found)}" if len(found) > 1 else "no such image was taken over"
            account.skip("split_entry_unknown", entry.where, f"{entry.text}: {several}")
    if not counts[True]:
        _by_folder(records, account)
        return
    odd = [record["file_name"] for record in records if len(split_of.get(record["file_name"], ())) != 1]
    if odd:
        account.leave("entries of split lists", "splits_incomplete", counts[True])
        detail = f"{len(odd)} of {len(records)} images are in none or in several"
        account.skip("splits_incomplete", odd[0], detail)
        return
    account.take("entries of split lists", counts[True])
    for record in records:
        (record["split"],) = split_of[record["file_name"]]


def image_of(entry: SplitEntry, index: ImageIndex) -> tuple[str, ...]:
    """Returns the images that an entry may mean."""
    return index.named(entry.text, near=entry.near) or index.named(without_mark(entry.text), near=entry.near)


def without_mark(text: str) -> str:
    """Returns the entry of a list without the -1, 0 or 1 by which VOC's lists of a class end each line."""
    name, *mark = text.rsplit(maxsplit=1)
    return name if _MARKS.issuperset(mark) else text


def _by_folder(records: Sequence[dict[str, Any]], account: Account) -> None:
    found = [split_of_folder(record["file_name"]) for record in records]
    if None in found or len(set(found)) < 2:
        return
    for record, split in zip(records, found, strict=True):
        record["split"] = split
    counts: Mapping[str | None, int] = Counter(found)
    account.note("splits_by_folder", "images", ", ".join(f"{split} {count}" for split, count in counts.items()))


def split_of_folder(name: str) -> str | None:
    """Returns the split after which one of a file's folders is named; None where there is none or there are several."""
    folders = PurePosixPath(name).parent.parts
    splits = {SPLIT_WORDS[part.casefold()] for part in folders if part.casefold() in SPLIT_WORDS}
    return splits.pop() if len(splits) == 1 else None

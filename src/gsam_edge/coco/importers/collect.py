"""Collects the images and objects of an import, and keeps the account of what is taken and what is left."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, TypeVar

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.importers.account import Account, counts_of, shown
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.pairing.image_index import ImageIndex
from gsam_edge.coco.importers.pairing.rule import Claim, Pairs, pair
from gsam_edge.coco.importers.pairing.splits import SplitEntry, take_splits
from gsam_edge.coco.importers.reading import SourceFiles, is_hidden, layout_of
from gsam_edge.vision.images import ImageError, opened_image, upright_hw

_Content = TypeVar("_Content")


class Collector:
    """Builds a COCO dataset record by record. Every file of the source ends as taken, or as left under a code.

    Args:
        files: the source's files.
        classes: class names that are known beforehand, in their order; others follow in the order of their objects.
        labels_lost: what to do with an image that has annotations of which none could be taken over.
        may_be_empty: whether a source without images, or without objects, is taken, too, instead of for a mistake.
    """

    def __init__(
        self,
        files: SourceFiles,
        classes: Sequence[str] = (),
        *,
        labels_lost: LabelsLost,
        may_be_empty: bool = False,
    ) -> None:
        self.account = Account()
        self._files = files
        self._names = frozenset(files.names())
        self._labels_lost = labels_lost
        self._may_be_empty = may_be_empty
        self._images: dict[str, dict[str, Any]] = {}
        self._found_hw: dict[str, tuple[int, int]] = {}
        self._embedded: dict[str, Callable[[], bytes]] = {}
        self._objects: list[dict[str, Any]] = []
        self._ignored: list[tuple[str, str, dict[str, Any]]] = []
        self._lost: dict[str, str] = {}
        self._settled: set[str] = set()
        self._category_ids = {name: number for number, name in enumerate(dict.fromkeys(classes), start=1)}
        for name, count in Counter(classes).items():
            if count > 1:
                self.account.note("class_same_name", name, f"the name of {count} class numbers")

    def skip(self, code: str, where: str, detail: str, count: int = 1) -> None:
        """Records an element that is left behind, or several of a kind; `code` is one of `SKIPPED`."""
        self.account.leave("elements", code, count)
        self.account.skip(code, where, detail, count)

    def note(self, code: str, where: str, detail: str) -> None:
        """Records something that is taken over but should be known; `code` is one of `NOTED`."""
        self.account.note(code, where, detail)

    def use(self, file: str) -> None:
        """Counts a file as read and taken over: annotations, a list of classes or splits, a mask."""
        if file not in self._settled:
            self._settled.add(file)
            self.account.take("files")

    def parsed(
        self, names: Iterable[str], read: Callable[[SourceFiles, str], _Content]
    ) -> Iterator[tuple[str, _Content]]:
        """Yields each file with what `read` makes of it; leaves those behind that it refuses (ValueError, OSError)."""
        for name in names:
            try:
                content = read(self._files, name)
            except (ValueError, OSError) as error:
                self.leave_file(name, "file_unreadable", str(error))
                continue
            yield name, content

    def leave_file(self, file: str, code: str, detail: str, *, objects: int = 0) -> None:
        """Leaves a file behind that is no image of the dataset, with the objects in it that are known."""
        self._settled.add(file)
        self.account.leave("files", code)
        if objects:
            self.account.leave("objects", code, objects)
        self.account.skip(code, file, detail)

    def leave_image(self, image: str, code: str, detail: str) -> None:
        """Leaves an image behind."""
        self._settled.add(image)
        self.account.leave("images", code)
        self.account.skip(code, image, detail)

    def pair(
        self,
        claims: Sequence[Claim],
        images: Sequence[str],
        objects: Mapping[str, int],
        *,
        unreadable: Mapping[str, str] = MappingProxyType({}),
        with_image: Collection[str] = (),
    ) -> Pairs:
        """Pairs annotation files with images (see `pairing`) and leaves those behind that have none, or cannot be read.

        Args:
            claims: the annotation files, readable or not.
            images: the images that may be meant.
            objects: the number of objects in each file.
            unreadable: the files that cannot be read, with the reason: the labels of their images are lost.
            with_image: the files that hold their image inside: without one in the folder, they are in neither mapping.

        Returns:
            The pairs, those of unreadable files left out.
        """
        pairs = pair(claims, images)
        for file in with_image:
            if file in pairs.refused and pairs.refused[file].code == "image_missing":
                del pairs.refused[file]
        for file, refusal in pairs.refused.items():
            if file not in unreadable:
                self.leave_file(file, refusal.code, refusal.detail, objects=objects.get(file, 0))
        for image, file in pairs.in_doubt.items():
            self.lose_labels(image, f"{file} may belong to it")
        for file, reason in unreadable.items():
            self.leave_file(file, "file_unreadable", reason)
            if file in pairs.image_of:
                self.lose_labels(pairs.image_of.pop(file), f"{file}: {reason}")
        for file, (code, detail) in pairs.noted.items():
            if file not in unreadable:
                self.note(code, file, detail)
        return pairs

    def add_image(
        self, file_name: str, declared_hw: tuple[int, int] | None = None, /, **extra: Any
    ) -> dict[str, Any] | None:
        """Adds an image and returns its record; None, with its reason, if the file is unreadable or badly named.

        Args:
            file_name: of the source's files.
            declared_hw: height and width that the annotations state; the file's own where they state none.
            extra: further keys of the record.
        """
        if shown(file_name) != file_name:
            self.leave_image(file_name, "name_not_utf8", "a COCO file is UTF-8 and cannot name it")
            return None
        try:
            found_hw = self._files.image_size(file_name)
        except (ImageError, OSError) as error:
            self.leave_image(file_name, "image_unreadable", str(error))
            return None
        return self._add_record(file_name, found_hw, declared_hw, extra)

    def add_embedded_image(
        self, file_name: str, read: Callable[[], bytes], declared_hw: tuple[int, int] | None = None, **extra: Any
    ) -> dict[str, Any]:
        """Adds an image that lies inside an annotation file.

        Args:
            file_name: the name that it gets.
            read: returns the bytes of the image file.
            declared_hw: as in `add_image`.
            extra: further keys of the record.

        Raises:
            ImageError: if it is too large or no readable image, or its name is that of another one.
        """
        if file_name in self._images or file_name in self._names or shown(file_name) != file_name:
            raise ImageError(f"expected a free name in UTF-8 for the image inside, got {shown(file_name)}")
        with opened_image(read(), name=file_name, max_pixels=self._files.max_pixels) as image:
            found_hw = upright_hw(image)
        self._embedded[file_name] = read
        return self._add_record(file_name, found_hw, declared_hw, extra)

    def _add_record(
        self,
        file_name: str,
        found_hw: tuple[int, int],
        declared_hw: tuple[int, int] | None,
        extra: Mapping[str, Any],
    ) -> dict[str, Any]:
        height, width = declared_hw or found_hw
        record = {"id": len(self._images) + 1, "file_name": file_name, "width": width, "height": height, **extra}
        self._images[file_name] = record
        self._found_hw[file_name] = found_hw
        self._settled.add(file_name)
        return record

    def has_size_of_file(self, image: Mapping[str, Any]) -> bool:
        """Whether an image's declared size is that of its file; otherwise masks in that size cannot be trusted."""
        return self._found_hw[image["file_name"]] == (image["height"], image["width"])

    def add_class(self, name: str) -> int:
        """Returns the id of a class, which is the next one where its name is new."""
        return self._category_ids.setdefault(name, len(self._category_ids) + 1)

    def add_object(self, image: Mapping[str, Any], class_name: str, /, **shape: Any) -> dict[str, Any]:
        """Adds an annotation of an image, with `bbox` and/or `segmentation` and further keys; returns its record."""
        record = {"id": len(self._objects) + 1, "image_id": image["id"], "category_id": self.add_class(class_name)}
        record |= {"iscrowd": 0, **shape}
        self._objects.append(record)
        self.account.take("objects")
        return record

    def ignore_area(self, image: Mapping[str, Any], where: str, **shape: Any) -> None:
        """Adds an area that is not to be looked at: a crowd of every class, as COCO evaluates each by itself."""
        self._ignored.append((image["file_name"], where, shape))

    def lose_object(self, image: Mapping[str, Any] | None, code: str, where: str, detail: str) -> None:
        """Leaves an object behind; `image` is its record, None where the image itself is not taken over."""
        self.account.leave("objects", code)
        self.account.skip(code, where, detail)
        if image is not None:
            self.lose_labels(image["file_name"], f"{where}: {detail}")

    def lose_labels(self, image: str, detail: str) -> None:
        """Marks an image of which annotations were lost: if none is left in the end, it would pass for empty."""
        self._lost.setdefault(image, detail)

    def finish(self, format_name: str, splits: Iterable[SplitEntry] = (), index: ImageIndex | None = None) -> Imported:
        """Returns the dataset and its report.

        Args:
            format_name: the format, for the report.
            splits: the entries of the source's lists of splits.
            index: finds the images of the entries; all images of the source where there is none.

        Raises:
            InvalidDatasetError: if there is no image or no object and that is not allowed, or labels were lost and the
                policy is `error`.
        """
        self._settle_lost_labels()
        self._leave_the_rest()
        images = list(self._images.values())
        if not (self._may_be_empty or (images and self._objects)):
            raise self._nothing(format_name)
        self._add_ignored_areas()
        take_splits(images, splits, index or ImageIndex(self._files.image_names()), self.account)
        self.account.take("images", len(images))
        names = {number: name for name, number in self._category_ids.items()}
        content = {
            "info": {"description": f"imported from {format_name}"},
            "images": images,
            "annotations": self._objects,
            "categories": [{"id": number, "name": name} for number, name in names.items()],
        }
        report = {"format": format_name, **counts_of(images, self._objects, names), **self.account.to_json()}
        embedded = {name: read for name, read in self._embedded.items() if name in self._images}
        return Imported(content, report, embedded, dict(self._lost))

    def _settle_lost_labels(self) -> None:
        """Drops, keeps or refuses the images whose annotations were all lost."""
        annotated = {record["image_id"] for record in self._objects}
        lost = {}
        for image, detail in self._lost.items():
            if image in self._images and self._images[image]["id"] in annotated:
                self.note("labels_incomplete", image, detail)
            elif image in self._images or image not in self._settled:
                lost[image] = detail
        if lost and self._labels_lost == "error":
            first, detail = next(iter(lost.items()))
            raise InvalidDatasetError(
                f"import_dataset: expected annotations that can be taken over, lost all those of {len(lost)} images, "
                f"first {first}: {detail}; mend them, or leave such images out with import_dataset.labels_lost=drop"
            )
        for image, detail in lost.items():
            if self._labels_lost == "keep":
                if image in self._images or self.add_image(image):
                    self.note("labels_lost", image, detail)
            else:
                self._images.pop(image, None)
                self.leave_image(image, "labels_lost", detail)

    def _add_ignored_areas(self) -> None:
        names = list(self._category_ids)
        for image, where, shape in self._ignored:
            if image in self._images:
                self.note("ignored_area", where, f"a crowd of {', '.join(names[:3])}{', ...' if names[3:] else ''}")
                for name in names:
                    self.add_object(self._images[image], name, **{"iscrowd": 1, **shape})
            else:
                self.account.leave("objects", "labels_lost")

    def _leave_the_rest(self) -> None:
        """Names every file that was neither taken nor left; a hidden one is an image by its suffix."""
        images = set(self._files.image_names())
        suffixes = {PurePosixPath(name).suffix.lower() for name in images}
        for name in [name for name in self._files.names() if name not in self._settled]:
            if name in images:
                self.leave_image(name, "image_not_annotated", "no annotation file belongs to it")
            elif is_hidden(name) and PurePosixPath(name).suffix.lower() in suffixes:
                self.leave_image(name, "file_hidden", "not read")
            else:
                self.leave_file(name, "file_hidden" if is_hidden(name) else "file_not_used", "not read")
        for name in self._files.links_outside():
            self.leave_file(name, "link_outside", "copy into the folder what it leads to")

    def _nothing(self, format_name: str) -> InvalidDatasetError:
        return InvalidDatasetError(
            f"import_dataset: expected images with objects in the format {format_name!r}, got {len(self._images)} "
            f"images and {len(self._objects)} objects ({self.account.reasons() or 'nothing was left behind'}); the "
            f"folder holds {layout_of(self._files)}"
        )

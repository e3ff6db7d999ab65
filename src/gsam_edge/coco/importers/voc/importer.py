"""Pascal VOC: one XML file per image, and lists of splits in ImageSets."""

from collections import Counter
from pathlib import PurePosixPath

from gsam_edge.coco.importers.collect import Collector
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.pairing.rule import Claim
from gsam_edge.coco.importers.reading import SourceFiles, with_suffix
from gsam_edge.coco.importers.voc.lists import read_lists
from gsam_edge.coco.importers.voc.xml import VocFile, read_voc


def import_voc(files: SourceFiles, *, labels_lost: LabelsLost) -> Imported:
    """Imports Pascal VOC: boxes, outlines and rotated boxes with their flags, and the splits that ImageSets names.

    A box and an outline of one object are one annotation. Where several lists could name the splits, those of
    ImageSets/Main do, then the others of ImageSets, then those elsewhere.

    Args:
        files: the folder.
        labels_lost: what to do with an image whose annotations were all lost.

    Raises:
        InvalidDatasetError: if there is nothing to import, or labels were lost and the policy is `error`.
    """
    collector = Collector(files, labels_lost=labels_lost)
    images: list[str] = []
    for name in files.image_names():
        if _is_segmentation(name):
            collector.leave_image(name, "segmentation_image", "not read")
        else:
            images.append(name)
    documents: dict[str, VocFile] = {}
    unreadable: dict[str, str] = {}
    for name in with_suffix(files, ".xml"):
        try:
            documents[name] = read_voc(files, name)
        except (ValueError, OSError) as error:
            unreadable[name] = str(error)
    claims = [Claim(name, document.filename or None) for name, document in documents.items()]
    claims += [Claim(name) for name in unreadable]
    objects = {name: len(document.objects) for name, document in documents.items()}
    unused = _Unused(collector)
    pairs = collector.pair(claims, images, objects, unreadable=unreadable)
    for name, image_name in pairs.image_of.items():
        _add_image(collector, documents[name], image_name, name, unused)
    unused.report()
    entries = read_lists(files, collector)
    return collector.finish("voc", entries, pairs.index)


def _is_segmentation(name: str) -> bool:
    """Whether an image lies in VOC's SegmentationClass or SegmentationObject, or in a folder named after them."""
    folders = PurePosixPath(name.casefold()).parent.parts
    return any(folder.startswith(("segmentationclass", "segmentationobject")) for folder in folders)


class _Unused:
    """Counts elements that are not used, each kind with its first place."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._first: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def add(self, where: str, what: str, count: int = 1) -> None:
        self._first.setdefault(what, where)
        self._counts[what] += count

    def report(self) -> None:
        for what, count in self._counts.items():
            detail = f"{what}, {count} in all" if count > 1 else what
            self._collector.skip("element_not_used", self._first[what], detail, count)


def _add_image(collector: Collector, document: VocFile, image_name: str, xml_name: str, unused: _Unused) -> None:
    image = collector.add_image(image_name, document.declared_hw)
    if image is None:
        detail = f"its image {image_name} could not be taken over"
        collector.leave_file(xml_name, "image_unreadable", detail, objects=len(document.objects))
        return
    collector.use(xml_name)
    for tag in document.unused:
        unused.add(xml_name, f"<{tag}>")
    if document.deleted:
        unused.add(xml_name, "an object marked as deleted", document.deleted)
    if document.hidden:
        collector.lose_labels(image_name, f"{xml_name}: no <object>, but a <{document.hidden}> that is not known")
    for row, item in enumerate(document.objects):
        where = f"{xml_name}: object {row}"
        if item.lost:
            collector.lose_object(image, item.lost[0], where, item.lost[1])
            continue
        collector.add_object(image, item.class_name, **item.shape, **item.flags)
        for code, detail in item.left:
            collector.skip(code, where, detail)
        for code, detail in item.noted:
            collector.note(code, where, detail)
        for tag in item.unused:
            unused.add(where, f"<{tag}>")

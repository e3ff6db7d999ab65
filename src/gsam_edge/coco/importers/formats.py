"""The importers by the name of their format."""

from collections.abc import Callable, Mapping

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gsam_edge.coco.errors import InvalidDatasetError
from gsam_edge.coco.importers.coco.importer import import_coco
from gsam_edge.coco.importers.cvat import import_cvat
from gsam_edge.coco.importers.datumaro import import_datumaro
from gsam_edge.coco.importers.imported import Imported, LabelsLost
from gsam_edge.coco.importers.label_studio.importer import import_label_studio
from gsam_edge.coco.importers.labelme.importer import import_labelme
from gsam_edge.coco.importers.masks.importer import import_png_masks
from gsam_edge.coco.importers.open_images import import_open_images
from gsam_edge.coco.importers.reading import DatasetFiles, SourceFiles
from gsam_edge.coco.importers.severstal import import_severstal
from gsam_edge.coco.importers.supervisely import import_supervisely
from gsam_edge.coco.importers.unlisted import UnlistedImages
from gsam_edge.coco.importers.voc.importer import import_voc
from gsam_edge.coco.importers.yolo.importer import import_yolo


class ImportConfig(BaseModel):
    """Settings for importing a dataset."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    class_names: dict[int, str] = Field(
        description="names by class number, for formats that have numbers only (yolo without data.yaml, severstal); "
        "for png_masks the names of values, or 0 for all masks of one class. They are the words that a teacher may "
        "be asked for"
    )

    labels_lost: LabelsLost = Field(
        description="what to do with an image that has annotations of which none could be taken over: it would pass "
        "for an image that shows nothing"
    )
    unlisted_images: UnlistedImages = Field(
        description="what to do with an image that severstal's table has no row of, beside images with rows: take it "
        "over without objects, as a strip without defects, or leave it out; of the other formats the files say it"
    )

    @field_validator("class_names")
    @classmethod
    def _said(cls, class_names: dict[int, str]) -> dict[int, str]:
        if not all(name.strip() for name in class_names.values()):
            raise ValueError(f"expected names that are not blank, got {class_names}")
        return class_names


IMPORTERS: Mapping[str, Callable[[SourceFiles, ImportConfig], Imported]] = {
    "coco": lambda files, config: import_coco(files, labels_lost=config.labels_lost),
    "voc": lambda files, config: import_voc(files, labels_lost=config.labels_lost),
    "yolo": lambda files, config: import_yolo(files, config.class_names, labels_lost=config.labels_lost),
    "labelme": lambda files, config: import_labelme(files, labels_lost=config.labels_lost),
    "png_masks": lambda files, config: import_png_masks(files, config.class_names, labels_lost=config.labels_lost),
    "severstal": lambda files, config: import_severstal(
        files, config.class_names, labels_lost=config.labels_lost, unlisted_images=config.unlisted_images
    ),
    "cvat": lambda files, config: import_cvat(files, labels_lost=config.labels_lost),
    "label_studio": lambda files, config: import_label_studio(files, labels_lost=config.labels_lost),
    "supervisely": lambda files, config: import_supervisely(files, labels_lost=config.labels_lost),
    "datumaro": lambda files, config: import_datumaro(files, labels_lost=config.labels_lost),
    "open_images": lambda files, config: import_open_images(files, labels_lost=config.labels_lost),
}


def import_annotations(files: SourceFiles, format_name: str, config: ImportConfig) -> Imported:
    """Imports a dataset of another format as COCO.

    Raises:
        InvalidDatasetError: if the format is unknown, or the folder holds nothing of it.
    """
    if format_name not in IMPORTERS:
        raise InvalidDatasetError(
            f"import_dataset: expected format to be one of {', '.join(IMPORTERS)}, got {format_name!r}"
        )
    return IMPORTERS[format_name](DatasetFiles(files), config)

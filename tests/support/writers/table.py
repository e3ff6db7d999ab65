"""The writers by the name of their format."""

from support.writers.coco import write_coco
from support.writers.labelme import write_labelme
from support.writers.listed import (
    write_cvat,
    write_datumaro,
    write_label_studio,
    write_open_images,
    write_supervisely,
)
from support.writers.png_masks import write_png_masks
from support.writers.severstal import write_severstal
from support.writers.voc import write_voc
from support.writers.yolo import write_yolo

WRITERS = {
    "voc": write_voc,
    "yolo": write_yolo,
    "labelme": write_labelme,
    "png_masks": write_png_masks,
    "severstal": write_severstal,
    "coco": write_coco,
    "cvat": write_cvat,
    "label_studio": write_label_studio,
    "supervisely": write_supervisely,
    "datumaro": write_datumaro,
    "open_images": write_open_images,
}

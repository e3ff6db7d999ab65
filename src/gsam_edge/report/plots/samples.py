"""A sheet of images with their labels: what the project read in the user's file."""

from typing import TYPE_CHECKING

import numpy as np

from gsam_edge.coco.annotations import Annotations
from gsam_edge.report.draw import class_colour, draw_detections
from gsam_edge.report.fonts import font_families, literal
from gsam_edge.report.plots.sheet import image_sheet
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: The sheet: images at most, columns, width of an image in pixels, most characters of its name, most classes named.
_IMAGES, _COLUMNS, _WIDTH, _NAME, _CLASSES = 12, 4, 480, 44, 24
#: Room for the legend, inches.
_FOOT = 0.5


def plot_labelled_samples(annotations: Annotations, images: ImageSource) -> "Figure":
    """Draws some images with boxes and masks as they were read: of each class one, the rarest first, then others.

    Args:
        annotations: checked and completed annotations.
        images: by file name.
    """
    from matplotlib.patches import Patch

    chosen = choose_samples(annotations, _IMAGES)
    names = [annotations.image_by_id[image_id]["file_name"] for image_id in chosen]
    short = [name if len(name) <= _NAME else f"…{name[1 - _NAME :]}" for name in names]
    drawn, seen = [], set[int]()
    for image_id, name in zip(chosen, names, strict=True):
        objects = annotations.truth(image_id)
        seen.update(objects.class_ids.tolist())
        drawn.append(draw_detections(images[name], objects, annotations.class_names, width=_WIDTH, with_scores=False))
    fonts = font_families([*short, *annotations.class_names])
    figure = image_sheet(drawn, short, columns=_COLUMNS, fonts=fonts, foot=_FOOT)
    named = sorted(seen)[:_CLASSES]
    figure.legend(
        [Patch(color=[channel / 255 for channel in class_colour(class_id)]) for class_id in named],
        [literal(annotations.class_names[class_id]) for class_id in named],
        loc="outside lower center",
        ncols=6,
        frameon=False,
        prop={"family": fonts, "size": 9},
    )
    return figure


def choose_samples(annotations: Annotations, count: int) -> list[int]:
    """Chooses image ids: for each class that none of them shows yet, the rarest first, the image with most classes.

    What is left of `count` is spread evenly over the other images with objects; all images count where none has any.
    """
    counts = annotations.image_class_counts  # [images, classes]
    chosen: list[int] = []
    for class_id in np.argsort(counts.sum(axis=0), kind="stable"):
        showing = np.flatnonzero(counts[:, class_id])
        if len(chosen) < count and len(showing) and not counts[chosen, class_id].any():
            chosen.append(int(showing[np.argmax((counts[showing] > 0).sum(axis=1))]))
    labelled = np.flatnonzero(counts.any(axis=1))
    others = [int(row) for row in (labelled if len(labelled) else range(len(counts))) if row not in set(chosen)]
    more = min(count - len(chosen), len(others))
    chosen += [others[at] for at in np.linspace(0, len(others) - 1, more).round().astype(int)] if more else []
    return [annotations.images[row]["id"] for row in chosen]

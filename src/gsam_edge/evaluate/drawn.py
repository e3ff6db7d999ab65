"""Draws what artefacts find beside the truth."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.predictions import Predictions
from gsam_edge.evaluate.config import EvaluationConfig
from gsam_edge.metrics.thresholds import shown, thresholds_of
from gsam_edge.report.plots.grid import TRUTH_COLUMN, choose_images, plot_image_grid
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_predictions(
    truth: Annotations,
    images: ImageSource,
    columns: Mapping[str, Predictions],
    config: EvaluationConfig,
    recommended: Mapping[str, Any],
    *,
    model: str = "student",
) -> "Figure":
    """Draws the annotations and each artefact's predictions side by side, on some images of the test split.

    Artefacts whose name begins with `model` are drawn from their recommended scores on, as they are used.
    """
    thresholds = thresholds_of(truth.class_names, recommended)
    chosen = choose_images(truth, config.image_rows)
    drawn = {TRUTH_COLUMN: [truth.truth(image_id) for image_id in chosen]}
    for name, labels in columns.items():
        if not labels.objects:  # an artefact that was not built
            continue
        found = [labels.objects[image_id] for image_id in chosen]
        # Only what is drawn is unpacked: the predictions hold many objects of low scores, for the accuracy.
        least = thresholds if name.startswith(model) else config.image_score_threshold
        drawn[name] = [shown(packed, least).unpack() for packed in found]
    return plot_image_grid(
        [images[truth.image_by_id[image_id]["file_name"]] for image_id in chosen],
        drawn,
        truth.class_names,
        score_threshold=0.0,
        image_width=config.image_width,
    )

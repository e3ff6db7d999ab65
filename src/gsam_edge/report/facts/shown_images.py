"""Images of the report: what the student finds and fails on, what to look at next; packed as data of the page."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gsam_edge.coco.annotations import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions
from gsam_edge.metrics.label_quality import MatchedLabels, match_labels
from gsam_edge.report.draw import LineStyle, draw_detections
from gsam_edge.report.facts.checks import sentence
from gsam_edge.report.facts.config import ReportConfig
from gsam_edge.vision.images import ImageSource, decode_image

Kind: TypeAlias = Literal["found", "missed", "invented", "confused", "doubted", "proposed"]
#: Kinds of failures that are shown, and which reasons of `failure_report` they are shown for.
_FAILURES: Mapping[Kind, tuple[str, ...]] = {
    "missed": ("missed",),
    "invented": ("invented",),
    "confused": ("confused", "outlined"),
}
#: Reasons of an image in `failure_report` that are told under it.
_MOST_REASONS = 2
#: A drawing with more pixels is refused: those of a review are 1280 wide.
_MOST_PIXELS = 40_000_000


@dataclass(frozen=True)
class ShownImage:
    """One image.

    Attributes:
        kind: what it shows: everything found, something missed, something found that is not there, something taken for
            another class or badly outlined; or labels in doubt, or an image to label.
        file_name: its name.
        text: what is to be seen, in a sentence.
        alt: the same for those who do not see it.
        source: the drawn image as a data address of the page, JPEG.
        width: of the drawn image, pixels.
        height: of the drawn image, pixels.
    """

    kind: Kind
    file_name: str
    text: str
    alt: str
    source: str
    width: int
    height: int


@dataclass(frozen=True)
class _Seen:
    """One image with its answers at the recommended scores."""

    image_id: int
    answers: PackedDetections
    matched: MatchedLabels

    @property
    def missed(self) -> NDArray[np.bool_]:
        """Which objects are missed, bool [objects]."""
        rows = np.ones(len(self.matched.truth), bool)
        rows[[row for _, row in self.matched.pairs]] = False
        return rows

    @property
    def invented(self) -> NDArray[np.bool_]:
        """Which answers are false alarms, bool [answers]."""
        rows = ~self.matched.in_crowd
        rows[[row for row, _ in self.matched.pairs]] = False
        return rows


def choose_shown(
    truth: Annotations,
    predictions: Predictions,
    images: ImageSource,
    thresholds: Sequence[float],
    failures: Mapping[str, Any] | None,
    config: ReportConfig,
    *,
    match_iou: float,
) -> list[ShownImage]:
    """Chooses and draws images: such as are found in full, spread over the classes, and the worst of the failures.

    Args:
        truth: the test split.
        predictions: of the student, by image.
        images: by file name.
        thresholds: the score from which an answer counts, by class id (0..1).
        failures: `failure_report`, whose images come worst first; None shows no failures.
        config: how many, how large.
        match_iou: box IoU from which an answer and an object of its class are a pair (0..1).
    """
    least = np.asarray(thresholds, np.float64)
    seen = {}
    for image_id, packed in predictions.objects.items():
        answers = packed.select(packed.unmasked.scores >= least[packed.unmasked.class_ids])
        matched = match_labels(truth, image_id, answers, match_iou=match_iou, prompted=False)
        seen[image_id] = _Seen(image_id, answers, matched)
    chosen = [_drawn(each, "found", _found_text(each, truth), truth, images, config) for each in _hits(seen, config)]
    for kind in _FAILURES:
        told = [(entry, _reasons(entry, kind)) for entry in (failures or {}).get("images", ())]
        worst = [(entry, reasons) for entry, reasons in told if reasons and entry["image_id"] in seen]
        worst.sort(key=lambda pair: -len(pair[1]))  # of equal ones, the worse image stays first
        for entry, reasons in worst[: config.images]:
            text = " ".join(map(sentence, reasons[:_MOST_REASONS]))
            if len(reasons) > _MOST_REASONS:
                text += f" And {len(reasons) - _MOST_REASONS} more."
            chosen.append(_drawn(seen[entry["image_id"]], kind, text, truth, images, config))
    return chosen


def _hits(seen: Mapping[int, _Seen], config: ReportConfig) -> list[_Seen]:
    """Returns images in which all is right, each showing the class that the others show least."""
    right = [each for each in seen.values() if each.matched.f1 == 1.0]
    chosen: list[_Seen] = []
    shown: dict[int, int] = {}
    while right and len(chosen) < config.images:
        best = min(right, key=lambda each: min(shown.get(c, 0) for c in each.matched.truth.unmasked.class_ids.tolist()))
        right.remove(best)
        chosen.append(best)
        for class_id in best.matched.truth.unmasked.class_ids.tolist():
            shown[class_id] = shown.get(class_id, 0) + 1
    return chosen


def _found_text(seen: _Seen, truth: Annotations) -> str:
    ids = seen.matched.truth.unmasked.class_ids.tolist()
    counts = {truth.class_names[class_id]: ids.count(class_id) for class_id in dict.fromkeys(ids)}
    return "Found: " + ", ".join(name if count == 1 else f"{count} x {name}" for name, count in counts.items()) + "."


def _reasons(entry: Mapping[str, Any], kind: Kind) -> list[str]:
    return [reason["text"] for reason in entry["reasons"] if reason["kind"] in _FAILURES[kind]]


def _drawn(
    seen: _Seen, kind: Kind, text: str, truth: Annotations, images: ImageSource, config: ReportConfig
) -> ShownImage:
    """Draws right answers solid, and what the image is shown for: missed objects dashed, wrong answers dotted."""
    file_name = str(truth.image_by_id[seen.image_id]["file_name"])
    image = images[file_name]
    width = config.image_width
    invented = seen.invented
    shown = np.ones(len(invented), bool) if kind in ("invented", "confused") else ~invented
    lines: list[LineStyle] = ["dotted" if wrong else "solid" for wrong in invented[shown]]
    drawn = draw_detections(image, seen.answers.select(shown).unpack(), truth.class_names, width=width, lines=lines)
    if kind in ("missed", "confused"):
        missed = seen.matched.truth.select(seen.missed).unmasked
        scaled = replace(missed, xyxy=(missed.xyxy * (drawn.shape[1] / image.shape[1])).astype(np.float32))
        dashed: list[LineStyle] = ["dashed"] * len(scaled)
        drawn = draw_detections(drawn, scaled, truth.class_names, width=width, with_scores=False, lines=dashed)
    return _packed(kind, file_name, text, f"Test image {file_name}: {text}", Image.fromarray(drawn), config)


def doubted_images(report: Mapping[str, Any], drawn: Mapping[str, bytes], config: ReportConfig) -> list[ShownImage]:
    """Shows the images whose labels are most in doubt: half as many as of other kinds, and twice as wide.

    Args:
        report: `review_report`.
        drawn: image names to their drawings, JPEG, labels on the left and what models see on the right.
        config: how many, how large.

    Raises:
        ImageError: if a drawing is missing or no image.
    """
    chosen = []
    for row in report["worst"][: config.images // 2]:
        name = row["file_name"]
        width = 2 * config.image_width
        drawing = decode_image(drawn[name], name=name, max_pixels=_MOST_PIXELS)
        text = " ".join(map(sentence, row["reasons"][:_MOST_REASONS]))
        if len(row["reasons"]) > _MOST_REASONS:
            text += f" And {len(row['reasons']) - _MOST_REASONS} more."
        chosen.append(
            _packed("doubted", name, text, f"Labels in doubt on {name}: {text}", _scaled(drawing, width), config)
        )
    return chosen


def proposed_images(
    report: Mapping[str, Any], images: ImageSource, unlabelled: ImageSource, config: ReportConfig
) -> list[ShownImage]:
    """Shows the images to label first, as they are.

    Args:
        report: `next_to_label`.
        images: the dataset's images by file name.
        unlabelled: those of the folder of unlabelled images, by name in that folder.
        config: how many, how large.

    Raises:
        ImageError: if an image is missing or none.
    """
    chosen = []
    for row in report["images"][: config.images]:
        name = row["file_name"]
        is_unlabelled = row["from"] == "unlabelled"
        image = unlabelled[name.removeprefix("unlabelled/")] if is_unlabelled else images[name]
        text = sentence(f"{row['rank']}: {row['why']}")
        shown = _scaled(image, config.image_width)
        chosen.append(_packed("proposed", name, text, f"Image to label, {name}: {text}", shown, config))
    return chosen


def _scaled(image: NDArray[np.uint8], width: int) -> Image.Image:
    """Returns an image in a width, or smaller where it is smaller."""
    whole = Image.fromarray(image)
    if whole.width <= width:
        return whole
    return whole.resize((width, max(1, round(whole.height * width / whole.width))), Image.Resampling.BOX)


def _packed(kind: Kind, file_name: str, text: str, alt: str, drawn: Image.Image, config: ReportConfig) -> ShownImage:
    buffer = BytesIO()
    drawn.save(buffer, "JPEG", quality=config.jpeg_quality, optimize=True)
    source = f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return ShownImage(kind, file_name, text, alt, source, drawn.width, drawn.height)

"""Contact sheets of the user's own images under an augmentation."""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.augmentation import (
    AugmentationConfig,
    AugmentationRules,
    Description,
    RuleAdditions,
    Sample,
    SceneDescription,
    Step,
    describe,
    description_for,
    rules_with,
)
from gsam_edge.coco import Annotations, RawCoco, ValidationConfig, complete, validate
from gsam_edge.coco.images.scan import ImageFiles
from gsam_edge.report.draw import draw_detections, drawn_aspect
from gsam_edge.report.plots.grid import choose_images
from gsam_edge.vision.images import ImageSource

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from gsam_edge.augmentation.augmentation import Augmentation

#: An empty description.
NOTHING = Description(characteristics=(), environment={}, intensity="low")

_INCH = 2.4
_INK, _PALE = "#262626", "#595959"
_LINE_INCH = 0.17


class PreviewConfig(BaseModel):
    """Settings of the contact sheets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    images: int = Field(gt=0, description="images, one line of a sheet each")
    draws: int = Field(gt=0, description="how often a training's changes to each image are drawn")
    image_width: int = Field(gt=0, description="width of an image in a sheet, pixels")


@dataclass(frozen=True)
class SheetMaker:
    """Makes contact sheets of the same images.

    Attributes:
        samples: the images with their objects.
        class_names: by class id.
        rules: what the words of a description mean.
        config: how much a sheet shows.
        seed: the same seed gives the same sheets.
    """

    samples: Sequence[Sample]
    class_names: Sequence[str]
    rules: AugmentationRules
    config: PreviewConfig
    seed: int

    @classmethod
    def of(
        cls,
        annotations: Annotations,
        images: ImageSource,
        rules: AugmentationRules,
        config: PreviewConfig,
        *,
        seed: int,
    ) -> Self:
        """Sheets of all images of these annotations."""
        samples = [Sample(images[image["file_name"]], annotations.truth(image["id"])) for image in annotations.images]
        return cls(samples, annotations.class_names, rules, config, seed)

    def whole(self, description: Description, title: str) -> "Figure":
        """Draws the images as they are, and several times as augmented for a training with this description."""
        from gsam_edge.augmentation import build

        augmentation = build(description, self.rules)
        columns = [("as it is", None)] + [(f"draw {draw + 1}", augmentation) for draw in range(self.config.draws)]
        return self._sheet(columns, title, in_words(describe(description, self.rules)))

    def word(self, description: Description, title: str) -> "Figure":
        """Draws the images as they are, under each transform of a description alone, and under all of them together.

        Every transform is applied to every image, however rarely a training would; the last column is repeated with
        new draws until there are `config.draws`.
        """
        from gsam_edge.augmentation.augmentation import Augmentation

        steps = describe(description, self.rules)
        always = tuple(replace(step, p=1.0) for step in steps)
        alone = [(step.transform, Augmentation((step,), self.rules.image)) for step in always]
        together = alone[0] if len(alone) == 1 else ("all together", Augmentation(always, self.rules.image))
        shown = alone if len(alone) > 1 else []
        repeats = max(1, self.config.draws - len(shown))
        return self._sheet([("as it is", None), *shown, *[together] * repeats], title, in_words(steps))

    def _sheet(
        self, columns: Sequence[tuple[str, "Augmentation | None"]], title: str, lines: Sequence[str]
    ) -> "Figure":
        """Draws the sheet: images in rows, augmentations in columns, the description above."""
        from matplotlib.figure import Figure

        aspects = [drawn_aspect(sample.image) for sample in self.samples]
        width = max(_INCH * len(columns), 3 * _INCH)
        wrapped = [part for line in lines for part in textwrap.wrap(line, int(width * 15), subsequent_indent="      ")]
        head = 0.75 + _LINE_INCH * len(wrapped)
        figure = Figure(
            figsize=(width, _INCH * sum(aspects) + head), dpi=self.config.image_width / _INCH, facecolor="white"
        )
        height = figure.get_figheight()
        places = {"left": 0.005, "right": 0.995, "bottom": 0.005, "top": 1 - head / height}
        spaces = {"wspace": 0.03, "hspace": 0.03, "height_ratios": aspects}
        grid = figure.subplots(len(aspects), len(columns), squeeze=False, gridspec_kw=places | spaces)
        figure.text(0.01, 1 - 0.1 / height, title, va="top", fontsize=12, fontweight="bold", color=_INK)
        figure.text(0.01, 1 - 0.38 / height, "\n".join(wrapped), va="top", fontsize=8, color=_PALE, linespacing=1.35)
        for line, sample in enumerate(self.samples):
            for column, (name, augmentation) in enumerate(columns):
                seed = int(np.random.SeedSequence([self.seed, line, column]).generate_state(1)[0])
                shown = sample if augmentation is None else augmentation(sample, seed=seed)
                axes = grid[line, column]
                axes.imshow(self._drawn(shown))
                axes.set_axis_off()
                if line == 0:
                    axes.set_title(name, fontsize=9, color=_INK, pad=3)
        return figure

    def _drawn(self, sample: Sample) -> NDArray[np.uint8]:
        width = self.config.image_width
        return draw_detections(sample.image, sample.objects, self.class_names, width=width, with_scores=False)


def preview_annotations(
    raw: RawCoco, images: ImageFiles, validation: ValidationConfig, config: PreviewConfig
) -> Annotations:
    """Returns the annotations of the images to show, checked as in `data_validation`, but without decoding.

    Raises:
        InvalidDatasetError: if the file holds nothing usable, or a fault whose policy is `error`.
    """
    quick = validation.model_copy(update={"decode_images": False})
    checked = complete(validate(raw.content, images, quick, source="annotations.json").annotations).annotations
    return checked.subset(choose_images(checked, config.images)).with_source(raw.digest)


def augmented_images(
    annotations: Annotations,
    images: ImageSource,
    scene: SceneDescription,
    additions: RuleAdditions,
    config: PreviewConfig,
    augmentation: AugmentationConfig | None,
    *,
    seed: int,
) -> "Figure":
    """Draws some images as they are, and as a training sees them by the scene's words, before images are mixed.

    Args:
        annotations: from which the images are chosen, evenly over those with objects.
        images: by file name.
        scene: the words.
        additions: words of the user's own.
        config: how many images, and how often each is drawn.
        augmentation: of the training; None changes nothing.
        seed: the same seed gives the same sheet.
    """
    rules = rules_with(additions)
    chosen = annotations.subset(choose_images(annotations, config.images))
    maker = SheetMaker.of(chosen, images, rules, config, seed=seed)
    return maker.whole(
        description_for(augmentation, scene, rules) or NOTHING,
        "What the words of `scene` do to these images in the student's training, before images are mixed",
    )


def word_sheets(maker: SheetMaker, descriptions: Iterable[Description | None]) -> dict[str, bytes]:
    """Draws a sheet for every word and intensity of the descriptions that has an effect: file names to PNG files."""
    sheets: dict[str, bytes] = {}
    for name, (title, description) in _words(filter(None, descriptions)).items():
        if describe(description, maker.rules):
            sheets[f"{name}.png"] = _png(maker.word(description, title))
    return sheets


def in_words(steps: Sequence[Step]) -> list[str]:
    """Describes each step in one line: how often, how strongly, and why."""
    if not steps:
        return ["Nothing is changed."]
    return [
        f"{step.transform}, {step.p:.0%} of the images"
        + "".join(f", {name} {_strength(value)}" for name, value in step.strength.items())
        + ": "
        + "; ".join(f"{reason.why} ({reason.word})" for reason in step.reasons)
        for step in steps
    ]


def _strength(value: object) -> str:
    return " to ".join(f"{end:g}" for end in value) if isinstance(value, tuple) else f"{value:g}"


def _words(descriptions: Iterable[Description]) -> Mapping[str, tuple[str, Description]]:
    """Returns every word of the descriptions as a description of its own, by a name for its file, with a title."""
    words: dict[str, tuple[str, Description]] = {}
    for whole in descriptions:
        intensity = whole.intensity
        for name in whole.characteristics:
            alone = Description(characteristics=(name,), environment={}, intensity=intensity)
            words[f"{name}_{intensity}"] = f"{name}, {intensity} intensity", alone
        for factor, value in whole.environment.items():
            alone = Description(characteristics=(), environment={factor: value}, intensity=intensity)
            words[f"{factor}_{value}_{intensity}"] = f"{factor}: {value}, {intensity} intensity", alone
    return words


def _png(figure: "Figure") -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()

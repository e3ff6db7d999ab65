"""Made-up datasets for the differential test: objects on images, and which annotation file holds whose.

Every object tells its image: the left edge of each object of image number k lies at k + 1 pixels.
"""

import random
import unicodedata
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

Kind = Literal["box", "polygon", "parts", "mask", "bad"]
_FOLDERS = (
    [""],
    ["cam1", "cam2"],
    ["day 1/left", "day 1/right", "day.2"],
    ["a", "a/b"],
    ["Übung", "übrig"],
    ["1", "2"],
)
_STEMS = (
    "{:04}",
    "IMG_{}",
    "frame.{}.jpg",
    "x_jpg.rf.{}",
    "K\u00fcche {}",
    "Bild \u00e9 {}",
    "50% {}",
    "a+b {}",
    "\u4e2d{}",
)
_SUFFIXES = (".jpg", ".png", ".JPG", ".jpeg", ".PNG")
CLASSES = ("scratch", "dent", "K\u00fchler rund")


@dataclass(frozen=True)
class Target:
    """One object of an image: a box (left, top, width, height), polygons or a mask [H, W]; `bad` ones have no class.

    Coordinates are whole pixels from 0.
    """

    class_name: str
    kind: Kind
    box: tuple[int, int, int, int]
    polygons: tuple[tuple[int, ...], ...] = ()
    mask: NDArray[np.bool_] | None = None

    @property
    def box_only(self) -> bool:
        """Whether a format writes it as a box."""
        return not self.polygons and self.mask is None


@dataclass(frozen=True)
class SceneImage:
    """An image file and its objects; `targets` is None where no annotation file exists for it."""

    number: int
    folder: str
    stem: str
    suffix: str
    targets: tuple[Target, ...] | None
    split: str = ""

    @property
    def base(self) -> str:
        """Its file name without folders."""
        return self.stem + self.suffix

    @property
    def path(self) -> str:
        """Its path below the folder of all images."""
        return f"{self.folder}/{self.base}".lstrip("/")


@dataclass(frozen=True)
class Label:
    """An annotation file.

    Attributes:
        targets: the objects that it holds.
        image: the image that they were drawn on; None where it is not in the tree.
        folder: its folder, below the folder of all annotations.
        stem: its name without suffix.
        inside: the name of the image that it states, for formats that state one.
        sure: whether its image is certain, so that its objects have to arrive.
    """

    targets: tuple[Target, ...]
    image: SceneImage | None
    folder: str
    stem: str
    inside: str
    sure: bool

    @property
    def path(self) -> str:
        """Its path without suffix."""
        return f"{self.folder}/{self.stem}".lstrip("/")


@dataclass(frozen=True)
class Scene:
    """A dataset before it is written in a format; all images have the size `hw` (height, width)."""

    images: tuple[SceneImage, ...]
    labels: tuple[Label, ...]
    hw: tuple[int, int]
    classes: tuple[str, ...]
    habit: str


def chance(seed: str) -> random.Random:
    """Returns a source of chance that draws the same for the same text."""
    return random.Random(seed)  # noqa: S311 - it draws datasets, no secrets


def draw_scene(rng: random.Random, kinds: tuple[Kind, ...], *, names_inside: bool) -> Scene:
    """Draws images with objects of the kinds, and their annotation files.

    Args:
        rng: the source of chance.
        kinds: what the format can hold.
        names_inside: whether its annotation files state the name of their image.
    """
    hw = rng.choice([(48, 64), (41, 97), (64, 48)])
    classes = CLASSES[: rng.randint(1, 3)]
    images = _images(rng, kinds, hw, classes)
    more = ["renamed", "stale", "other"] if names_inside else []
    habit = rng.choice(["same", "same", "respelled", "flat", "twins", "deleted", *more])
    if habit == "twins":
        images = _with_twins(rng, images, hw, classes, kinds)
    labels = _labels(rng, images, habit, names_inside=names_inside)
    if habit == "deleted":
        images, labels = _without_some(rng, images, labels)
    for extra in range(rng.choice([0, 0, 0, 2])):
        target = draw_target(rng, rng.choice(kinds), 20 + extra, 0, hw, classes)
        labels.append(Label((target,), None, images[0].folder, f"gone {extra}", f"gone {extra}.jpg", sure=False))
    rng.shuffle(labels)
    return Scene(tuple(images), tuple(labels), hw, classes, habit)


def _images(rng, kinds, hw, classes) -> list[SceneImage]:
    stem, form = rng.choice(_STEMS), rng.choice(["NFC", "NFD"])
    same_names, suffixes = rng.random() < 0.6, rng.choice([_SUFFIXES[:1], _SUFFIXES[:2], _SUFFIXES])
    has_splits = rng.random() < 0.6
    images: list[SceneImage] = []
    for folder in rng.choice(_FOLDERS):
        for place in range(rng.randint(1, 4)):
            number = len(images)
            name = unicodedata.normalize(form, stem.format(place if same_names else number))
            targets = draw_targets(rng, number, kinds, hw, classes) if rng.random() < 0.85 else None
            split = rng.choice(["train", "val", "test"]) if has_splits else ""
            images.append(SceneImage(number, folder, name, rng.choice(suffixes), targets, split))
    if not any(image.targets for image in images):
        images[0] = replace(images[0], targets=(draw_target(rng, kinds[0], 0, 0, hw, classes),))
    return images


def _with_twins(rng, images, hw, classes, kinds) -> list[SceneImage]:
    """Adds images whose names are another's but for suffix, case, Unicode form or encoding."""
    twins = list(images)
    for image in rng.sample(images, min(2, len(images))):
        how = rng.choice(["suffix", "case", "form", "encoded"])
        if how == "suffix":
            suffix = next(suffix for suffix in _SUFFIXES if suffix.lower() != image.suffix.lower())
            twin = replace(image, suffix=suffix, targets=None)
        else:
            stem = respelled(image.stem, how)
            targets = rng.choice([None, draw_targets(rng, len(twins), kinds, hw, classes)])
            twin = replace(image, stem=stem, targets=targets)
        if twin.path not in {other.path for other in twins}:
            twins.append(replace(twin, number=len(twins)))
    return twins


def _without_some(rng, images, labels) -> tuple[list[SceneImage], list[Label]]:
    """Deletes image files whose annotations stay: these belong to nothing, whatever has the same name elsewhere."""
    gone = set(rng.sample([image.number for image in images], len(images) // 2))
    kept = [image for image in images if image.number not in gone]
    if not any(image.targets for image in kept):
        return images, labels
    orphans = [replace(x, image=None, sure=False) if x.image and x.image.number in gone else x for x in labels]
    return kept, orphans


def _labels(rng, images, habit, *, names_inside) -> list[Label]:
    how, inside_as = (
        rng.choice(["case", "form", "encoded"]),
        rng.choice(["base", "path", "windows", "posix", "stem", "none"]),
    )
    keys = [key(image.stem) for image in images]
    bases = [key(image.base) for image in images]
    labels = []
    for image in images:
        if image.targets is None:
            continue
        alone = sum(i.folder == image.folder and key(i.stem) == key(image.stem) for i in images) == 1
        pair = sum(i.folder == image.folder and i.stem == image.stem for i in images) > 1
        folder, stem, inside, sure = image.folder, image.stem, _inside(image, inside_as), not pair
        if habit == "respelled":
            stem = respelled(image.stem, how)
            inside, sure = _inside(replace(image, stem=stem), inside_as), alone
        elif habit == "flat" and keys.count(key(image.stem)) == 1:
            folder, sure = "", not image.folder or (names_inside and inside_as != "none")
        elif habit == "renamed":
            inside, sure = images[image.number - 1].base, len(images) == 1
        elif habit == "stale":
            inside = f"DSC{image.number}.jpg"
        elif habit == "other" and inside_as not in ("stem", "none"):
            stem, sure = f"task-{image.number}", bases.count(key(image.base)) == 1
        labels.append(Label(image.targets, image, folder, stem, inside, sure))
    return labels


def _inside(image: SceneImage, how: str) -> str:
    windows = "C:\\Users\\me\\set 1\\" + image.path.replace("/", "\\")
    return {
        "base": image.base, "path": image.path, "windows": windows, "posix": f"/home/me/set/{image.path}",
        "stem": image.stem, "none": "",
    }[how]  # fmt: skip


def respelled(name: str, how: str) -> str:
    """Returns a name in another spelling: of another case, Unicode form or encoded as in a URL; itself if none is."""
    if how == "case":
        return name.upper() if name.upper() != name else name.lower()
    if how == "form":
        return unicodedata.normalize("NFD" if unicodedata.is_normalized("NFC", name) else "NFC", name)
    return quote(name)


def key(name: str) -> str:
    """Returns what is equal for all spellings of a name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", unquote(name)).casefold())


def draw_targets(rng, number, kinds, hw, classes) -> tuple[Target, ...]:
    """Draws 0 to 3 objects of an image."""
    return tuple(
        draw_target(rng, "bad" if rng.random() < 0.06 else rng.choice(kinds), number, row, hw, classes)
        for row in range(rng.choice([0, 1, 1, 2, 3]))
    )


def draw_target(rng, kind: Kind, number: int, row: int, hw, classes) -> Target:
    """Draws an object whose left edge tells its image and whose top edge tells its row."""
    left, top = number + 1, 2 * row + 1
    width, height = rng.randint(4, hw[1] - left - 1), rng.randint(4, hw[0] - top - 1)
    right, bottom = left + width, top + height
    class_name, box = rng.choice(classes), (left, top, width, height)
    outline = (left, top, right, top, right, bottom, left + rng.randint(0, width - 1), bottom)
    if kind == "polygon":
        return Target(class_name, kind, box, (outline,))
    if kind == "parts":
        half = left + width // 2
        second = (half + 1, top, right, top, right, bottom)
        return Target(class_name, kind, box, ((left, top, half, top, half, bottom), second))
    if kind == "mask":
        mask = np.zeros(hw, bool)
        mask[top:bottom, left:right] = np.random.default_rng(rng.randrange(1 << 32)).random((height, width)) < 0.7
        mask[top, left] = mask[bottom - 1, right - 1] = True
        return Target(class_name, kind, box, mask=mask)
    return Target(class_name, kind, box)

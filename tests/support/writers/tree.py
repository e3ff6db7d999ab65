"""A folder in memory, as a label tool and people leave it, with what a correct import makes of it."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gsam_edge.vision.images import ImageError, MissingImageError
from support.writers.scene import Scene, SceneImage, chance

_SUFFIXES = (".jpg", ".jpeg", ".png")


@dataclass
class Tree:
    """Files of one dataset in one format (`importers.SourceFiles`), and the truth about them.

    Attributes:
        format_name: the format.
        scene: the dataset that was written.
        place: where each image lies.
        contents: file name to content.
        class_names: names that the user gives with the command.
        sure: numbers of the images whose labels are certainly theirs, so that they have to arrive.
        splits_sure: whether the written splits have to arrive.
        empty_without_file: whether an image without annotation file has no objects.
        splits_written: whether splits were written at all.
        merged: whether the objects of one image are written as one mask.
        mask_files: files with the suffix of an image that hold masks.
    """

    format_name: str
    scene: Scene
    place: Callable[[SceneImage], str]
    contents: dict[str, bytes] = field(default_factory=dict)
    class_names: Mapping[int, str] = field(default_factory=dict)
    sure: frozenset[int] = frozenset()
    splits_sure: bool = False
    empty_without_file: bool = False
    splits_written: bool = False
    merged: bool = False
    mask_files: set[str] = field(default_factory=set)
    order: random.Random | None = None

    def __post_init__(self) -> None:
        self.image_of = {self.place(image): image for image in self.scene.images}
        for name, image in self.image_of.items():
            self.contents[name] = f"image {image.number}".encode()
        labels = self.scene.labels
        self.objects_written = sum(len(label.targets) for label in labels)
        self.sure = frozenset(label.image.number for label in labels if label.image is not None and label.sure)

    def shuffled(self, seed: int) -> "Tree":
        """Returns the same files, listed in another order."""
        other = Tree(self.format_name, self.scene, self.place)
        other.__dict__ |= self.__dict__ | {"order": chance(f"order {seed}")}
        return other

    def names(self) -> list[str]:
        found = sorted(self.contents)
        if self.order:
            self.order.shuffle(found)
        return found

    def links_outside(self) -> list[str]:
        """There are none in a tree in memory."""
        return []

    def image_names(self) -> list[str]:
        return [name for name in self.names() if name.lower().endswith(_SUFFIXES)]

    def read(self, name: str) -> bytes:
        if name not in self.contents:
            raise FileNotFoundError(f"no file {name}")
        return self.contents[name]

    def image_size(self, name: str) -> tuple[int, int]:
        if name not in self.contents:
            raise MissingImageError(f"no file {name}")
        if name not in self.image_of and not self.contents[name].startswith(b"\x89PNG"):
            raise ImageError(f"{name}: no image")
        return self.scene.hw


class Text:
    """How the tree's text files are stored: with or without byte order mark, with line feeds or CR LF."""

    def __init__(self, rng: random.Random) -> None:
        self._mark = rng.choice(["", "", "\ufeff"])
        self._end = rng.choice(["\n", "\n", "\r\n"])

    def __call__(self, lines: str) -> bytes:
        return (self._mark + lines.replace("\n", self._end)).encode()


def under(root: str, path: str, *, is_leaf: bool) -> str:
    """Returns a path below a folder such as `images/`, which is the first folder or, as a leaf, the last one."""
    folder, _, base = path.rpartition("/")
    return f"{folder}/{root}{base}".lstrip("/") if is_leaf else root + path


def litter(tree: Tree, rng: random.Random) -> None:
    """Adds files that no format knows: of people, of desktops, of archives."""
    if rng.random() < 0.5:
        tree.contents["README.md"] = b"# Our parts\nLabelled by Jo, 3 days.\n"
        tree.contents[".DS_Store"] = b"\x00\x00\x00\x01Bud1\x00\x10"
    if rng.random() < 0.15:
        name = next(iter(tree.image_of))
        folder, _, base = name.rpartition("/")
        tree.contents[f"{folder}/._{base}".lstrip("/")] = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X"

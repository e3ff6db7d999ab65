"""What became of the objects and images of a review that came back."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

OUTCOMES = ("confirmed", "changed", "added", "removed", "already", "left")
#: Outcomes that change the dataset.
_CHANGES = ("changed", "added", "removed")


class Account:
    """Counts outcomes, over all and by image.

    Args:
        splits: split of each image by name.

    Attributes:
        objects: how many objects came to which outcome.
        what: of how many changed objects the class, box or mask is another one.
        per_image: of each image that is changed its name, split and counts.
        per_split: the same counts by split.
        refused: images that were not taken, and why.
        left: objects that were not taken, and why.
    """

    def __init__(self, splits: Mapping[str, str]) -> None:
        self._splits = splits
        self.objects: Counter[str] = Counter(dict.fromkeys(OUTCOMES, 0))
        self.what: Counter[str] = Counter()
        self.per_image: list[dict[str, Any]] = []
        self.per_split: dict[str, dict[str, int]] = {}
        self.refused: list[dict[str, str]] = []
        self.left: list[dict[str, str]] = []

    def leave(self, file_name: str, detail: str) -> None:
        """Counts an object that was not taken."""
        self.objects["left"] += 1
        self.left.append({"where": file_name, "detail": detail})

    def refuse(self, file_name: str, why: str) -> None:
        """Names an image of which nothing was taken."""
        self.refused.append({"file_name": file_name, "why": why})

    def settle(self, file_name: str, before: Counter[str]) -> None:
        """Adds an image to `per_image` and `per_split`, by what was counted since `before`."""
        told = {key: self.objects[key] - before[key] for key in _CHANGES}
        if any(told.values()):
            split = self._splits.get(file_name, "")
            self.per_image.append({"file_name": file_name, "split": split, **told})
            whole = self.per_split.setdefault(split, dict.fromkeys(_CHANGES, 0))
            for key, count in told.items():
                whole[key] += count

"""Images that are shown plain: alone, unwarped, at most mirrored and in other colours."""

from copy import deepcopy
from typing import Any

from gsam_edge.students.ultralytics.imports import LetterBox, RandomFlip, YOLODataset


class _RecordedFlip(RandomFlip):  # type: ignore[misc]
    """Ultralytics' flip, which says whether it flipped: `flipped` is (left for right, top for bottom)."""

    def get_params(self, labels: dict[str, Any]) -> dict[str, Any]:
        """See Ultralytics."""
        params: dict[str, Any] = super().get_params(labels)
        left_right, top_bottom = labels.get("flipped", (False, False))
        if self.direction == "horizontal":
            left_right = params["flip"]
        else:
            top_bottom = params["flip"]
        return params | {"flipped": (left_right, top_bottom)}

    def apply_image(self, labels: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """See Ultralytics."""
        flipped: dict[str, Any] = super().apply_image(labels, params)
        return flipped | {"flipped": params["flipped"]}


class PlainImages:
    """Shows an image of a dataset plain, in the format of its other images.

    Of the dataset's own changes those stay that leave every object at its place (colours), and flips, which are
    recorded. The image lies on its canvas as at inference.
    """

    def __init__(self, transforms: Any, image_size: int) -> None:
        """Takes over what comes after the mixing and warping.

        Args:
            transforms: those that Ultralytics builds: mosaic and warp, mixup, cutmix, then the rest.
            image_size: side of the canvas in pixels.
        """
        unmixed = transforms.transforms[3:]
        self._steps = [
            LetterBox(new_shape=(image_size, image_size)),
            *(
                _RecordedFlip(step.p, step.direction, step.flip_idx) if isinstance(step, RandomFlip) else step
                for step in unmixed
            ),
        ]

    def __call__(self, dataset: Any, index: int) -> dict[str, Any]:
        """Returns an image with its labels, ready for a batch, with `plain` and `flipped`."""
        label = deepcopy(dataset.labels[index])
        label.pop("shape")
        label["img"], before, after = dataset.load_image(index)
        ratio_pad = (after[0] / before[0], after[1] / before[1])
        label |= {"ori_shape": before, "resized_shape": after, "ratio_pad": ratio_pad}
        label = YOLODataset.update_labels_info(dataset, label)
        for step in self._steps:
            label = step(label)
        return label | {"plain": True}


def not_plain(label: dict[str, Any]) -> dict[str, Any]:
    """Returns an image that was shown otherwise with the same keys."""
    return label | {"plain": False, "flipped": (False, False)}

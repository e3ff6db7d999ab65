"""Predictor of a PyTorch student, with the interface of the exported ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from time import perf_counter
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from gsam_edge.runtime.tasks.table import output_names, task_of
from gsam_edge.students.table import family_of
from gsam_edge.students.weights import StudentWeights
from gsam_edge.vision import Detections


class StudentPredictor:
    """Predicts the objects of an image with a PyTorch student."""

    def __init__(self, weights: StudentWeights, *, score_threshold: float, device: torch.device) -> None:
        """Builds the module.

        Args:
            weights: the trained student.
            score_threshold: objects that score less are dropped (0..1).
            device: where the module runs.
        """
        self._module = family_of(weights.architecture).module(weights).to(device)
        self._card = weights.interface
        self._task = task_of(self._card)
        self._device = device
        self._score_threshold = score_threshold

    @classmethod
    def from_bytes(cls, content: bytes, *, score_threshold: float, device: str) -> Self:
        """Builds it from a weights file's content and a device name of PyTorch ("cpu", "cuda")."""
        weights = StudentWeights.from_bytes(content)
        return cls(weights, score_threshold=score_threshold, device=torch.device(device))

    @contextmanager
    def watched(self) -> Iterator[list[torch.Tensor]]:
        """Yields a list that takes the feature maps [1, C, h, w] that the head reads, of each image that is shown.

        It stays empty where the module does not say where they are.
        """
        maps: list[torch.Tensor] = []
        stages: Mapping[str, Sequence[torch.nn.Module]] = getattr(self._module, "stages", dict)()
        neck = stages.get("neck", ())
        hooks = [layer.register_forward_hook(lambda _, __, output: maps.append(output)) for layer in neck]
        try:
            yield maps
        finally:
            for hook in hooks:
                hook.remove()

    def __call__(self, image: NDArray[np.uint8]) -> Detections:
        """Returns the objects in one image, uint8 RGB [H, W, 3], in pixels of that image."""
        return self.staged(image)[0]

    def staged(self, image: NDArray[np.uint8]) -> tuple[Detections, dict[str, float]]:
        """Returns what `__call__` does, and how many milliseconds preprocess, inference and postprocess took.

        Inference includes the way to the device and back.
        """
        times = [perf_counter()]
        batch, letterbox = self._task.prepare(image, self._card)
        times.append(perf_counter())
        with torch.inference_mode():
            answers = self._module(torch.from_numpy(batch).to(self._device))
        names = output_names(self._card, len(answers))
        outputs = {name: answer.cpu().numpy() for name, answer in zip(names, answers, strict=True)}
        times.append(perf_counter())
        found = self._task.read(outputs, letterbox, self._card, threshold=self._score_threshold)
        times.append(perf_counter())
        names_ms = zip(("preprocess", "inference", "postprocess"), 1000 * np.diff(times), strict=True)
        return found, {name: float(taken) for name, taken in names_ms}


def student_predictor(
    weights: StudentWeights | bytes, *, score_threshold: float, device: str
) -> Callable[[], StudentPredictor]:
    """Returns a factory that can be pickled and builds the predictor in another process.

    Args:
        weights: the student, or its file's content.
        score_threshold: objects that score less are dropped (0..1).
        device: a device name of PyTorch.
    """
    content = weights if isinstance(weights, bytes) else weights.to_bytes()
    return partial(StudentPredictor.from_bytes, content, score_threshold=score_threshold, device=device)

"""Claim: an augmentation built from a description is as fast as the same transforms composed by hand.

Both change the same 640 px images with 10 masks each, with the same random draws, in turn in one process on one
thread; the processor time of this process is measured. By hand is what albumentations' documentation shows: `A.Compose`
with `masks`, `bboxes` and a label field.

    python benchmarks/augmentation_speed.py --images 60
"""

import argparse
import random
import time
from collections.abc import Callable

import cv2
import numpy as np

from gsam_edge.augmentation import Description, Sample, build, shipped_rules
from gsam_edge.augmentation.augmentation import Augmentation
from gsam_edge.augmentation.geometry import A, BoxSafeZoom
from gsam_edge.vision import Detections

SIDE, OBJECTS = 640, 10
DESCRIPTION = Description(
    characteristics=("reflective_surface", "changes_shape", "changes_size", "partially_hidden"),
    environment={"lighting": "variable", "camera": "shaky"},
    intensity="medium",
)


def random_sample(seed: int) -> Sample:
    """Returns a noisy image with ellipses as objects."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((OBJECTS, SIDE, SIDE), np.uint8)
    for mask in masks:
        centre, axes = rng.integers(100, SIDE - 100, 2).tolist(), rng.integers(15, 90, 2).tolist()
        cv2.ellipse(mask, centre, axes, float(rng.integers(180)), 0, 360, 1, -1)
    boxes = [cv2.boundingRect(mask) for mask in masks]
    xyxy = np.array([[x, y, x + width, y + height] for x, y, width, height in boxes], np.float32)
    image = cv2.resize(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8), (SIDE, SIDE))
    return Sample(image, Detections(xyxy, np.ones(OBJECTS, np.float32), np.arange(OBJECTS), masks.astype(bool)))


def by_hand(augmentation: Augmentation) -> Callable[[Sample, int], None]:
    """Returns the same transforms with the same parameters, composed as albumentations' documentation says."""
    plain = []
    for step in augmentation.steps:
        kind = BoxSafeZoom if step.transform == "BoxSafeZoom" else getattr(A, step.transform)
        unset = {name: (value, value) for name, value in step.spec.neutral.items() if name not in step.strength}
        plain.append(kind(p=step.p, **step.spec.settings, **unset, **step.strength))
    visible = augmentation.image.min_visible
    boxes = A.BboxParams("pascal_voc", label_fields=["labels"], min_visibility=visible, clip=True)
    compose = A.Compose(plain, bbox_params=boxes)

    def call(sample: Sample, seed: int) -> None:
        compose.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311
        masks = sample.objects.masks.view(np.uint8)
        compose(image=sample.image, masks=masks, bboxes=sample.objects.xyxy, labels=sample.objects.class_ids)

    return call


def main() -> None:
    """Prints images per second of both and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=60)
    arguments = parser.parse_args()
    cv2.setNumThreads(0)
    augmentation = build(DESCRIPTION, shipped_rules())
    hand = by_hand(augmentation)
    samples = [random_sample(seed) for seed in range(4)]

    taken: dict[str, list[float]] = {"built": [], "by hand": []}
    for seed in range(-3, arguments.images):  # the first three warm up
        sample = samples[seed % len(samples)]
        for name, call in (("built", lambda s, n: augmentation(s, seed=n)), ("by hand", hand)):
            start = time.process_time()
            call(sample, abs(seed))
            if seed >= 0:
                taken[name].append(time.process_time() - start)
    print(", ".join(step.transform for step in augmentation.steps))
    for name, seconds in taken.items():
        print(f"{name:8s}{len(seconds) / sum(seconds):7.2f} images/s")
    print(f"built / by hand = {sum(taken['by hand']) / sum(taken['built']):.2f}")


if __name__ == "__main__":
    main()

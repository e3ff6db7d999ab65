"""Claim: while SAM's encoder is frozen, the store of features takes it out of every epoch but the first.

    python benchmarks/sam_feature_store.py [--objects 1 2 4 8] [--images 1]

ViT-B at its full size with random weights on the CPU, images of 1024 x 768 px, float32. Times the tuning's own steps:
features of an image from the store or by the encoder, then the losses of its prompts and their gradients for the
adapters of the mask decoder. That second part is what remains, and it grows with the prompted objects: the aim of an
epoch that is >= 20 times faster is met with one or two objects an image and missed with more. Processor time, which
depends less on other work than wall-clock time.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from gsam_edge.datasets.features import FolderFeatures
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import add_lora
from gsam_edge.teachers.outlining.config import MaskLossConfig
from gsam_edge.teachers.outlining.features import ImageFeatures, Shown
from gsam_edge.teachers.outlining.loss import prompted_losses
from gsam_edge.teachers.outlining.prompts import drawn_prompts
from gsam_edge.teachers.sam.architecture import PUBLISHED, build_sam
from gsam_edge.teachers.sam.model import SamModel

LORA = LoraConfig(
    r=8, alpha=16, dropout=0.05, frozen=(), max_share=0.02, targets=r"^mask_decoder\.transformer\..*(_proj|lin[12])$"
)
LOSS = MaskLossConfig(dice_weight=2, focal_weight=0, focal_alpha=0.25, focal_gamma=2, bce_weight=2, iou_weight=0.2)
HEIGHT, WIDTH = 768, 1024


class NoRoom:
    """A store that keeps nothing."""

    def get(self, key: str) -> None:
        """Returns that nothing is kept."""

    def put(self, key: str, tensors: dict[str, torch.Tensor]) -> None:
        """Does nothing."""


def epoch_seconds(sam: SamModel, images: list[np.ndarray], features: ImageFeatures, objects: int) -> float:
    """Returns the seconds of processor time that an image takes in one epoch of steps of one image."""
    rng, started = np.random.default_rng(0), time.process_time()
    corners = rng.uniform(0, 0.5, (objects, 2)) * [WIDTH, HEIGHT]
    boxes = np.hstack([corners, corners + np.array([200, 150])]).astype(np.float32)
    masks = np.zeros((objects, HEIGHT, WIDTH), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes.astype(int), strict=True):
        mask[top:bottom, left:right] = True
    for number, image in enumerate(images):
        prompts = drawn_prompts(sam, boxes, masks, box_jitter=0.12, at_most=objects, rng=rng)
        shown = Shown((str(number), None), lambda image=image: image)
        losses = prompted_losses(sam, features.batch([shown]), [prompts], LOSS, multimask=False)
        torch.stack(list(losses.values())).sum().backward()
    return (time.process_time() - started) / len(images)


def main() -> None:
    """Times an epoch with and without the store for each number of objects, prints seconds an image and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--images", type=int, default=1)
    chosen = parser.parse_args()

    torch.manual_seed(0)
    sam = SamModel(build_sam(PUBLISHED["vit_b"]), PUBLISHED["vit_b"], "random")
    add_lora(sam.model, LORA, seed=0)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(chosen.images)]
    with tempfile.TemporaryDirectory() as folder:
        kept = ImageFeatures(sam, FolderFeatures(Path(folder), max_mb=1024))
        anew = ImageFeatures(sam, NoRoom())
        print(f"first epoch: {epoch_seconds(sam, images, kept, 1):.2f} s of processor time an image")
        for objects in chosen.objects:
            with_store, without = (epoch_seconds(sam, images, features, objects) for features in (kept, anew))
            print(
                f"{objects} objects an image: {with_store:.2f} s with the store, {without:.2f} s without, "
                f"ratio {without / with_store:.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Claim: while SAM's encoder is frozen, an epoch of its tuning with the store of features is >= 20 times faster.

    python benchmarks/sam_feature_store.py [--images 2] [--epochs 3]

ViT-B at its full size with random weights on the CPU; the images are of 1024 x 768 px with eight objects each. Times
the tuning's own steps: features of one image from the store or by the encoder, then the losses of its prompts and their
gradients for the adapters of the mask decoder. The epoch that fills the store is timed, too.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch

from gsam_edge.datasets.features import FolderFeatures
from gsam_edge.teachers.features import FeatureStore
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
HEIGHT, WIDTH, OBJECTS = 768, 1024, 8


class NoRoom:
    """A store that keeps nothing."""

    def get(self, key: str) -> None:
        """Returns that nothing is kept."""

    def put(self, key: str, tensors: dict[str, torch.Tensor]) -> None:
        """Does nothing."""


def epoch_seconds(sam: SamModel, images: list[np.ndarray], features: ImageFeatures) -> float:
    """Returns the seconds that an image takes in one epoch of steps of one image."""
    rng, started = np.random.default_rng(0), time.perf_counter()
    corners = rng.uniform(0, 0.5, (OBJECTS, 2)) * [WIDTH, HEIGHT]
    boxes = np.hstack([corners, corners + np.array([200, 150])]).astype(np.float32)
    masks = np.zeros((OBJECTS, HEIGHT, WIDTH), bool)
    for mask, (left, top, right, bottom) in zip(masks, boxes.astype(int), strict=True):
        mask[top:bottom, left:right] = True
    for number, image in enumerate(images):
        prompts = drawn_prompts(sam, boxes, masks, box_jitter=0.12, at_most=OBJECTS, rng=rng)
        shown = Shown((str(number), None), lambda image=image: image)
        losses = prompted_losses(sam, features.batch([shown]), [prompts], LOSS, multimask=False)
        torch.stack(list(losses.values())).sum().backward()
    return (time.perf_counter() - started) / len(images)


def main() -> None:
    """Times epochs with and without the store in turns, prints seconds an image and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    chosen = parser.parse_args()

    torch.manual_seed(0)
    sam = SamModel(build_sam(PUBLISHED["vit_b"]), PUBLISHED["vit_b"], "random")
    add_lora(sam.model, LORA, seed=0)
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8) for _ in range(chosen.images)]
    with tempfile.TemporaryDirectory() as folder:
        store: FeatureStore = FolderFeatures(Path(folder), max_mb=1024)
        kept, anew = ImageFeatures(sam, store), ImageFeatures(sam, NoRoom())
        first = epoch_seconds(sam, images, kept)
        with_store, without = [], []
        for _ in range(chosen.epochs):
            with_store.append(epoch_seconds(sam, images, kept))
            without.append(epoch_seconds(sam, images, anew))
    figures = {
        "first_epoch_s": first,
        "with_store_s": median(with_store),
        "without_s": median(without),
        "ratio": median(without) / median(with_store),
        "threads": torch.get_num_threads(),
    }
    print(json.dumps({name: round(value, 3) for name, value in figures.items()}))
    print(f"ratio {figures['ratio']:.1f}, claimed at least 20")


if __name__ == "__main__":
    main()

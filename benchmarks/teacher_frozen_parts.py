"""Claim: computing Grounding DINO's frozen parts once saves a tenth of a tuning step at most; so only prompts are kept.

The full-size architecture (Swin-T, BERT, 900 queries; random weights) with the adapter, the loss and the dropout of
conf/full, one image a step, on one thread. Each round takes a step with the prompts remembered and one without, in one
process, in turns, and compares their losses; the processor time is measured, and the shares of the frozen parts in the
step without. What the frozen image backbone takes bounds what a store of its features could save.

    python benchmarks/teacher_frozen_parts.py --side 320 --rounds 3
"""

import argparse
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
import yaml
from torch import nn
from transformers import GroundingDinoConfig, GroundingDinoImageProcessor, GroundingDinoProcessor

from gsam_edge.teachers.grounding_dino.batch import GroundingDinoBatch, labelled_batch
from gsam_edge.teachers.grounding_dino.config import GroundingDinoLossConfig
from gsam_edge.teachers.grounding_dino.library import TunableGroundingDino
from gsam_edge.teachers.grounding_dino.loss import grounding_dino_losses
from gsam_edge.teachers.grounding_dino.model import GroundingDino, load_grounding_dino
from gsam_edge.teachers.grounding_dino.text import read_prompts_once
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import add_lora
from gsam_edge.vision import Detections

ROOT = Path(__file__).parents[1]


def parameters() -> dict[str, dict[str, Any]]:
    """Returns Grounding DINO's parameters of conf/full over those of conf/base."""
    base, full = (
        yaml.safe_load((ROOT / f"conf/{env}/parameters_teacher_finetune.yml").read_text())["grounding_dino"]
        for env in ("base", "full")
    )
    return {part: {**base[part], **full.get(part, {})} for part in ("lora", "loss")}


def full_size(side: int, lora: LoraConfig) -> GroundingDino:
    """Returns the full-size architecture with random weights and a fresh adapter, for images of side x side."""
    torch.manual_seed(0)
    tokenizer = load_grounding_dino(str(ROOT / "data/06_models/base/grounding_dino")).processor.tokenizer
    images = GroundingDinoImageProcessor(size={"shortest_edge": side, "longest_edge": side})
    model = TunableGroundingDino(GroundingDinoConfig())
    return GroundingDino(add_lora(model, lora, seed=0), GroundingDinoProcessor(images, tokenizer), "full-size")


def one_image(detector: GroundingDino, side: int, classes: int) -> GroundingDinoBatch:
    """Returns an image of noise with two objects, asked for so many classes."""
    names = [f"bag {number}" for number in range(classes)]
    image = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    xyxy = np.array([[5, 8, side / 2, side / 3], [side / 3, side / 2, side - 9, side - 20]], np.float32)
    truth = Detections(xyxy, np.ones(2, np.float32), np.arange(2))
    return labelled_batch(detector, [image], [truth], [detector.prompts(names)[0]])


class Stopwatch:
    """The processor time of a module's forward passes."""

    def __init__(self, module: nn.Module) -> None:
        self.seconds, self._start = 0.0, 0.0
        module.register_forward_pre_hook(lambda *_: setattr(self, "_start", time.process_time()))
        module.register_forward_hook(lambda *_: setattr(self, "seconds", time.process_time() - self._start))


def step(detector: GroundingDino, batch: GroundingDinoBatch, loss: GroundingDinoLossConfig) -> tuple[float, float]:
    """Takes a step without the optimiser's part; returns its processor time and its loss."""
    torch.manual_seed(0)
    detector.model.zero_grad()
    start = time.process_time()
    total = torch.stack(list(grounding_dino_losses(detector.model, batch, loss).values())).sum()
    torch.autograd.backward(total)
    return time.process_time() - start, total.item()


def main() -> None:
    """Prints the times of a step with and without, their ratio, and the shares of the frozen parts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=320, help="pixels of the square image (900 queries need 224)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--classes", type=int, nargs="+", default=[3, 60])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    own = parameters()
    detector = full_size(arguments.side, LoraConfig.model_validate(own["lora"]))
    loss = GroundingDinoLossConfig.model_validate(own["loss"])
    core = detector.model.model
    detector.model.train()
    core.text_backbone.eval()  # as it is while prompts are remembered, so that both steps have the same losses
    text, backbone = Stopwatch(core.text_backbone), Stopwatch(core.backbone)
    for classes in arguments.classes:
        batch = one_image(detector, arguments.side, classes)
        taken: dict[str, list[float]] = {"without": [], "with": [], "text": [], "backbone": []}
        for number in range(arguments.rounds + 1):  # the first one warms up, and reads the prompt
            plain, wanted = step(detector, batch, loss)
            shares = text.seconds, backbone.seconds
            if number == 0:
                read_prompts_once(detector.model)
                remembering = core.text_backbone.forward
            core.text_backbone.forward = remembering
            quick, got = step(detector, batch, loss)
            del core.text_backbone.forward
            if abs(got - wanted) > 1e-3 * abs(wanted):
                raise SystemExit(f"expected the same loss with and without, got {got} and {wanted}")
            if number:
                for name, seconds in zip(taken, (plain, quick, *shares), strict=True):
                    taken[name].append(seconds)
        plain, quick, text_time, backbone_time = (median(values) for values in taken.values())
        print(
            f"{classes} classes, {batch.inputs['input_ids'].shape[1]} tokens, {arguments.side} px: "
            f"{plain:.2f} s a step, {quick:.2f} s with the prompt remembered, {plain / quick:.2f} x; of the step "
            f"the text encoder took {text_time / plain:.1%}, the image backbone {backbone_time / plain:.1%}: "
            f"without both {plain / (plain - text_time - backbone_time):.2f} x"
        )


if __name__ == "__main__":
    main()

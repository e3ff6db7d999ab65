"""Claim: full-size teachers are tuned with LoRA in at most a third of the GPU memory of full fine-tuning.

It also shows how many images a second a Grounding DINO and a SAM in a row label.

Needs no Kedro project, no dataset and no checkpoint: random weights at the real input sizes cost what real ones cost.

    python benchmarks/teacher_memory.py                                   # one CUDA GPU: all cases
    python benchmarks/teacher_memory.py --device cpu --side 128 --batch 1 --cases grounding_dino sam_vit_b   # smoke run

Each case runs in a process of its own, so that its peak is its own. A case that does not fit says so.
"""

import argparse
import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from rich.console import Console
from rich.table import Table

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.grounding_dino.batch import labelled_batch
from gsam_edge.teachers.grounding_dino.config import GroundingDinoLossConfig
from gsam_edge.teachers.grounding_dino.loss import grounding_dino_losses
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.layers import add_lora, count_parameters
from gsam_edge.teachers.outlining.config import MaskLossConfig
from gsam_edge.teachers.outlining.loss import prompted_losses
from gsam_edge.teachers.outlining.model import boxes_to_input, predict_image
from gsam_edge.teachers.outlining.prompts import Prompts
from gsam_edge.training.device import resolve_device
from gsam_edge.vision import Detections
from made_up.teachers import grounding_dino_swin_t, sam

ROOT = Path(__file__).parents[1]
CLASS_NAMES = tuple(f"part {letter}" for letter in "abcdefghij")
CASES = ("grounding_dino", "sam_vit_b", "sam_vit_h")
MODES = ("lora", "full")
OBJECTS = 10


@dataclass(frozen=True)
class Setting:
    """What all cases share.

    Attributes:
        device: "cpu" or "cuda".
        side: longest side of the input in pixels; None for the models' own sizes.
        batch: images of one step.
        steps: measured steps, after one that is not.
    """

    device: str
    side: int | None
    batch: int
    steps: int


def parameters(teacher: str) -> dict[str, Any]:
    """Returns a teacher's parameters of conf/full over those of conf/base."""
    merged: dict[str, Any] = {}
    for environment in ("base", "full"):
        content = yaml.safe_load((ROOT / "conf" / environment / "parameters_teacher_finetune.yml").read_text("utf-8"))
        for key, value in content[teacher].items():
            merged[key] = merged.get(key, {}) | value if isinstance(value, dict) else value
    return merged


def made_up_images(setting: Setting, count: int) -> tuple[list[np.ndarray], list[Detections]]:
    """Returns noise of 1333 x 800 pixels (smaller with `side`) with ten boxes each."""
    rng = np.random.default_rng(0)
    width = setting.side or 1333
    height = round(width * 0.6)
    images = [rng.integers(0, 256, (height, width, 3), np.uint8) for _ in range(count)]
    truths = []
    for _ in images:
        corner = rng.uniform(0, 0.6, (OBJECTS, 2)) * (width, height)
        size = rng.uniform(0.1, 0.4, (OBJECTS, 2)) * (width, height)
        xyxy = np.concatenate([corner, corner + size], 1).astype(np.float32)
        truths.append(Detections(xyxy, np.ones(OBJECTS, np.float32), np.arange(OBJECTS) % len(CLASS_NAMES)))
    return images, truths


def detector(setting: Setting) -> Any:
    """Returns the full-size Grounding DINO on the device."""
    words = tuple(word for name in CLASS_NAMES for word in name.split())
    size = {} if setting.side is None else {"shortest_edge": setting.side, "longest_edge": setting.side}
    base = grounding_dino_swin_t(**size, words=words)
    base.model.to(setting.device)
    return base


def outliner(case: str, setting: Setting) -> Any:
    """Returns a SAM on the device; its input is always 1024 pixels."""
    base = sam(case.removeprefix("sam_"))
    base.model.to(setting.device)
    return base


def prepared(model: torch.nn.Module, mode: str, teacher: str) -> None:
    """Makes adapters trainable, or everything, in place."""
    if mode == "lora":
        add_lora(model, LoraConfig.model_validate(parameters(teacher)["lora"]), seed=0)
    else:
        model.requires_grad_(True)


def detector_step(mode: str, setting: Setting) -> tuple[torch.nn.Module, Callable[[], torch.Tensor]]:
    """Returns Grounding DINO and the loss of a step."""
    base = detector(setting)
    prepared(base.model, mode, "grounding_dino")
    images, truths = made_up_images(setting, setting.batch)
    batch = labelled_batch(base, images, truths, [base.prompts(CLASS_NAMES)[0]] * len(images))
    config = GroundingDinoLossConfig.model_validate(parameters("grounding_dino")["loss"])
    return base.model, lambda: torch.stack(list(grounding_dino_losses(base.model, batch, config).values())).sum()


def outliner_step(case: str, mode: str, setting: Setting) -> tuple[torch.nn.Module, Callable[[], torch.Tensor]]:
    """Returns SAM and the loss of a step; with adapters on the decoder alone, the frozen encoder needs no gradients."""
    base = outliner(case, setting)
    prepared(base.model, mode, "sam")
    images, truths = made_up_images(setting, setting.batch)
    cells = (OBJECTS, base.mask_size, base.mask_size)
    prompts = [
        Prompts(boxes_to_input(base, truth.xyxy, image.shape[:2]), torch.rand(cells, device=setting.device))
        for image, truth in zip(images, truths, strict=True)
    ]
    config = MaskLossConfig.model_validate(parameters("sam")["loss"])

    def loss() -> torch.Tensor:
        with torch.set_grad_enabled(mode == "full"):
            features = base.embed(images)
        return torch.stack(list(prompted_losses(base, features, prompts, config, multimask=False).values())).sum()

    return base.model, loss


def tuned(case: str, mode: str, setting: Setting) -> dict[str, Any]:
    """Takes the steps of a case and returns its peak memory and speed."""
    make = detector_step if case == "grounding_dino" else None
    model, loss = make(mode, setting) if make else outliner_step(case, mode, setting)
    model.train()
    trainable, total = count_parameters(model)
    optimizer = torch.optim.AdamW([value for value in model.parameters() if value.requires_grad])
    started = 0.0
    for step in range(setting.steps + 1):
        with torch.autocast(setting.device, torch.bfloat16):
            cost = loss()
        cost.backward()
        optimizer.step()
        optimizer.zero_grad()
        if not step:
            started = clock(setting)
    seconds = (clock(setting) - started) / setting.steps
    return {
        "peak_gib": peak_gib(setting),
        "images_per_second": setting.batch / seconds,
        "trainable": trainable,
        "total": total,
    }


def labelled(sam_case: str, setting: Setting) -> dict[str, Any]:
    """Labels images with Grounding DINO and a SAM in a row, ten classes and ten boxes an image."""
    finder, masks = detector(setting), outliner(sam_case, setting)
    detection = DetectionConfig(
        score_threshold=0, candidates=1000, nms_iou=1.0, max_detections=OBJECTS, batch_size=setting.batch
    )
    images, _ = made_up_images(setting, setting.batch)
    started = 0.0
    for step in range(setting.steps + 1):
        found = finder.predict_batch(images, CLASS_NAMES, detection)
        for image, boxes in zip(images, found, strict=True):
            predict_image(masks, image, boxes.xyxy, multimask=False)
        if not step:
            started = clock(setting)
    seconds = (clock(setting) - started) / setting.steps
    return {"peak_gib": peak_gib(setting), "images_per_second": setting.batch / seconds}


def clock(setting: Setting) -> float:
    """Returns the time in seconds once the device has done all its work."""
    if setting.device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_gib(setting: Setting) -> float:
    """Returns the most memory this process held: of the GPU, or of the machine."""
    if setting.device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def case_alone(job: tuple[str, str, Setting]) -> dict[str, Any]:
    """Runs one case; what does not fit is a result, too."""
    case, mode, setting = job
    try:
        figures = labelled(case, setting) if mode == "label" else tuned(case, mode, setting)
    except torch.cuda.OutOfMemoryError as error:
        figures = {"out_of_memory": str(error).splitlines()[0]}
    return {"case": case, "mode": mode, **figures}


def main() -> None:
    """Prints a row per case, the ratios and a line of JSON."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    arguments.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    arguments.add_argument("--side", type=int, help="longest side of Grounding DINO's input, pixels; default 800/1333")
    arguments.add_argument("--batch", type=int, default=8, help="images of one step")
    arguments.add_argument("--steps", type=int, default=5)
    chosen = arguments.parse_args()
    setting = Setting(resolve_device(chosen.device).type, chosen.side, chosen.batch, chosen.steps)
    console = Console(width=120)
    if chosen.device == "auto" and setting.device == "cpu":
        console.print("Not measured: there is no CUDA GPU. For a smoke run on the CPU see --help.")
        return

    jobs = [(case, mode, setting) for case in chosen.cases for mode in MODES]
    jobs += [(case, "label", setting) for case in chosen.cases if case != "grounding_dino"]
    rows = []
    for job in jobs:
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            rows.append(alone.apply(case_alone, (job,)))
        console.print(rows[-1])
    table = Table("case", "mode", "peak GiB", "images/s", "trainable", title=f"Full-size teachers, {setting}")
    for row in rows:
        peak = f"{row['peak_gib']:.2f}" if "peak_gib" in row else "out of memory"
        speed = f"{row['images_per_second']:.2f}" if "images_per_second" in row else "-"
        share = f"{row['trainable']:,} of {row['total']:,}" if "trainable" in row else "-"
        table.add_row(row["case"], row["mode"], peak, speed, share)
    console.print(table)
    peaks = {(row["case"], row["mode"]): row.get("peak_gib") for row in rows}
    ratios = {
        case: peaks[case, "lora"] / peaks[case, "full"]
        for case in chosen.cases
        if peaks[case, "lora"] and peaks[case, "full"]
    }
    console.print(json.dumps({"setting": asdict(setting), "rows": rows, "memory_ratio": ratios}), soft_wrap=True)


if __name__ == "__main__":
    main()

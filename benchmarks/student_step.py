"""Claim: where the CPU computes bfloat16 itself, a step of the demo's student takes at most 0.7 of its time in float32.

Measured are forward pass, loss and backward pass of YOLOv8n-seg at 256 px on one made-up batch of eight images, four
objects each: in float32 and bfloat16, with weights in PyTorch's own order and channels last. All take turns in one
process on one thread; the measure is its processor time.

    python benchmarks/student_step.py [--architecture yolov8-seg] [--rounds 8]
"""

import argparse
import time
from copy import deepcopy
from statistics import median
from types import SimpleNamespace

import torch

from gsam_edge.students.ultralytics.architectures import ARCHITECTURES
from gsam_edge.students.ultralytics.imports import v8DetectionLoss, v8SegmentationLoss
from gsam_edge.students.ultralytics.network import new_network
from gsam_edge.students.ultralytics.training.precision import computed_in
from gsam_edge.training.device import resolve_precision

SIDE, IMAGES, OBJECTS, CLASSES = 256, 8, 4, 6
CPU = torch.device("cpu")


def made_up_batch() -> dict[str, torch.Tensor]:
    """Returns a batch as Ultralytics' losses read it."""
    count = IMAGES * OBJECTS
    return {
        "img": torch.rand(IMAGES, 3, SIDE, SIDE),
        "batch_idx": torch.arange(IMAGES).repeat_interleave(OBJECTS).float(),
        "cls": torch.randint(CLASSES, (count, 1)).float(),
        "bboxes": torch.cat([torch.rand(count, 2) * 0.6 + 0.2, torch.rand(count, 2) * 0.3 + 0.05], 1),
        "masks": (torch.rand(count, SIDE // 4, SIDE // 4) > 0.8).float(),
    }


def main() -> None:
    """Prints the seconds of each way and its share of those of float32."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--architecture", default="yolov8-seg")
    arguments.add_argument("--rounds", type=int, default=8)
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    batch = made_up_batch()
    plain = new_network(chosen.architecture, "n", CLASSES).train()
    kind = v8SegmentationLoss if ARCHITECTURES[chosen.architecture].masks else v8DetectionLoss
    ways = {}
    for order, layout in (("", torch.contiguous_format), (", channels last", torch.channels_last)):
        network = deepcopy(plain).to(memory_format=layout)
        network.args = SimpleNamespace(box=7.5, cls=0.5, dfl=1.5, overlap_mask=False)
        for name, precision in (("float32", "no"), ("bfloat16", "bf16")):
            ways[name + order] = network, kind(network), computed_in(network.predict, precision, CPU)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(chosen.rounds + 1):  # the first warms up
        for name, (network, loss, predict) in ways.items():
            start = time.process_time()
            loss(predict(batch["img"]), batch)[0].sum().backward()
            network.zero_grad()
            if number:
                taken[name].append(time.process_time() - start)
    print(f"auto is {resolve_precision('auto', CPU)} here")
    for name, seconds in taken.items():
        print(f"{name:24s}{median(seconds):6.3f} s {median(seconds) / median(taken['float32']):5.2f}")


if __name__ == "__main__":
    main()

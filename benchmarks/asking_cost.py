"""Claim: an epoch with stored labels is at least 10 times as fast as one that asks the teachers in every step.

    python benchmarks/asking_cost.py [--images 16] [--asked 2] [--sam vit_b]

The student of conf/full, YOLOv8s-seg at 640 px, with half of every batch from the pool. Asking means: Grounding DINO
(Swin-T) and SAM at full size, with random weights, look at those images anew each time they are shown, for an image
that is augmented is another image. What is asked has 20 boxes to outline. Processor time of one thread.
"""

import argparse
import time
from statistics import median

import numpy as np
import torch
import yaml
from PIL import Image

from distillation_cost import ROOT, labelled_images, our_epochs, student_of
from gsam_edge.students.ultralytics.config import StudentTrainingConfig
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.predict import Part, teacher_predictor
from made_up.teachers import grounding_dino_swin_t, sam

LEAST_RATIO = 10.0
SIDE = 640
BATCH = 4
CLASSES = ("bag", "ear of bag", "seal", "wire", "stain")


def seconds_of_asking(images: list[np.ndarray], size: str) -> list[float]:
    """Returns the processor seconds that the full-size teachers take for each image but the first."""
    detection = DetectionConfig(score_threshold=0.0, candidates=1000, nms_iou=0.99, max_detections=20, batch_size=1)
    words = tuple(word for name in CLASSES for word in name.split())
    predict = teacher_predictor(
        finder=Part("grounding_dino", grounding_dino_swin_t(words=words), None),
        outliner=Part("sam", sam(size), None),
        class_names=CLASSES,
        detection=detection,
        device="cpu",
        boxes_from_masks=True,
    )
    marks = [time.process_time()]
    boxes = []
    for image in images:
        boxes += [len(found) for found in predict([image], None)]
        marks.append(time.process_time())
    print(f"boxes outlined: {boxes}", flush=True)
    return np.diff(marks)[1:].tolist()


def main() -> None:
    """Times both and prints their ratio."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--images", type=int, default=16, help="that the student learns from, half of them a pool's")
    arguments.add_argument("--asked", type=int, default=2, help="images that the teachers are timed on")
    arguments.add_argument("--sam", default="vit_b", choices=("vit_b", "vit_l", "vit_h"))
    chosen = arguments.parse_args()
    torch.set_num_threads(1)
    data = labelled_images(chosen.images)
    large = [
        np.array(Image.fromarray(data.images[name]).resize((SIDE, SIDE)))
        for name in list(data.images)[: chosen.asked + 1]
    ]
    asking = median(seconds_of_asking(large, chosen.sam))
    parameters = yaml.safe_load((ROOT / "conf" / "base" / "parameters_distillation.yml").read_text())
    config = StudentTrainingConfig(**{**parameters["distillation"]["training"], "batch_size": BATCH})
    epoch = median(our_epochs(data, student_of("s", SIDE), config, 3))
    asked = chosen.images * config.pseudo_share * asking
    ratio = (epoch + asked) / epoch
    print(
        f"{chosen.images} images an epoch, processor time: with stored labels {epoch:.1f} s; asking about half of them "
        f"takes {asked:.1f} s more ({asking:.1f} s an image), {ratio:.1f} x"
    )
    if ratio < LEAST_RATIO:
        raise SystemExit(f"expected at least {LEAST_RATIO:.0f}")


if __name__ == "__main__":
    main()

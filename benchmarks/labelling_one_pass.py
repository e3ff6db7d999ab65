"""Claim: asking Grounding DINO for ten classes in one pass is at least six times as fast as a pass for each class.

The teacher that the project ships, as it labels: images of the general world, ten phrases each, some of which are true
of the image. In turns, in one process, on one thread, the processor time is measured. The boxes of the ten passes are
put together and suppressed as those of the one are. The boxes are not the same, since the image is fused with all words
of a prompt: of the confident ones it is counted how many the other way finds.

    python benchmarks/labelling_one_pass.py --images 24
"""

import argparse
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from gsam_edge.metrics.average_precision import average_precision
from gsam_edge.synthetic.general import GeneralWorldConfig, draw_absent_phrases, draw_general_scene
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.detections import best_detections
from gsam_edge.teachers.grounding_dino.model import GroundingDino, load_grounding_dino
from gsam_edge.teachers.grounding_dino.pretrain_batch import scene_truth
from gsam_edge.teachers.grounding_dino.text import read_prompts_once
from gsam_edge.vision import Detections
from gsam_edge.vision.boxes import box_iou

ROOT = Path(__file__).parents[1]
CLASSES, CONFIDENT, LEAST_RATIO = 10, 0.25, 6
DETECTION = DetectionConfig(score_threshold=0.02, candidates=1000, nms_iou=0.6, max_detections=40, batch_size=1)


def one_pass(teacher: GroundingDino, image: NDArray[np.uint8], names: list[str]) -> Detections:
    """Asks for all classes at once."""
    return teacher.predict_batch([image], names, DETECTION)[0]


def a_pass_each(teacher: GroundingDino, image: NDArray[np.uint8], names: list[str]) -> Detections:
    """Asks for one class after the other and puts the answers together, with the same suppression and count."""
    found = [teacher.predict_batch([image], [name], DETECTION)[0] for name in names]
    scores = np.full((sum(len(one) for one in found), len(names)), np.nan, np.float32)
    rows = np.repeat(np.arange(len(names)), [len(one) for one in found])
    scores[np.arange(len(scores)), rows] = np.concatenate([one.scores for one in found])
    return best_detections(np.concatenate([one.xyxy for one in found]), scores, DETECTION)[0]


def found_again(some: Detections, others: Detections) -> tuple[int, ...]:
    """Counts the confident detections, and those of them that the others hold with the same class, by IoU."""
    confident = some.select(some.scores >= CONFIDENT)
    alike = confident.class_ids[:, None] == others.class_ids[None]
    iou = box_iou(confident.xyxy, others.xyxy)
    return len(confident), *(int((alike & (iou >= least)).any(1).sum()) for least in (0.5, 0.9))


def main() -> None:
    """Prints both times, their ratio, and how far the answers agree with each other and with the truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=24)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    world = yaml.safe_load((ROOT / "conf/base/parameters_pretrain_tiny_teachers.yml").read_text())
    teacher = load_grounding_dino(str(ROOT / "data/06_models/base/grounding_dino"))
    read_prompts_once(teacher.model)
    ways = {"one pass": one_pass, "a pass each": a_pass_each}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    answers: dict[str, list[Detections]] = {name: [] for name in ways}
    truths = []
    for number in range(-2, arguments.images):  # the first two warm up
        rng = np.random.default_rng([7, abs(number)])
        scene = draw_general_scene(rng, GeneralWorldConfig.model_validate(world["grounding_dino_world"]))
        held = list(dict.fromkeys(scene.phrases))
        absent = draw_absent_phrases(rng, scene.phrases, 4 * CLASSES)
        names = [*held, *absent][:CLASSES]
        for name, ask in ways.items():
            start = time.process_time()
            answer = ask(teacher, scene.image, names)
            if number >= 0:
                taken[name].append(time.process_time() - start)
                answers[name].append(answer)
        if number >= 0:
            truths.append(scene_truth(scene, names))
    one, each = (median(seconds) for seconds in taken.values())
    print(f"{CLASSES} classes: {one * 1e3:.0f} ms in one pass, {each * 1e3:.0f} ms in a pass each, {each / one:.1f} x")
    for name, other in (("one pass", "a pass each"), ("a pass each", "one pass")):
        counts = np.array([found_again(*pair) for pair in zip(answers[name], answers[other], strict=True)]).sum(0)
        print(
            f"{name}: AP50 {average_precision(truths, answers[name]):.3f}; of {counts[0]} boxes from {CONFIDENT} on, "
            f"{other} finds {counts[1]}, too, with the same class and an IoU from 0.5, {counts[2]} from 0.9"
        )
    assert each / one >= LEAST_RATIO, f"expected at least {LEAST_RATIO} x, got {each / one:.1f} x"


if __name__ == "__main__":
    main()

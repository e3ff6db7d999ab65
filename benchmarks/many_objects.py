"""Peak memory of each step on one image of 12 megapixels with 500 masks, each in a process of its own.

    python benchmarks/many_objects.py [--objects 500] [--width 4000] [--height 3000] [STAGE ...]

Claim: no step takes more than 1 GB beyond what its libraries take. The reference is the array that held all masks of an
image at once: objects x height x width bytes, 6 GB. The figure is `ru_maxrss` after the step less that before it, when
all is imported; a tiny SAM stands for the outliner, and a student's labels and one augmented image for its training.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gsam_edge.vision import Detections

if TYPE_CHECKING:
    from gsam_edge.coco import Annotations

MEGABYTE = 2**20
LIMIT_MB = 1024


def annotations(count: int, image_hw: tuple[int, int]) -> "Annotations":
    """Octagons all over the image, every tenth of them a third of its height."""
    from gsam_edge.coco import Annotations

    rng = np.random.default_rng(0)
    height, width = image_hw
    turns = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    objects = []
    for number in range(count):
        radius = height / (6 if number % 10 == 0 else rng.uniform(20, 150))
        centre = rng.uniform(radius, [width - radius, height - radius])
        points = centre + radius * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        (left, top), (right, bottom) = points.min(0), points.max(0)
        record = {
            "id": number + 1,
            "image_id": 1,
            "category_id": 1,
            "iscrowd": 0,
            "segmentation": [points.ravel().tolist()],
        }
        objects.append({**record, "bbox": [left, top, right - left, bottom - top], "area": float(2.83 * radius**2)})
    image = {"id": 1, "file_name": "0.png", "width": width, "height": height}
    return Annotations((image,), tuple(objects), ({"id": 1, "name": "part"},))


def image_of(image_hw: tuple[int, int]) -> NDArray[np.uint8]:
    """Noise in blocks, RGB uint8."""
    blocks = np.random.default_rng(1).integers(0, 255, (-(-image_hw[0] // 10), -(-image_hw[1] // 10), 3), np.uint8)
    return blocks.repeat(10, 0).repeat(10, 1)[: image_hw[0], : image_hw[1]]


def data_validation(truth: "Annotations", image: NDArray[np.uint8]) -> None:
    from gsam_edge.coco import complete, statistics
    from gsam_edge.report.draw import draw_detections

    statistics(complete(truth).annotations)
    draw_detections(image, truth.truth(1), ("part",), width=480)


def labelling(truth: "Annotations", image: NDArray[np.uint8]) -> None:
    from dataclasses import replace

    from gsam_edge.coco.packed import PackedDetections
    from gsam_edge.teachers.outlining.model import predict_masks
    from gsam_edge.teachers.predict import GroundedSam
    from gsam_edge.teachers.sam.architecture import build_sam
    from gsam_edge.teachers.sam.config import SamArchitecture
    from gsam_edge.teachers.sam.model import SamModel

    tiny = SamArchitecture(
        image_size=128, patch_size=16, encoder_width=32, encoder_depth=1, encoder_heads=2, encoder_global_blocks=(0,),
        encoder_window=4, encoder_relative_positions=True, decoder_width=32, decoder_depth=1, decoder_heads=2,
        decoder_mlp_width=32, iou_head_width=32,
    )  # fmt: skip
    sam = SamModel(build_sam(tiny), tiny, "tiny")

    def outline(images: Iterable[NDArray[np.uint8]], prompts: Iterable[Detections]) -> Iterator[Detections]:
        for one, prompt in zip(images, prompts, strict=True):
            masks, iou = predict_masks(sam, sam.embed([one]), prompt.xyxy, one.shape[:2], multimask=True)
            yield replace(prompt, masks=masks, mask_scores=iou)

    teacher = GroundedSam(None, outline, 1, boxes_from_masks=True)
    (drawn,) = teacher.predict([image], [truth.truth(1, masks=False)])
    PackedDetections.pack(drawn)


def training(truth: "Annotations", image: NDArray[np.uint8]) -> None:
    from gsam_edge.augmentation import Description, Sample, available_characteristics, build, shipped_rules
    from gsam_edge.coco.packed import PackedDetections
    from gsam_edge.students.images import LabelledImages
    from gsam_edge.students.ultralytics.labels import collect_labels

    collect_labels(LabelledImages.of_split(truth, {"0.png": image}, None))
    objects = PackedDetections.pack(truth.truth(1)).unpack()
    rules = shipped_rules()
    words = tuple(sorted(available_characteristics(rules)))
    strongest = build(Description(characteristics=words, environment={"camera": "shaky"}, intensity="high"), rules)
    changed = strongest(Sample(image, objects), seed=0)
    PackedDetections.pack(changed.objects)


def evaluation(truth: "Annotations", image: NDArray[np.uint8]) -> None:
    from gsam_edge.coco.packed import PackedDetections
    from gsam_edge.metrics.mask_overlap import paired_mask_iou
    from gsam_edge.report.draw import draw_detections

    packed = PackedDetections.pack(truth.truth(1))
    paired_mask_iou(truth, {1: packed})
    draw_detections(image, packed.unpack(), ("part",), width=480)


STAGES = {each.__name__: each for each in (data_validation, labelling, training, evaluation)}


def measure(stage: str, count: int, image_hw: tuple[int, int]) -> float:
    small = annotations(3, (60, 80)), image_of((60, 80))
    STAGES[stage](*small)  # imports
    given = annotations(count, image_hw), image_of(image_hw)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    STAGES[stage](*given)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / MEGABYTE


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("stages", nargs="*", default=list(STAGES))
    parser.add_argument("--objects", type=int, default=500)
    parser.add_argument("--width", type=int, default=4000)
    parser.add_argument("--height", type=int, default=3000)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    image_hw = args.height, args.width
    if args.alone:
        print(json.dumps(measure(args.stages[0], args.objects, image_hw)))
        return
    reference = args.objects * args.height * args.width / MEGABYTE
    taken = {}
    for stage in args.stages:
        given = [stage, f"--objects={args.objects}", f"--width={args.width}", f"--height={args.height}"]
        done = subprocess.run(
            [sys.executable, __file__, *given, "--alone"],
            check=True,
            capture_output=True,
            text=True,
            cwd=tempfile.gettempdir(),
        )
        taken[stage] = float(done.stdout.splitlines()[-1])
        print(
            f"{stage}: {taken[stage]:.0f} MB beyond the libraries, {taken[stage] / reference:.2f} of the whole arrays"
        )
    if max(taken.values()) > LIMIT_MB:
        sys.exit(f"expected at most {LIMIT_MB} MB in every step, got {taken}")


if __name__ == "__main__":
    main()

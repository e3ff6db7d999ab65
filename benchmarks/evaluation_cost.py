"""Claim: once an artefact has predicted, its metrics take at most a tenth of the processor time, and a third of the
memory on top, of what they took while each of them decoded and encoded the masks again (commit c988848).

Measured is all that a row of `comparison` holds: COCO's evaluation of boxes and of masks, the same per class, and the
mask IoU of the objects found, from predictions as `measure` gives them. Truth: 500 images of 640 x 640 px with 20
polygons each; predictions: the same polygons, their points moved at random. Both rows must be equal to the last digit.
Each commit runs in a fresh process; memory is how far its peak rises above what the process held before.

    git worktree add --detach ../before c988848
    python benchmarks/evaluation_cost.py --before ../before
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from made_up.coco_file import polygon_object

SIDE, CLASSES = 640, 10
HERE = Path(__file__).parents[1]


def make_up(images: int, objects: int, seed: int) -> dict[str, Any]:
    """Returns a COCO mapping as `truth`, and as `found`, by image, `xyxy`, `scores`, `class_ids` and `counts` (RLE)."""
    rng = np.random.default_rng(seed)
    records, found = [], []
    for image_id in range(1, images + 1):
        answer: dict[str, list[Any]] = {"xyxy": [], "scores": [], "class_ids": [], "counts": []}
        for _ in range(objects):
            class_id = int(rng.integers(CLASSES))
            record = polygon_object(rng, (SIDE, SIDE))
            records.append({**record, "id": len(records) + 1, "image_id": image_id, "category_id": class_id + 1})
            shaken = [
                np.clip(np.array(polygon) + rng.normal(scale=2, size=len(polygon)), 0, SIDE).tolist()
                for polygon in record["segmentation"]
            ]
            rle = coco_mask.merge(coco_mask.frPyObjects(shaken, SIDE, SIDE))
            left, top, width, height = coco_mask.toBbox(rle).tolist()
            answer["xyxy"].append([left, top, left + width, top + height])
            answer["scores"].append(float(rng.random()))
            answer["class_ids"].append(class_id if rng.random() < 0.9 else int(rng.integers(CLASSES)))
            answer["counts"].append(rle["counts"].decode("ascii"))
        found.append(answer)
    truth = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": SIDE, "height": SIDE} for i in range(1, images + 1)],
        "annotations": records,
        "categories": [{"id": number, "name": f"thing {number}"} for number in range(1, CLASSES + 1)],
    }
    return {"truth": truth, "found": found}


def packed(found: list[dict[str, Any]]) -> Any:
    """Returns the predictions in the form that `measure` of the imported commit gives."""
    from gsam_edge.vision import Detections

    def unpacked(answer: dict[str, Any]) -> Detections:
        rles = [{"size": [SIDE, SIDE], "counts": counts} for counts in answer["counts"]]
        return Detections(
            np.array(answer["xyxy"], np.float32).reshape(-1, 4),
            np.array(answer["scores"], np.float32),
            np.array(answer["class_ids"], np.int64),
            np.stack([coco_mask.decode(rle) for rle in rles]).astype(bool),
        )

    try:
        from gsam_edge.coco.packed import PackedDetections
    except ImportError:
        from gsam_edge.evaluate.packing import PackedDetections, PackedPredictions

        return PackedPredictions([PackedDetections.pack(unpacked(answer)) for answer in found])
    return tuple(PackedDetections.pack(unpacked(answer)) for answer in found)


def megabytes(field: str) -> float:
    """Returns VmRSS or VmHWM (the peak) of this process, in megabytes."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split(f"{field}:")[1].split()[0]) * 1024 / 1e6


def run(path: Path) -> dict[str, Any]:
    """Returns the row, and its cost with the `gsam_edge` that this process imports."""
    import hotcoco  # noqa: F401 - loading it is no part of the metrics

    from gsam_edge.coco import Annotations
    from gsam_edge.evaluate.comparison import comparison_row
    from gsam_edge.evaluate.measure import Measurement

    content = json.loads(path.read_bytes())
    truth, predictions = Annotations.from_coco(content["truth"]), packed(content["found"])
    measurement = Measurement(predictions, 1.0, 1.0, 1.0, 1, 1)
    del content
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is counted from here on
    held, before = megabytes("VmRSS"), time.process_time()
    options = {"device": "cpu", "score_threshold": 0.0, "size_mb": 1.0, "match_box_iou": 0.5}
    row = comparison_row("made up", "none", truth, measurement, **options)
    taken = time.process_time() - before
    return {"row": row, "ms_per_image": 1000 * taken / len(truth.images), "peak_mb": megabytes("VmHWM") - held}


def measured(checkout: Path, path: Path) -> dict[str, Any]:
    """Runs `run` in a fresh process with a checkout's modules."""
    environment = os.environ | {"PYTHONPATH": str((checkout / "src").resolve()), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--worker", str(path)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


def main() -> None:
    """Prints what the metrics cost now and, with `--before`, at that commit."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", type=Path, help="a checkout of commit c988848")
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--objects", type=int, default=20, help="objects on each image")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(run(arguments.worker)))
        return
    checkouts = {"now": HERE} | ({"before": arguments.before} if arguments.before else {})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made_up.json"
        path.write_text(json.dumps(make_up(arguments.images, arguments.objects, seed=0)), encoding="utf-8")
        figures = {name: measured(checkout, path) for name, checkout in checkouts.items()}
    print(f"{arguments.images} images of {SIDE} x {SIDE} px, {arguments.objects} objects each")
    for name, taken in figures.items():
        print(f"{name:7s} {taken['ms_per_image']:7.2f} ms of processor time an image, peak {taken['peak_mb']:.0f} MB")
    if arguments.before:
        now, before = figures["now"], figures["before"]
        assert now["row"] == before["row"], (now["row"], before["row"])
        ratios = {name: now[name] / before[name] for name in ("ms_per_image", "peak_mb")}
        print(f"now / before: time {ratios['ms_per_image']:.3f}, peak memory {ratios['peak_mb']:.3f}")


if __name__ == "__main__":
    main()

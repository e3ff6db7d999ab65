"""Claim: a million records in which nothing is are read and checked in at most 20 s of processor time.

Three files, each in a process of its own: a million images of which one has an object, a million image records `{}`,
a million annotation records `{}`. No image is read. The first one is completed, counted and split too.

    python benchmarks/empty_records.py [--count 1000000]
"""

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import orjson

from coco_scale import DeclaredSizes

LIMIT_S = 20
KINDS = ("images without objects", "empty images", "empty annotations")


def content(kind: str, count: int) -> bytes:
    """Returns a COCO file of one kind."""
    listed = count if kind == KINDS[0] else 1
    images: list[dict[str, Any]] = [
        {"id": row + 1, "file_name": f"{row:09}.jpg", "width": 640, "height": 480} for row in range(listed)
    ]
    objects: list[dict[str, Any]] = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 20, 20], "iscrowd": 0, "area": 400}
    ]
    images += [{}] * (count if kind == KINDS[1] else 0)
    objects += [{}] * (count if kind == KINDS[2] else 0)
    return orjson.dumps({"images": images, "annotations": objects, "categories": [{"id": 1, "name": "part"}]})


def run(kind: str, count: int) -> None:
    """Prints the processor seconds of each step."""
    from gsam_edge.coco import RawCoco, SplitConfig, ValidationConfig, complete, split, statistics, validate

    text = content(kind, count)
    total = 0.0

    def timed(name: str, step: Callable[[], Any]) -> Any:
        nonlocal total
        start = time.process_time()
        result = step()
        taken = time.process_time() - start
        total += taken
        print(f"{name} {taken:.1f}", end=", ")
        return result

    config = ValidationConfig(
        decode_images=False, area_tolerance=0.05, largest_crowd_share=0.1, max_examples=5, policies={}
    )
    raw = timed("load", lambda: RawCoco.parse(text))
    files = DeclaredSizes([image for image in raw.content["images"] if image])
    checked = timed("check", lambda: validate(raw.content, files, config, source="file"))
    judged = total
    if kind == KINDS[0]:
        completed = timed("complete", lambda: complete(checked.annotations)).annotations
        timed("statistics", lambda: statistics(completed))
        shares = SplitConfig(train=0.8, val=0.1, test=0.1, group_by="none", labels="all")
        timed("split", lambda: split(completed, shares, seed=0))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"in all {total:.1f} s, {peak:.0f} MB")
    if judged > LIMIT_S:
        sys.exit(f"{kind}: expected at most {LIMIT_S} s for load and check, got {judged:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=KINDS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.kind:
        run(args.kind, args.count)
        return
    ended = 0
    for kind in KINDS:
        print(f"{args.count} {kind}: ", end="", flush=True)
        command = [sys.executable, __file__, f"--count={args.count}", f"--kind={kind}"]
        ended |= subprocess.run(command, check=False).returncode
    sys.exit(ended)


if __name__ == "__main__":
    main()

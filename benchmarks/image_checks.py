"""Claim: scanning images (decoding, digest, perceptual hash, record) reaches at least 0.85 of the number of cores
times the rate at which Pillow alone decodes the same files on one core.

Processor time of all threads is given too: it depends less on other work. Images are generated: JPEG files with a
photograph's spectrum (noise that falls with frequency), as large as COCO's.

    python benchmarks/image_checks.py --images 1000 --cores 2
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from gsam_edge.coco.images.scan import scan_images
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.json_log import JsonLog

SIZE_WH = (640, 480)
MAX_PIXELS = 10_000_000


def image(rng: np.random.Generator) -> Image.Image:
    """Returns RGB noise whose amplitude falls with frequency, as in photographs."""
    width, height = SIZE_WH
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]) + 1 / width
    bands = []
    for _ in range(3):
        waves = (rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)) / frequency
        band = np.fft.irfft2(waves, s=(height, width))
        bands.append(np.clip(127 + 50 * band / band.std(), 0, 255).astype(np.uint8))
    return Image.fromarray(np.stack(bands, axis=-1))


def make_folder(folder: Path, images: int, distinct: int) -> list[str]:
    """Writes JPEG files, `distinct` different ones repeated, and returns their names."""
    rng = np.random.default_rng(0)
    for number in range(distinct):
        image(rng).save(folder / f"{number:06}.jpg", quality=90)
    contents = [(folder / f"{number:06}.jpg").read_bytes() for number in range(distinct)]
    for number in range(distinct, images):
        (folder / f"{number:06}.jpg").write_bytes(contents[number % distinct])
    return [f"{number:06}.jpg" for number in range(images)]


def decode_alone(folder: Path, names: list[str]) -> None:
    """Decodes the images by Pillow alone, on one core."""
    for name in names:
        with Image.open(folder / name) as image:
            image.load()


def look(folder: Path, names: list[str], log: Path) -> None:
    """Scans the images on all cores and writes the records."""
    looks = scan_images(names, ImageFolder(folder, max_pixels=MAX_PIXELS), decode=True, seen=JsonLog(log))
    assert not any(isinstance(found, Exception) for found in looks)


def rates(work: Callable[[], None], images: int) -> tuple[float, float]:
    """Returns images a second, by wall-clock time and by processor time."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return images / (time.perf_counter() - clock), images / (time.process_time() - processor)


def main() -> None:
    """Prints the fastest rate of each over some rounds in turn."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        names = make_folder(folder, arguments.images, distinct=min(50, arguments.images))
        alone, ours = [], []
        for number in range(arguments.rounds):
            log = folder / f"looks_{number}.jsonl"
            alone.append(rates(lambda: decode_alone(folder, names), len(names)))
            ours.append(rates(partial(look, folder, names, log), len(names)))
        continued, _ = rates(lambda: look(folder, names, folder / "looks_0.jsonl"), len(names))
    print(f"{arguments.images} JPEG files of {SIZE_WH[0]} x {SIZE_WH[1]}, {cores} cores, fastest of {arguments.rounds}")
    (pillow, pillow_processor), (check, check_processor) = (map(max, zip(*runs, strict=True)) for runs in (alone, ours))
    print(f"Pillow alone, one core {pillow:.0f} images/s, the check {check:.0f} images/s, continued {continued:.0f}")
    print(f"check / (cores x Pillow) = {check / (cores * pillow):.2f}", end="")
    print(f", by processor time {check_processor / pillow_processor:.2f}")


if __name__ == "__main__":
    main()

"""Writes a COCO file like train2017's instances: as many records, polygons as long, crowds as RLE, ids with gaps.

Numbers of points and parts, object areas and the layout of the text follow the 100 images of COCO's own val2014 that
faster-coco-eval ships. No images are written. The same seed gives the same bytes.

    python benchmarks/made_up/coco_file.py annotations.json
"""

import argparse
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray
from rich.progress import track

IMAGES, ANNOTATIONS, CLASSES = 118_287, 860_001, 80
SIZES_HW = ((480, 640), (427, 640), (640, 480), (640, 427), (425, 640), (375, 500), (333, 500), (500, 375))
CROWD_SHARE = 0.0117  # of the annotations, in train2017
EMPTY_SHARE = 0.0086  # of the images
PARTS_SHARE = 0.09  # of the polygon annotations have several parts
#: Mean and deviation of ln(area in pixels): the quartiles 280, 1105, 7134 of val2014.
LOG_AREA = (7.0, 2.2)


def category_ids() -> list[int]:
    """Returns 80 ids between 1 and 90, ten of them unused, as in COCO."""
    unused = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
    return [number for number in range(1, 91) if number not in unused]


def image_record(image_id: int, size_hw: tuple[int, int]) -> dict[str, Any]:
    """Returns an image record with the keys that COCO's have."""
    name = f"{image_id:012}.jpg"
    return {
        "license": image_id % 8 + 1,
        "file_name": name,
        "coco_url": f"http://images.cocodataset.org/train2017/{name}",
        "height": size_hw[0],
        "width": size_hw[1],
        "date_captured": "2013-11-14 16:28:13",
        "flickr_url": f"http://farm{image_id % 9 + 1}.staticflickr.com/{image_id}_0b7a5dd9aa_z.jpg",
        "id": image_id,
    }


def outline(rng: np.random.Generator, centre: NDArray[Any], radii: NDArray[Any], points: int) -> NDArray[Any]:
    """Returns a closed star-shaped polygon [points, 2], pixels with two decimals, around `centre`."""
    angles = np.sort(rng.random(points)) * 2 * math.pi
    reach = radii * rng.uniform(0.75, 1.1, (points, 1))
    return np.round(centre + reach * np.stack([np.cos(angles), np.sin(angles)], axis=1), 2)


def shoelace(polygon: NDArray[Any]) -> float:
    """Returns the area of a polygon [P, 2] in pixels."""
    x, y = polygon.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def polygon_object(rng: np.random.Generator, size_hw: tuple[int, int]) -> dict[str, Any]:
    """Returns segmentation, area and box of one object, wholly inside its image."""
    limit_wh = np.array(size_hw[::-1], float)
    side = math.sqrt(min(math.exp(rng.normal(*LOG_AREA)), 0.7 * limit_wh.prod()))
    stretch = rng.uniform(0.7, 1.4)
    radii = np.minimum(np.array([side * stretch, side / stretch]) * 0.62, limit_wh / 2 - 1)
    parts = 1 if rng.random() > PARTS_SHARE else int(rng.integers(2, 5))
    points = max(4, int(rng.lognormal(2.85 + 0.12 * (math.log(side) - 3.5), 0.8)))
    polygons = []
    for _ in range(parts):
        part_radii = radii / parts
        centre = rng.uniform(part_radii * 1.1 + 0.01, np.maximum(limit_wh - part_radii * 1.1, part_radii * 1.1 + 0.02))
        polygon = np.clip(outline(rng, centre, part_radii, max(4, points // parts)), 0, limit_wh)
        polygons.append(polygon)
    corners = np.concatenate(polygons)
    left_top, right_bottom = corners.min(axis=0), corners.max(axis=0)
    return {
        "segmentation": [polygon.ravel().tolist() for polygon in polygons],
        "area": sum(map(shoelace, polygons)),
        "iscrowd": 0,
        "bbox": np.round([*left_top, *(right_bottom - left_top)], 2).tolist(),
    }


def crowd_object(rng: np.random.Generator, size_hw: tuple[int, int]) -> dict[str, Any]:
    """Returns an uncompressed RLE over a block of columns, as COCO's crowds are written."""
    height, width = size_hw
    columns = int(rng.integers(20, 200))
    left = int(rng.integers(0, width - columns))
    tops = rng.integers(5, height // 2, columns)
    lengths = rng.integers(3, height // 3, columns)
    starts = (left + np.arange(columns)) * height + tops
    edges = np.stack([starts, starts + lengths], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=height * width).tolist()
    top = int(tops.min())
    return {
        "segmentation": {"counts": counts, "size": [height, width]},
        "area": int(lengths.sum()),
        "iscrowd": 1,
        "bbox": [left, top, columns, int((tops + lengths).max()) - top],
    }


def objects_per_image(rng: np.random.Generator, images: int, annotations: int) -> NDArray[np.int64]:
    """Returns how many annotations each image has, [images], adding up to `annotations`; some images have none."""
    weights = rng.gamma(1.1, 1.0, images) * (rng.random(images) > EMPTY_SHARE)
    return rng.multinomial(annotations, weights / weights.sum())


def annotation_texts(
    rng: np.random.Generator, image_ids: list[int], sizes: list[tuple[int, int]], counts: NDArray[np.int64]
) -> Iterator[bytes]:
    """Yields each annotation as JSON, image after image."""
    ids = category_ids()
    shares = 1 / np.arange(1, CLASSES + 1) ** 1.1
    categories = rng.choice(ids, size=int(counts.sum()), p=shares / shares.sum()).tolist()
    is_crowd = (rng.random(int(counts.sum())) < CROWD_SHARE).tolist()
    row = 0
    for image_id, size_hw, count in zip(image_ids, sizes, counts.tolist(), strict=True):
        for _ in range(count):
            shape = (crowd_object if is_crowd[row] else polygon_object)(rng, size_hw)
            references = {"image_id": image_id, "category_id": categories[row], "id": 7 * row + 1}
            row += 1
            yield orjson.dumps(shape | references)


def write(stream: BinaryIO, *, images: int, annotations: int, seed: int) -> None:
    """Writes the whole file.

    Args:
        stream: the file to write to.
        images: how many image records.
        annotations: how many annotation records.
        seed: of everything drawn.
    """
    rng = np.random.default_rng(seed)
    image_ids = np.sort(rng.choice(np.arange(1, 5 * images), images, replace=False)).tolist()
    sizes = [SIZES_HW[choice] for choice in rng.integers(0, len(SIZES_HW), images)]
    counts = objects_per_image(rng, images, annotations)
    stream.write(
        b'{"info": {"description": "made up, as large as train2017", "year": 2017}, "licenses": [], "images": ['
    )
    records = (orjson.dumps(image_record(*pair)) for pair in zip(image_ids, sizes, strict=True))
    _write_list(stream, records)
    stream.write(b'], "annotations": [')
    texts = annotation_texts(rng, image_ids, sizes, counts)
    _write_list(stream, track(texts, "annotations", total=annotations, transient=True))
    categories = [{"supercategory": "thing", "id": number, "name": f"thing {number}"} for number in category_ids()]
    stream.write(b'], "categories": ' + orjson.dumps(categories) + b"}")


def _write_list(stream: BinaryIO, texts: Any) -> None:
    for row, text in enumerate(texts):
        stream.write(b"," + text if row else text)


def main() -> None:
    """Writes the file that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("target", type=Path)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--annotations", type=int, default=ANNOTATIONS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    arguments.target.parent.mkdir(parents=True, exist_ok=True)
    with arguments.target.open("wb") as stream:
        write(stream, images=arguments.images, annotations=arguments.annotations, seed=arguments.seed)


if __name__ == "__main__":
    main()

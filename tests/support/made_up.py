"""The smallest dataset that the whole job takes: a few small images of two kinds of rectangles, drawn here."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

#: Images of each split.
SPLITS = {"train": 4, "val": 2, "test": 2}
_SIDE = 96
_CLASSES = {"red block": (200, 40, 40), "blue block": (40, 40, 200)}


def made_up_dataset(folder: Path) -> Path:
    """Writes images and their boxes and masks, in ready-made splits, and returns the folder."""
    (folder / "images").mkdir(parents=True)
    generator = np.random.default_rng(0)
    images: list[dict[str, object]] = []
    objects: list[dict[str, object]] = []
    for split in (name for name, count in SPLITS.items() for _ in range(count)):
        image_id = len(images) + 1
        pixels = generator.integers(90, 160, (_SIDE, _SIDE, 3), dtype=np.uint8)
        for category, color in enumerate(_CLASSES.values(), start=1):
            x, y = (int(value) for value in generator.integers(2, 50, 2))
            width, height = (int(value) for value in generator.integers(20, 40, 2))
            pixels[y : y + height, x : x + width] = color
            outline = [x, y, x + width, y, x + width, y + height, x, y + height]
            objects.append(
                {
                    "id": len(objects) + 1,
                    "image_id": image_id,
                    "category_id": category,
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "segmentation": [outline],
                    "iscrowd": 0,
                }
            )
        name = f"images/{split}_{image_id}.png"
        Image.fromarray(pixels).save(folder / name)
        images.append({"id": image_id, "file_name": name, "width": _SIDE, "height": _SIDE, "split": split})
    categories = [{"id": number, "name": name} for number, name in enumerate(_CLASSES, start=1)]
    content = {"images": images, "annotations": objects, "categories": categories}
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder

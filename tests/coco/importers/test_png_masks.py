"""One PNG file for each object."""

import io

import numpy as np
from PIL import Image

from gsam_edge.coco.geometry.segmentation import decode_segmentation
from support.importers import SIZE, imported, png, skipped


def test_labels_of_16_bits_are_objects_however_small_their_numbers():
    numbers = np.zeros(SIZE, np.uint16)
    numbers[3:6, 4:9] = 7
    buffer = io.BytesIO()
    Image.fromarray(numbers).save(buffer, "PNG")
    result = imported("png_masks", {"1/images/a.png": "", "1/masks/x.png": buffer.getvalue()})
    (record,) = result.content["annotations"]
    np.testing.assert_array_equal(decode_segmentation(record["segmentation"], SIZE), numbers > 0)


def test_one_png_per_object():
    masks = np.zeros((2, *SIZE), bool)
    masks[0, :3, :4], masks[1, 30:, 40:] = True, True
    result = imported(
        "png_masks",
        {
            "t/1/images/a.png": "", "t/1/masks/x.png": png(masks[0]), "t/1/masks/y.png": png(masks[1]),
            "t/1/masks/z.png": png(masks[0][:5]), "t/1/masks/w.png": b"no image", "t/2/images/b.png": "",
            "t/1/masks/more/v.png": "", "t/c.png": "",
        },
        {0: "nucleus"},
    )  # fmt: skip
    assert result.report["per_class"] == {"nucleus": 2}
    for record, mask in zip(result.content["annotations"], masks, strict=True):
        np.testing.assert_array_equal(decode_segmentation(record["segmentation"], SIZE), mask)
    assert skipped(result) == {"mask_malformed": 2, "image_not_annotated": 1, "image_elsewhere": 2}

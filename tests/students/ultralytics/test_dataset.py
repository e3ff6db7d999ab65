from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from ultralytics.cfg import get_cfg

from gsam_edge.augmentation import Description, build
from gsam_edge.students.images import LabelWeights
from gsam_edge.students.ultralytics.dataset import MemoryDataset, change_label
from gsam_edge.students.ultralytics.imports import InfiniteDataLoader, YOLODataset, seed_worker
from gsam_edge.students.ultralytics.labels import collect_labels
from gsam_edge.students.ultralytics.polygons import polygon_masks

SIDE = 96


def colour_of(row: int) -> tuple[int, int, int]:
    """A colour that blurring at the edges does not turn into another's."""
    return tuple(40 + 85 * ((row + 1) // 3**place % 3) for place in range(3))


def build_dataset(
    make_images, described=None, rare_below=9.0, pseudo=(), weights=None, **augmentation
) -> tuple[MemoryDataset, object]:
    """Images in which every object is filled with the colour of its row in the table.

    `pseudo` names the images, by number, whose labels no person gave.
    """
    labelled = make_images(9, masks=True)
    images, first = {}, 0
    for name, objects in labelled.labels.items():
        image = np.full((64, 64, 3), 5, np.uint8)
        for row, mask in enumerate(objects.masks):
            image[mask] = colour_of(first + row)
        images[name] = image
        first += len(objects)
    names = frozenset(f"{number}.png" for number in pseudo)
    labels = collect_labels(replace(labelled, images=images, pseudo=names, weights=weights or {}))
    off = dict.fromkeys(("hsv_h", "hsv_s", "hsv_v", "mosaic", "mixup", "copy_paste", "cutmix", "fliplr", "flipud"), 0.0)
    hyp = get_cfg(overrides={**off, "augmentations": [], "overlap_mask": False, "mask_ratio": 1, **augmentation})
    dataset = MemoryDataset(
        labels,
        images,
        augmentation=described,
        rare_below=rare_below,
        cache_megabytes=1,
        names={0: "red", 1: "blue"},
        imgsz=SIDE,
        augment=True,
        hyp=hyp,
        task="segment",
    )
    return dataset, labels.table


@pytest.mark.parametrize(
    "augmentation",
    [
        {"mosaic": 1.0, "fliplr": 0.5, "flipud": 0.5, "scale": 0.3, "translate": 0.1},
        {"mosaic": 1.0, "degrees": 20.0},
        {"fliplr": 1.0, "copy_paste": 1.0},
        {"mosaic": 0.0, "scale": 0.0, "translate": 0.0},
    ],
)
def test_every_object_keeps_its_row_through_augmentation(make_images, augmentation):
    torch.manual_seed(0)
    assert_rows_kept(*build_dataset(make_images, **augmentation))


def test_every_object_keeps_its_row_through_what_a_description_asks_for(make_images, augmentation_rules):
    """Transforms that move objects, not their colours, and then Ultralytics' mosaic of what they left."""
    words = Description(characteristics=("changes_size",), environment={"distance": "variable"}, intensity="high")
    torch.manual_seed(0)
    described = build(words, augmentation_rules)
    assert_rows_kept(*build_dataset(make_images, described, mosaic=0.5, scale=0.1, translate=0.0))


def test_pools_mix_with_themselves_alone(make_images):
    """In mosaic and mixup; an image with one partner, itself, works too."""
    pseudo = {1, 3, 4, 5, 6, 7, 8}
    torch.manual_seed(0)
    dataset, table = build_dataset(make_images, pseudo=pseudo, mosaic=1.0, mixup=1.0, scale=0.1)
    assert_rows_kept(*build_dataset(make_images, pseudo=pseudo, mosaic=1.0, scale=0.1))
    met = {False: set(), True: set()}
    for index in list(range(9)) * 3:
        rows = dataset[index]["cls"][:, 0].long()
        met[index in pseudo] |= set(rows.tolist())
        assert (table.is_pseudo[rows] == (index in pseudo)).all()
    assert met[True] == set(table.is_pseudo.nonzero()[:, 0].tolist())
    alone, table = build_dataset(make_images, pseudo=set(range(1, 9)), mosaic=1.0, mixup=1.0)
    assert not table.is_pseudo[alone[0]["cls"][:, 0].long()].any()


def test_an_image_past_the_last_is_one_of_them_unmixed(make_images):
    """Of no other image any object."""
    mixing = {"mosaic": 1.0, "mixup": 1.0, "copy_paste": 1.0, "scale": 0.0, "translate": 0.0}
    dataset, _ = build_dataset(make_images, pseudo={7, 8}, **mixing)
    for index in range(9):
        own = dataset.labels[index]["cls"][:, 0].tolist()
        unmixed = dataset[index + 9]
        assert sorted(unmixed["cls"][:, 0].tolist()) == own
        assert unmixed["im_file"] == dataset.im_files[index]
    assert any(len(dataset[index]["cls"]) > len(dataset.labels[index]["cls"]) for index in range(9))


def test_weights_travel_with_their_objects_and_neither_pseudo_nor_ignored_ones_are_pasted(make_images):
    labelled = make_images(9, masks=True)
    weights = {}
    for name, objects in labelled.labels.items():
        own = np.linspace(0.1, 0.9, len(objects)).astype(np.float32)
        weights[name] = LabelWeights(own, own / 2, own / 4, ignored=own < 0.5)
    dataset, table = build_dataset(make_images, pseudo={4, 5, 6, 7, 8}, weights=weights, copy_paste=1.0, fliplr=0.5)
    expected = np.concatenate([weights[name].classes for name in labelled.labels])
    for name, factor in (("class_weight", 1), ("box_weight", 0.5), ("mask_weight", 0.25)):
        np.testing.assert_allclose(getattr(table, name), factor * expected)
    assert table.ignored.tolist() == (expected < 0.5).tolist()
    twice = set()
    for index in range(9):
        rows = dataset[index]["cls"][:, 0].long().tolist()
        twice |= {row for row in rows if rows.count(row) > 1}
    assert twice
    assert not any(table.is_pseudo[row] or table.ignored[row] for row in twice)


def test_a_description_without_consequences_changes_no_label(make_images, augmentation_rules):
    nothing = build(Description(characteristics=(), environment={}, intensity="high"), augmentation_rules)
    dataset, _ = build_dataset(make_images)
    for record in dataset.labels:
        height, width = record["shape"]
        label = {**record, "img": np.zeros((height, width, 3), np.uint8)}
        changed = change_label(label, nothing, own_box=np.zeros(len(label["cls"]), bool), seed=0)
        assert changed["cls"].tolist() == label["cls"].tolist()
        np.testing.assert_allclose(changed["bboxes"], label["bboxes"], atol=1e-6)
        for before, after in zip(label["segments"], changed["segments"], strict=True):
            masks = polygon_masks([before * (width, height), after * (width, height)], (height, width))
            assert np.array_equal(*masks.whole())


def test_a_described_picture_is_drawn_anew_and_the_same_for_the_same_seed(make_images, augmentation_rules):
    words = Description(characteristics=("reflective_surface",), environment={"camera": "shaky"}, intensity="high")
    dataset, _ = build_dataset(make_images, build(words, augmentation_rules), mosaic=0.0, scale=0.0, translate=0.0)

    def labelled(seed):
        torch.manual_seed(seed)
        return [dataset[index]["img"] for index in range(len(dataset))]

    first, again, other = labelled(0), labelled(0), labelled(1)
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    assert not all(torch.equal(one, two) for one, two in zip(first, other, strict=True))


def test_workers_draw_the_same_pictures_for_the_same_seed(make_images, augmentation_rules):
    words = Description(characteristics=("changes_shape",), environment={"lighting": "variable"}, intensity="high")
    dataset, _ = build_dataset(make_images, build(words, augmentation_rules), mosaic=0.5)

    def batches(seed):
        loader = InfiniteDataLoader(
            dataset, batch_size=3, num_workers=2, collate_fn=dataset.collate_fn, worker_init_fn=seed_worker,
            generator=torch.Generator().manual_seed(seed),
        )  # fmt: skip
        return torch.cat([batch["img"] for batch in loader])

    first, again, other = batches(0), batches(0), batches(1)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_memory_is_filled_up_to_its_limit(make_images):
    dataset, _ = build_dataset(make_images)
    dataset.fill_cache()
    assert list(dataset._resized) == list(range(len(dataset)))
    dataset._resized.clear()
    dataset._free_bytes = 2 * SIDE * SIDE * 3 + 1
    dataset.fill_cache()
    assert list(dataset._resized) == [0, 1]


def assert_rows_kept(dataset, table):
    """Whatever happened to images and labels, under each label lie the pixels of its object."""
    seen = set()
    colours = np.array([colour_of(row) for row in range(len(table.class_ids))])
    for index in range(len(dataset)):
        sample = dataset[index]
        assert len(sample["cls"]) == len(sample["bboxes"]) == len(sample["masks"])
        for row, box, mask in zip(sample["cls"][:, 0].long().tolist(), sample["bboxes"], sample["masks"], strict=True):
            column, line = (box[:2] * SIDE).long().tolist()
            kernel = np.ones((5, 5), np.uint8)
            inner = cv2.erode(mask.numpy(), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0).astype(bool)
            if inner.sum() < 4:
                continue
            pixels = sample["img"].permute(1, 2, 0).numpy()[inner]
            distances = np.abs(np.median(pixels, axis=0) - colours).max(axis=1)
            assert np.argmin(distances) == row
            assert 0 <= column < SIDE
            assert 0 <= line < SIDE
            seen.add(row)
    assert len(seen) > 0.5 * len(table.class_ids)


def test_loading_resizes_as_inference_does_and_keeps_to_its_memory(make_images):
    dataset, _ = build_dataset(make_images)
    bgr, before, after = dataset.load_image(0)
    rgb = dataset._images[dataset.im_files[0]]
    assert (before, after) == ((64, 64), (SIDE, SIDE))
    assert np.array_equal(
        bgr[..., ::-1], np.asarray(Image.fromarray(rgb).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    )
    dataset._resized.clear()
    dataset._free_bytes = bgr.nbytes + 1
    for index in range(3):
        assert np.array_equal(dataset.load_image(index)[0], dataset.load_image(index)[0])
    assert list(dataset._resized) == [0]


def test_the_table_knows_classes_and_missing_masks(make_images):
    labelled = make_images(3, masks=True)
    first, _, third = labelled.labels
    objects = dict(labelled.labels)
    objects[first] = replace(objects[first], masks=np.zeros_like(objects[first].masks))
    thin = objects[third].xyxy.copy()
    thin[0, 2] = thin[0, 0]
    objects[third] = replace(objects[third], xyxy=thin)
    collected = collect_labels(replace(labelled, labels=objects))
    counts = [len(objects[name]) for name in objects]
    assert collected.without_area == 1
    assert collected.table.has_mask.tolist() == [False] * counts[0] + [True] * (counts[1] + counts[2] - 1)
    rows = np.concatenate([record["cls"][:, 0] for record in collected.records])
    assert rows.tolist() == list(range(sum(counts) - 1))


def test_labels_of_unknown_classes_are_an_error(make_images):
    labelled = make_images(1, masks=False)
    with pytest.raises(ValueError, match=r"labels of 0.png: expected class ids 0..0, got"):
        collect_labels(replace(labelled, class_names=("red",)))


def test_it_is_still_ultralytics_dataset(make_images):
    dataset, _ = build_dataset(make_images)
    assert isinstance(dataset, YOLODataset)
    batch = dataset.collate_fn([dataset[0], dataset[1]])
    assert batch["img"].shape == (2, 3, SIDE, SIDE)

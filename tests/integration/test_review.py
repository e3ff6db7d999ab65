"""A review goes out and comes back as a user does it: by files and two commands."""

import json
from pathlib import Path

from gsam_edge.coco import Annotations
from gsam_edge.datasets.images import ImageFolder
from gsam_edge.datasets.review.folder import ReviewDataset
from gsam_edge.evaluate.review.package import ReviewedImage, build_review
from support.whole_runs import kedro_run, report, small_dataset

PARTS = ("train", "val", "test")


def split_of(project: Path) -> tuple[dict[str, Annotations], dict[str, set[str]]]:
    folder = project / "data" / "test" / "02_intermediate"
    parts = {}
    for name in PARTS:
        newest = max((folder / f"annotations_{name}.json").iterdir())
        parts[name] = Annotations.from_json((newest / f"annotations_{name}.json").read_bytes())
    return parts, {name: {image["file_name"] for image in part.images} for name, part in parts.items()}


def test_corrected_labels_come_back_and_no_image_changes_its_split(project: Path, tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "dataset", boxes=True, masks=True)
    arguments = ("--env=test", f"--params=dataset={dataset}")
    done = kedro_run(project, "--pipeline=data_validation", *arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    parts, images = split_of(project)
    handed_out = [ReviewedImage(parts[name], name, image["id"], []) for name in PARTS for image in parts[name].images]
    folder = project / "data" / "test" / "08_reporting" / "review"
    made = build_review(handed_out, parts["val"].source)
    ReviewDataset(filepath=str(folder), max_pixels=10**7).save((made, ImageFolder(dataset, max_pixels=10**7)))

    labels = json.loads((folder / "annotations.json").read_text())
    categories = [category["id"] for category in labels["categories"]]
    for record in labels["annotations"]:  # every class is another one: the images would be split otherwise
        record["category_id"] = categories[(categories.index(record["category_id"]) + 1) % len(categories)]
    removed = labels["annotations"].pop()
    (folder / "annotations.json").write_text(json.dumps(labels))
    before = (dataset / "annotations.json").read_bytes()
    done = kedro_run(project, "--pipeline=import_review", *arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    told = report(project, "import_review_report")
    assert told["objects"] == {
        "confirmed": 0,
        "changed": len(labels["annotations"]),
        "added": 0,
        "removed": 1,
        "already": 0,
        "left": 0,
    }
    assert "kedro run --pipeline=data_validation" in done.stderr + done.stdout
    (kept,) = dataset.glob("annotations.*.json")
    assert kept.read_bytes() == before
    corrected = json.loads((dataset / "annotations.json").read_text())
    assert removed["id"] not in {record["id"] for record in corrected["annotations"]}

    done = kedro_run(project, "--pipeline=data_validation", *arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    parts_after, images_after = split_of(project)
    assert images_after == images
    assert {part.split_digest for part in parts_after.values()} == {part.split_digest for part in parts.values()}
    assert parts_after["val"].source != parts["val"].source

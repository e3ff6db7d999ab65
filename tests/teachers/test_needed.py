"""Only what a run needs is loaded, trained and stored."""

from types import SimpleNamespace

import pytest
from kedro.io import DataCatalog

from gsam_edge.augmentation import RuleAdditions
from gsam_edge.coco import Annotations
from gsam_edge.coco.needs import not_needed
from gsam_edge.datasets.models import TeacherBaseDataset
from gsam_edge.datasets.state import CheckpointsDataset
from gsam_edge.pipelines.templates import tune_node, tuned_teachers
from gsam_edge.teachers.features import MemoryFeatures
from gsam_edge.teachers.table import TEACHERS, TeacherChoice
from gsam_edge.teachers.tuning import tune_where_needed
from gsam_edge.training.checkpoints import FolderCheckpoints
from support.runs import a_run, source_of
from support.tuning import environment, tuning_config

CHOICE = TeacherChoice(finder="grounding_dino", outliner="sam")
NO_MASKS, NO_BOXES = not_needed("the annotations hold no masks"), not_needed("the annotations hold no boxes")


def annotations(*, boxes: bool, masks: bool) -> Annotations:
    record = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 10, 10]}
    record |= {"segmentation": [[2, 2, 12, 2, 12, 12, 2, 12]]} if masks else {}
    record |= {} if boxes else {"bbox_source": "segmentation"}
    image = {"id": 1, "file_name": "1.png", "width": 30, "height": 20}
    return Annotations((image,), (record,), ({"id": 1, "name": "ear"},))


@pytest.fixture
def loaded(monkeypatch) -> list[str]:
    """The names of the teachers whose weights are loaded."""
    names: list[str] = []
    for name, family in TEACHERS.items():

        def load(source, *, allow_download, name=name):
            names.append(name)
            return SimpleNamespace(model=name)

        monkeypatch.setattr(type(family), "load", lambda self, source, load=load, **options: load(source, **options))
    return names


@pytest.fixture
def bases(tmp_path) -> dict:
    """What the catalog gives nodes: no weights of YOLO are named, the others are there."""
    (tmp_path / "weights").write_bytes(b"")
    paths = {name: None if name == "yolo" else str(tmp_path / "weights") for name in TEACHERS}
    return {f"{name}_base": TeacherBaseDataset(family=name, filepath=path).load() for name, path in paths.items()}


@pytest.mark.parametrize(
    ("kinds", "unneeded", "why"),
    [({"boxes": True, "masks": False}, "sam", NO_MASKS), ({"boxes": False, "masks": True}, "grounding_dino", NO_BOXES)],
    ids=["boxes only", "masks only"],
)
def test_a_teacher_that_the_data_does_not_need_is_neither_loaded_nor_trained(
    loaded, bases, tmp_path, monkeypatch, kinds, unneeded, why
):
    data = annotations(**kinds)
    monkeypatch.setattr(type(TEACHERS[unneeded]), "tune", lambda *_: pytest.fail("was trained"))
    assert tuned(unneeded, bases[f"{unneeded}_base"], data, CHOICE, tmp_path) == why
    assert loaded == []
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("name", ["sam2", "sam3"])
def test_bases_on_the_hub_are_asked_for_only_where_they_are_chosen_and_needed(loaded, tmp_path, name):
    """As conf/full names them. A refused download would end the run of one who uses other teachers."""
    conf = environment("full")
    base = DataCatalog.from_config(conf["catalog"])[f"{name}_base"].load()
    assert (base.source.split("/")[0], base.allow_download) == ("facebook", True)
    default = TeacherChoice.model_validate(conf["parameters"]["teachers"])
    with_masks, bare = annotations(boxes=True, masks=True), annotations(boxes=True, masks=False)
    assert tuned(name, base, with_masks, default, tmp_path) == not_needed(default.why_not(name))
    if name == "sam2":
        chosen = TeacherChoice(finder="grounding_dino", outliner="sam2")
        assert tuned(name, base, bare, chosen, tmp_path) == NO_MASKS
    adapters = {f"{other}_adapter": NO_MASKS for other in TEACHERS} | {f"{name}_adapter": SimpleNamespace(digest="d")}
    sources = {f"{other}_base": base for other in TEACHERS}
    assert tuned_teachers(sources | adapters, default)[name] == (not_needed(default.why_not(name)),) * 2
    assert loaded == []


def tuned(name, base, data, choice, folder):
    """What the tuning node of a teacher gives."""
    return tune_node(TEACHERS[name]).func(
        base,
        data,
        data,
        {},
        config=None,
        choice=choice,
        scene=None,
        additions=RuleAdditions(),
        checkpoints=CheckpointsDataset(filepath=str(folder / "checkpoints"), keep=2).load(),
        features=MemoryFeatures(),
        log=lambda *_: pytest.fail("was logged"),
        seed=0,
        device="cpu",
    )


def test_labels_and_measurements_load_the_bases_of_adapters_alone(loaded, bases):
    adapter = SimpleNamespace(digest="d")
    adapters = {f"{name}_adapter": adapter for name in TEACHERS} | {"sam_adapter": NO_MASKS}
    teachers = tuned_teachers(bases | adapters, CHOICE)
    assert loaded == ["grounding_dino"]
    assert (teachers["grounding_dino"].base.model, teachers["grounding_dino"].adapter) == ("grounding_dino", adapter)
    assert teachers["sam"] == (NO_MASKS, NO_MASKS)
    assert teachers["yolo"] == (not_needed("teachers.finder is grounding_dino"),) * 2


def test_a_chosen_teacher_without_weights_keeps_its_reason(loaded, bases):
    alone = TeacherChoice(finder="yolo", outliner="yolo")
    adapters = {f"{name}_adapter": SimpleNamespace(digest="d") for name in TEACHERS}
    assert tuned_teachers(bases | adapters, alone)["yolo"].base == not_needed("no weights are named")
    assert loaded == []


def test_a_run_that_draws_masks_does_not_continue_one_that_drew_none(monkeypatch, tmp_path):
    """SAM 3 beside SAM adapts fewer layers than SAM 3 alone: its checkpoint holds other weights."""
    family, data, runs = TEACHERS["sam3"], annotations(boxes=True, masks=True), []
    monkeypatch.setattr(type(family), "tune", lambda *arguments: runs.append(arguments[-1]))
    monkeypatch.setattr(type(family), "base_digest", lambda *_: "base")
    for outliner in ("sam", "sam3", "sam"):
        tune_where_needed(
            "sam3",
            source_of(SimpleNamespace()),
            data,
            data,
            {},
            tuning_config("sam3", "full").model_copy(update={"augmentation": None}),
            TeacherChoice(finder="sam3", outliner=outliner),
            None,
            None,
            features=MemoryFeatures(),
            run=a_run(checkpoints=FolderCheckpoints(tmp_path, keep=2)),
        )
    boxes, both, again = (run.checkpoints.folder for run in runs)
    assert boxes == again != both

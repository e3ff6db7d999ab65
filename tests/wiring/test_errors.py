"""Whose fault an error is: what a user can mend ends in one message, a defect of ours shows its traceback."""

import errno
import importlib
import json
import os
import pkgutil
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from kedro.framework.project import configure_project, pipelines
from kedro.framework.session import KedroSession
from kedro.io import DataCatalog, DatasetError, MemoryDataset
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner
from kedro.validation import ParameterValidationError

import gsam_edge
from gsam_edge.datasets.coco import AnnotationsDataset, RawCocoDataset
from gsam_edge.datasets.json_log import JsonLog
from gsam_edge.datasets.models import AdapterDataset, StudentBaseDataset, StudentWeightsDataset, TeacherBaseDataset
from gsam_edge.datasets.predictions import PredictionsDataset
from gsam_edge.datasets.reports import ReportDataset
from gsam_edge.datasets.state import JsonStore
from gsam_edge.datasets.versioned_bytes import BytesDataset
from gsam_edge.export.formats.onnx import read_card
from gsam_edge.hooks.console import show_error
from gsam_edge.hooks.inputs import check_seed
from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.training.checkpoints import FolderCheckpoints
from gsam_edge.training.durable import new_folder, write_bytes
from gsam_edge.vision.errors import FileError, UserError

ROOT = Path(__file__).parents[2]
#: Exceptions of this package that a user cannot mend, with the reason.
DEFECTS = {
    "MeasurementError": "an artefact of ours raised an exception",
    "ProcessEndedError": "the process of an artefact of ours crashed",
    "RunFailedError": "the backend of an artefact of ours raised an exception",
    "_EndedError": "somebody ends a viewer, which ends in order; nobody sees it",
}
BUGS = [ValueError("two shapes"), KeyError("boxes"), ImportError("no such name"), TypeError("got None"), OSError("odd")]


def modules() -> list[Any]:
    found = pkgutil.walk_packages(gsam_edge.__path__, "gsam_edge.")
    return [importlib.import_module(module.name) for module in found if not module.name.endswith("__main__")]


def exceptions() -> list[type[Exception]]:
    """All exception classes that a module of the package defines."""
    return [
        value
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Exception) and value.__module__ == module.__name__
    ]


@pytest.fixture(autouse=True)
def _a_wide_console(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is broken into lines where the console ends, and tests look for its parts."""
    monkeypatch.setenv("COLUMNS", "1000")


def shown(capsys: pytest.CaptureFixture[str], call: Callable[[], Any]) -> str:
    """What the user sees of the error that a call raises, without the frame of the panel and its line breaks."""
    with pytest.raises(Exception) as caught:  # noqa: PT011  any: the hook tells them apart
        call()
    show_error(caught.type, caught.value, caught.value.__traceback__)
    return " ".join(capsys.readouterr().err.replace("│", " ").split())


def raising(error: BaseException) -> Callable[..., Any]:
    def call(*_: Any, **__: Any) -> Any:
        raise error

    return call


class Broken(BytesDataset[Any]):
    """A dataset whose code has a defect, or whose file has one."""

    error: Exception = ValueError()

    def encode(self, value: Any) -> bytes:
        raise self.error

    def decode(self, content: bytes) -> Any:
        raise self.error


def test_every_exception_of_ours_says_whether_a_user_can_mend_it() -> None:
    found = exceptions()
    assert UserError in found
    assert {kind.__name__ for kind in found if not issubclass(kind, UserError)} == set(DEFECTS)


def test_what_a_user_can_mend_is_one_message(capsys: pytest.CaptureFixture[str]) -> None:
    kinds = [kind for kind in exceptions() if issubclass(kind, UserError)]
    for kind in [*kinds, DatasetError, ParameterValidationError, FileNotFoundError, PermissionError]:
        printed = shown(capsys, raising(kind("expected one [thing]")))
        assert "expected one [thing]" in printed
        assert "Traceback" not in printed, kind


@pytest.mark.parametrize("error", BUGS, ids=repr)
def test_a_defect_in_a_node_shows_its_traceback(capsys: pytest.CaptureFixture[str], error: Exception) -> None:
    pipeline = Pipeline([node(raising(error), "a", "b", name="work")])
    catalog = DataCatalog({"a": MemoryDataset(1)})
    printed = shown(capsys, lambda: SequentialRunner().run(pipeline, catalog))
    assert "Traceback" in printed


def test_a_node_that_gives_too_little_shows_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    pipeline = Pipeline([node(lambda a: (a,), "a", ["b", "c"], name="work")])
    printed = shown(capsys, lambda: SequentialRunner().run(pipeline, DataCatalog({"a": MemoryDataset(1)})))
    assert "Traceback" in printed


@pytest.mark.parametrize("error", BUGS, ids=repr)
def test_a_defect_in_a_dataset_shows_its_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, error: Exception
) -> None:
    """Kedro wraps it in its own error, which users see without one: the cause decides."""
    (tmp_path / "file").touch()
    dataset = Broken(filepath=str(tmp_path / "file"))
    dataset.error = error
    for call in (dataset.load, lambda: dataset.save(1)):
        with pytest.raises(DatasetError):
            call()
        assert "Traceback" in shown(capsys, call)


def test_a_damaged_file_is_one_message(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    dataset = Broken(filepath=str(tmp_path / "file"))
    dataset.error = FileError("expected numbers")
    printed = shown(capsys, dataset.load)
    assert "expected numbers" in printed
    assert "Traceback" not in printed


JUNK = [b"", b"\x00\xff", b"{", b"[]", b"5", b'{"images": [5]}', b'{"status"', b'{"status": "not', b"x" * 40]


@pytest.mark.parametrize("content", JUNK, ids=repr)
@pytest.mark.parametrize(
    "kind",
    [
        RawCocoDataset,
        AnnotationsDataset,
        PredictionsDataset,
        AdapterDataset,
        StudentBaseDataset,
        StudentWeightsDataset,
        ReportDataset,
    ],
)
def test_no_damage_to_a_stored_file_looks_like_a_defect(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: Any, content: bytes
) -> None:
    (tmp_path / "file").write_bytes(content)
    dataset = kind(filepath=str(tmp_path / "file"))
    try:
        dataset.load()
    except DatasetError:
        printed = shown(capsys, dataset.load)
        assert "file" in printed
        assert "Traceback" not in printed
    else:
        assert content in JUNK[3:6]  # is JSON: nobody asked yet what it says
        assert kind in (RawCocoDataset, ReportDataset, AnnotationsDataset)


@pytest.mark.parametrize("family", ["grounding_dino", "sam"])
def test_a_damaged_base_model_is_one_message(capsys: pytest.CaptureFixture[str], tmp_path: Path, family: str) -> None:
    shipped = ROOT / "data/06_models/base" / family
    for name in sorted(path.name for path in shipped.iterdir() if path.suffix in (".json", ".safetensors")):
        folder = tmp_path / name
        shutil.copytree(shipped, folder)
        (folder / name).write_bytes((shipped / name).read_bytes()[:-40])
        assert "Traceback" not in shown(capsys, TeacherBaseDataset(family=family, filepath=str(folder)).load().load), (
            name
        )


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_base_whose_configuration_is_damaged_is_not_called_missing(tmp_path: Path, content: bytes) -> None:
    folder = shutil.copytree(ROOT / "data/06_models/base/grounding_dino", tmp_path / "base")
    (folder / "config.json").write_bytes(content)
    with pytest.raises(BaseModelError, match="base"):
        TeacherBaseDataset(family="grounding_dino", filepath=str(folder)).load().load()


def test_a_damaged_label_or_onnx_file_is_one_message(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "abc.json").write_bytes(b"{")
    printed = shown(capsys, lambda: JsonStore(tmp_path)["abc"])
    assert "delete it" in printed
    assert "Traceback" not in printed
    assert "Traceback" not in shown(capsys, lambda: read_card(b"\xff\xfe no ONNX"))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS], ids=os.strerror)
def test_a_disk_that_takes_nothing_is_one_message_with_path_and_advice(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse = raising(OSError(number, os.strerror(number)))
    monkeypatch.setattr("tempfile.mkstemp", refuse)
    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    monkeypatch.setattr("os.write", refuse)
    target = tmp_path / "here"

    def folder() -> None:
        with new_folder(target):
            pass

    for call in (
        lambda: write_bytes(target, b"1"),
        folder,
        lambda: ReportDataset(filepath=str(target)).save({}),
        lambda: JsonLog(target).update({"a": 1}),
        lambda: FolderCheckpoints(target, keep=2).save({}),
    ):
        printed = shown(capsys, call)
        assert "here" in printed
        assert "then run again" in printed
        assert "Traceback" not in printed


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no device that is always full")
def test_torch_says_that_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state of many megabytes meets the end of the disk in the middle of torch's own writing."""
    import torch

    monkeypatch.setattr("os.fdopen", lambda descriptor, mode: open("/dev/full", mode))  # noqa: SIM115
    with pytest.raises(FileError, match="free some room"):
        FolderCheckpoints(tmp_path, keep=2).save({"weights": torch.zeros(1 << 20)})
    assert list(tmp_path.iterdir()) == []


def test_another_error_of_the_system_is_a_defect(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.mkstemp", raising(OSError(errno.EBADF, "Bad file descriptor")))
    assert "Traceback" in shown(capsys, lambda: write_bytes(tmp_path / "a", b"1"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pipeline_names": ["data_validaton"]}, "data_validaton"),
        ({"pipeline_names": ["data_validation"], "from_nodes": ["nothing"]}, "nothing"),
        ({"pipeline_names": ["data_validation"], "tags": ["nothing"]}, "no nodes"),
    ],
)
def test_a_command_that_kedro_refuses_is_one_message(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Any, message: str
) -> None:
    monkeypatch.setattr(sys, "excepthook", None)
    configure_project("gsam_edge")

    def run() -> None:
        with KedroSession.create(project_path=ROOT, conf_source=str(ROOT / "conf"), env="test") as session:
            session.run(**options)

    try:
        printed = shown(capsys, run)
    finally:
        pipelines.set_requested(None)
    assert message in printed
    assert "Traceback" not in printed


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "one", True])
def test_a_seed_that_is_none_is_refused_before_the_run(seed: Any) -> None:
    pipeline = Pipeline([node(lambda seed: seed, "params:seed", "b", name="work")])
    catalog = DataCatalog({"params:seed": MemoryDataset(seed)})
    with pytest.raises(ParameterValidationError, match="seed: expected a whole number"):
        check_seed(pipeline, catalog)


def test_a_catalog_entry_or_file_of_conf_that_kedro_refuses_is_one_message(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    kind = "gsam_edge.datasets.models.TeacherBaseDataset"
    for entry in ({"filepth": "x"}, {"family": "sam", "filepath": "x", "remote": "y"}, {}, {"family": "samm"}):
        catalog = DataCatalog.from_config({"base": {"type": kind, **entry}})
        assert "Traceback" not in shown(capsys, lambda catalog=catalog: catalog["base"])  # type: ignore[misc]
    (tmp_path / "base").mkdir()
    (tmp_path / "local").mkdir()
    for text in ("seed: [", "seed: 1\n\tother: 2", "seed: ${nobody}"):
        (tmp_path / "base" / "parameters.yml").write_text(text)
        loader = OmegaConfigLoader(conf_source=str(tmp_path), base_env="base", default_run_env="local")
        assert "Traceback" not in shown(capsys, lambda loader=loader: loader["parameters"])  # type: ignore[misc]


def test_a_defect_in_a_dataset_of_the_catalog_shows_its_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gsam_edge.datasets.models.Path", json.loads)  # a defect of ours: a wrong call
    entry = {"type": "gsam_edge.datasets.models.TeacherBaseDataset", "family": "sam", "filepath": "x"}
    catalog = DataCatalog.from_config({"base": entry})
    assert "Traceback" in shown(capsys, lambda: catalog["base"])

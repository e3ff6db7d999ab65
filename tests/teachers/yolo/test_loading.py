"""A user's weights file is read, never run."""

import os
import pickle
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn
from ultralytics.utils import IterableSimpleNamespace

from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.yolo.model import load_yolo
from support.yolo import CLASSES, SIDE, random_network, save_weights


@pytest.mark.parametrize(
    ("file", "has_masks"),
    [
        ("v8/yolov8.yaml", False),
        ("v8/yolov8-seg.yaml", True),
        ("11/yolo11.yaml", False),
        ("26/yolo26-seg.yaml", True),
        ("v10/yolov10n.yaml", False),
    ],
)
def test_the_network_is_built_anew_with_the_same_answers(tmp_path, file, has_masks):
    network = random_network(file)
    loaded = load_yolo(save_weights(tmp_path / "own.pt", network))
    assert (loaded.class_names, loaded.has_masks, loaded.name) == (CLASSES, has_masks, "own.pt")
    images = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    network = network.float().eval()
    network.end2end = False
    with torch.no_grad():
        expected, got = network(images)[0], loaded.model(images)[0]
    for one, other in zip(*((answer if has_masks else [answer]) for answer in (expected, got)), strict=True):
        torch.testing.assert_close(one, other)
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert not loaded.model.training


def test_the_weights_of_an_unfinished_training_are_its_averaged_ones(tmp_path):
    network, other = random_network(), random_network(names=("a",))
    loaded = load_yolo(save_weights(tmp_path / "last.pt", other, ema=network.half(), best_fitness=np.float64(0.5)))
    assert loaded.class_names == CLASSES


def test_modules_of_an_old_torch_which_list_no_passing_buffers_are_read(tmp_path):
    network = random_network()
    for module in network.modules():
        del module.__dict__["_non_persistent_buffers_set"]
    torch.save({"model": network}, tmp_path / "own.pt")
    assert load_yolo(tmp_path / "own.pt").class_names == CLASSES


def test_weights_from_before_version_8_0_44_are_read(tmp_path, monkeypatch):
    """They name a class that has moved since; Ultralytics' own published files do, too."""
    network = random_network()
    network.args = IterableSimpleNamespace(box=7.5)
    old = ModuleType("ultralytics.yolo.utils")
    monkeypatch.setitem(sys.modules, "ultralytics.yolo", ModuleType("ultralytics.yolo"))
    monkeypatch.setitem(sys.modules, "ultralytics.yolo.utils", old)
    monkeypatch.setattr(old, "IterableSimpleNamespace", IterableSimpleNamespace, raising=False)
    monkeypatch.setattr(IterableSimpleNamespace, "__module__", old.__name__)
    path = save_weights(tmp_path / "own.pt", network)
    monkeypatch.undo()
    assert b"ultralytics.yolo.utils" in path.read_bytes()
    assert load_yolo(path).class_names == CLASSES


def test_loading_draws_no_chance(tmp_path):
    path = save_weights(tmp_path / "own.pt", random_network())
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load_yolo(path)
    assert torch.equal(torch.rand(1), expected)


class Evil:
    """Unpickling it makes a folder."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize("where", ["beside", "inside"])
def test_a_hostile_pickle_is_refused_by_name_and_not_run(tmp_path, where):
    network, evil = random_network(), Evil(os.mkdir, str(tmp_path / "taken"))
    if where == "inside":
        network.names = {0: evil}
    path = save_weights(tmp_path / "own.pt", network, **({"train_args": evil} if where == "beside" else {}))
    with pytest.raises(BaseModelError, match=r"posix.mkdir.*it was not opened"):
        load_yolo(path)
    with path.open("wb") as file:
        pickle.dump(evil, file)
    with pytest.raises(BaseModelError, match=r"expected a weights file of Ultralytics"):
        load_yolo(path)
    assert not (tmp_path / "taken").exists()


def test_no_class_of_the_file_is_built(tmp_path, monkeypatch):
    """A class of Ultralytics does much when it is called: reads files, evaluates text, fetches weights."""
    network = random_network()
    kind = type(network)
    built = []
    path = save_weights(tmp_path / "own.pt", network, train_args=Evil(kind, {"activation": "1 / 0"}))
    create = kind.__init__
    monkeypatch.setattr(kind, "__init__", lambda self, cfg, **how: built.append(cfg) or create(self, cfg, **how))
    load_yolo(path)
    assert [definition.get("activation") for definition in built] == [None]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"activation": "__import__('os').mkdir({folder!r})"}, "unsupported activation"),
        ({"layer": "torch_load"}, r"unknown layers \['torch_load'\]"),
        ({"layer": "TorchVision"}, r"unknown layers \['TorchVision'\]"),
        ({"layer": "nn.functional"}, "not a permitted model layer"),
        ({"head": None}, "expected a network"),
        ({"backbone": [[-1, 1]]}, "expected a network"),
        ({"backbone": [[-1, 1, "C2PSA", [16]]]}, "expected a network"),  # it asserts that no channels are added
    ],
    ids=repr,
)
def test_a_hostile_definition_is_refused_and_not_run(tmp_path, changes, message):
    network, folder = random_network(), str(tmp_path / "taken")
    if "layer" in changes:
        network.yaml["backbone"][0][2] = changes["layer"]
    else:
        network.yaml |= {key: value.format(folder=folder) if key == "activation" else value
                         for key, value in changes.items()}  # fmt: skip
    with pytest.raises(BaseModelError, match=message):
        load_yolo(save_weights(tmp_path / "own.pt", network))
    assert not (tmp_path / "taken").exists()


def damaged(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    return path


def test_what_is_no_whole_network_of_detect_or_segment_is_refused(tmp_path):
    path = tmp_path / "own.pt"
    for share in (0, 0.3, 0.9, 0.999):
        with pytest.raises(BaseModelError, match="expected a weights file of Ultralytics"):
            load_yolo(damaged(save_weights(path, random_network()), share))
    for content in ({"a": torch.ones(1)}, [1], {"model": torch.ones(1)}):
        torch.save(content, path)
        with pytest.raises(BaseModelError, match="expected a model under 'model'"):
            load_yolo(path)
    torch.save({"model": nn.Linear(2, 2)}, path)
    with pytest.raises(BaseModelError, match="names of its classes"):
        load_yolo(path)
    with pytest.raises(BaseModelError, match="without fused layers"):
        load_yolo(save_weights(path, random_network().fuse(verbose=False)))
    for attribute, value in (("_modules", None), ("_modules", [1]), ("_parameters", None)):
        broken = random_network()
        broken.model[0].__dict__[attribute] = value
        torch.save({"model": broken}, path)
        with pytest.raises(BaseModelError, match="expected a weights file of Ultralytics"):
            load_yolo(path)
    posing = random_network()
    posing.yaml["head"][-1][2] = "Pose"
    with pytest.raises(BaseModelError, match="ends in 'Pose'"):
        load_yolo(save_weights(path, posing))
    with pytest.raises(FileNotFoundError, match=r"expected a \.pt file of Ultralytics"):
        load_yolo(tmp_path / "absent.pt")

"""What a student starts from: whatever fits of a file, said aloud."""

import logging
import os
from dataclasses import replace

import pytest
import torch

from gsam_edge.students.start import Start, announce, matching_rows
from gsam_edge.students.ultralytics.network import new_network, start_from
from gsam_edge.students.weights import StudentWeights, StudentWeightsError, full_precision
from gsam_edge.vision.errors import FileError


def network_of(architecture="yolov8", size="n", classes=2, seed=0):
    torch.manual_seed(seed)
    return new_network(architecture, size, classes)


def start_of(network, names) -> Start:
    return Start(name="old.pt", digest="ab", class_names=names, tensors=network.state_dict())


def equal(one, other) -> bool:
    return all(torch.equal(tensor, other.state_dict()[name]) for name, tensor in one.state_dict().items())


def saved(path, network, names, **also):
    """As Ultralytics saves it: half precision, names by number."""
    network.names = dict(enumerate(names))
    torch.save({"model": network.half(), **also}, path)
    return path


def class_rows(network, level=0):
    """Weights and biases of the classes, [C, ...] each."""
    last = network.model[-1].cv3[level][-1]
    return last.weight.data, last.bias.data


def test_a_network_of_the_same_kind_is_taken_over_as_a_whole() -> None:
    old, new = network_of(seed=1), network_of()
    transfer = start_from(new, ("a", "b"), start_of(old, ("a", "b")))
    assert equal(new, old)
    assert (transfer.tensors_taken, transfer.share, transfer.backbone_share) == (transfer.tensors, 1.0, 1.0)
    assert (transfer.classes, transfer.random) == (("a", "b"), {})


def test_each_class_takes_over_the_rows_of_the_class_of_its_name() -> None:
    """Others stay as they were drawn, and everything else of the head is taken over."""
    old, new = network_of(classes=3, seed=1), network_of(classes=3)
    drawn = [tensor.clone() for tensor in class_rows(new)]
    transfer = start_from(new, ("Person", "torn seam", "bag"), start_of(old, ("bag", "car", "person")))
    for mine, theirs, before in zip(class_rows(new), class_rows(old), drawn, strict=True):
        assert torch.equal(mine[2], theirs[0])
        assert torch.equal(mine[0], theirs[2])  # "person" is "Person"
        assert torch.equal(mine[1], before[1])
    assert transfer.classes == ("Person", "bag")
    assert transfer.tensors - transfer.tensors_taken == 6  # weight and bias of the classes, on three levels
    assert list(transfer.random) == ["22 Detect"]
    assert 0 < transfer.random["22 Detect"] < 0.01


def test_both_branches_of_an_end_to_end_network_take_over_their_classes() -> None:
    old, new = network_of("yolo26", classes=3, seed=1), network_of("yolo26")
    start_from(new, ("c", "a"), start_of(old, ("a", "b", "c")))
    for branch in ("cv3", "one2one_cv3"):
        mine, theirs = (getattr(network.model[-1], branch)[1][-1].weight.data for network in (new, old))
        assert torch.equal(mine, theirs[[2, 0]])


@pytest.mark.parametrize(
    ("theirs", "ours", "pairs"),
    [
        (("a", "b"), ("b", "c"), [(1, 0)]),
        (("Torn_Seam",), ("torn seam",), [(0, 0)]),
        (("A", "a"), ("a",), [(1, 0)]),  # the exact name first
        (("A", "a "), ("a",), []),  # which of the two?
        (("A",), ("a", "a "), []),
        (("a", "a"), ("a",), [(0, 0)]),
        ((), ("a",), []),
    ],
)
def test_classes_match_by_name_unless_two_are_alike(theirs, ours, pairs) -> None:
    assert matching_rows(theirs, ours) == pairs


def test_statistics_are_taken_over_and_half_precision_becomes_full() -> None:
    old, new = network_of(seed=1), network_of()
    for module in old.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.fill_(0.5)
            module.running_var.fill_(2.0)
            module.num_batches_tracked.fill_(7)
    transfer = start_from(new, ("a", "b"), start_of(old.half(), ("a", "b")))
    norm = next(module for module in new.modules() if isinstance(module, torch.nn.BatchNorm2d))
    assert norm.running_mean.dtype == torch.float32
    assert (float(norm.running_mean[0]), float(norm.running_var[0]), int(norm.num_batches_tracked)) == (0.5, 2.0, 7)
    assert transfer.share == 1.0


def test_weights_of_ultralytics_start_a_student_with_their_average_where_they_hold_one(tmp_path) -> None:
    old, average = network_of(classes=3, seed=1), network_of(classes=3, seed=2)
    average.names = {0: "a", 1: "b", 2: "c"}
    path = saved(tmp_path / "last.pt", old, ("a", "b", "c"), ema=average.half())
    start = Start.read(path)
    assert (start.name, start.class_names, len(start.digest)) == ("last.pt", ("a", "b", "c"), 64)
    new = network_of(classes=3)
    assert start_from(new, ("a", "b", "c"), start).share == 1.0
    assert torch.equal(new.model[0].conv.weight.data, average.model[0].conv.weight.data.float())


def test_a_student_of_this_project_starts_another(tmp_path, edge_config) -> None:
    old = network_of()
    student = StudentWeights("yolov8", "n", ("a", "b"), 64, edge_config, full_precision(old.state_dict()))
    path = tmp_path / "student.safetensors"
    path.write_bytes(student.half().to_bytes())
    start = Start.read(path)
    assert (start.name, start.digest) == ("student.safetensors", student.half().digest)
    assert start_from(network_of(seed=3), ("a", "b"), start).share == 1.0


def test_what_is_neither_is_refused(tmp_path) -> None:
    for name, error in (("own.pt", FileError), ("own.safetensors", StudentWeightsError)):
        (tmp_path / name).write_bytes(b"nothing")
        with pytest.raises(error, match="expected a"):
            Start.read(tmp_path / name)


def test_nothing_in_a_weights_file_is_run(tmp_path) -> None:
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "taken"),)

    path = tmp_path / "own.pt"
    torch.save({"model": network_of(), "train_args": Evil()}, path)
    with pytest.raises(FileError, match=r"posix.mkdir.*it was not opened"):
        Start.read(path)
    assert not (tmp_path / "taken").exists()


def test_the_shares_count_elements_of_all_and_of_the_backbone() -> None:
    """A detector gives a segmenting student its backbone and neck; one of another size next to nothing."""
    seg = network_of("yolov8-seg")
    transfer = start_from(seg, ("a", "b"), start_of(network_of(), ("a", "b")))
    state = seg.state_dict()
    prefixes = tuple(f"model.22.{part}." for part in ("cv4", "proto"))
    missing = sum(tensor.numel() for name, tensor in state.items() if name.startswith(prefixes))
    assert transfer.share == pytest.approx(1 - missing / sum(tensor.numel() for tensor in state.values()))
    assert transfer.backbone_share == 1.0
    other = start_from(network_of(size="s"), ("a", "b"), start_of(network_of(), ("a", "b")))
    assert other.backbone_share < 0.02


def test_a_start_is_announced_and_a_random_one_in_disguise_is_a_warning(student_config, caplog) -> None:
    caplog.set_level(logging.INFO)
    small = start_of(network_of(), ("a", "b"))
    good = start_from(network_of(), ("b", "x"), small)
    announce(good, "yolov8", student_config)
    assert [record.levelname for record in caplog.records] == ["INFO"]
    text = caplog.text
    assert "yolov8 n starts from old.pt" in text
    assert f"{good.tensors_taken} of its {good.tensors} tensors" in text
    assert "the classes b; left random, in layers: 22 Detect (0.03 %)" in text
    caplog.clear()

    large = student_config.model_copy(update={"size": "s"})
    announce(start_from(network_of(size="s"), ("a", "b"), small), "yolov8", large)
    warning = caplog.records[-1]
    assert warning.levelname == "WARNING"
    assert "practically a random start: old.pt gives 0.0" in warning.getMessage()
    assert "COCO-pretrained yolov8s.pt, or null" in warning.getMessage()
    caplog.clear()
    announce(
        start_from(network_of(size="s"), ("a", "b"), small), "yolov8", large.model_copy(update={"least_start": 0.0})
    )
    assert "WARNING" not in caplog.text


def test_a_random_start_on_purpose_says_so_and_changes_nothing(student_config, caplog) -> None:
    caplog.set_level(logging.INFO)
    network, drawn = network_of(), network_of()
    transfer = start_from(network, ("a", "b"), None)
    announce(transfer, "yolov8", student_config)
    assert "yolov8 n starts from random weights" in caplog.text
    assert transfer.report() == {"from": "random weights"}
    assert equal(network, drawn)


def test_the_report_names_the_file_and_what_fitted() -> None:
    transfer = start_from(network_of(), ("a", "b"), start_of(network_of(classes=3), ("x", "a", "y")))
    report = transfer.report()
    assert (report["from"], report["digest"], report["classes"]) == ("old.pt", "ab", ["a"])
    assert report["tensors"] == {"taken": transfer.tensors - 6, "total": transfer.tensors}
    assert report["backbone_share"] == 1.0 > report["share"]


def test_weights_whose_shapes_differ_from_what_their_names_say_are_left_out() -> None:
    """A file with a class too few for its own names gives no class."""
    old = network_of(classes=3)
    transfer = start_from(network_of(), ("a", "b"), start_of(old, ("a", "b")))
    assert transfer.classes == ()
    assert replace(transfer, start=None).tensors_taken == transfer.tensors - 6


@pytest.mark.parametrize(("size", "classes"), [("n", ()), ("s", ("b", "a"))])
def test_rows_of_many_classes_fit_where_the_class_layers_are_as_wide(size, classes) -> None:
    """Those of the smallest sizes are as wide as 80 classes want it, so that nothing of them fits."""
    names = ("a", "b", *(f"other {number}" for number in range(78)))
    transfer = start_from(network_of(size=size), ("b", "a"), start_of(network_of(size=size, classes=80), names))
    assert (transfer.classes, transfer.backbone_share) == (classes, 1.0)


def test_rows_without_the_layers_before_them_are_not_taken_over() -> None:
    """YOLOv8's and YOLO11's last class layers have one shape, but other layers before them."""
    old, new = network_of("yolov8", size="s"), network_of("yolo11", size="s")
    renamed = {name.replace("model.22.", "model.23."): tensor for name, tensor in old.state_dict().items()}
    last = "model.23.cv3.0.2.weight"
    assert renamed[last].shape == new.state_dict()[last].shape
    transfer = start_from(new, ("a", "b"), Start("old.pt", "ab", ("a", "b"), renamed))
    assert transfer.classes == ()

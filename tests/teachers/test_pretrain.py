"""The pretraining of the tiny teachers without Kedro."""

import json
import logging
from pathlib import Path

import pytest
import torch
import yaml

from gsam_edge.synthetic.workshop import WorkshopConfig
from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.grounding_dino.config import GroundingDinoLoopConfig, PretrainGroundingDinoConfig, SmallerFirst
from gsam_edge.teachers.grounding_dino.model import load_grounding_dino
from gsam_edge.teachers.grounding_dino.pretrain import pretrain_grounding_dino
from gsam_edge.teachers.lora.layers import weights_digest
from gsam_edge.teachers.outlining.config import OutliningLoopConfig
from gsam_edge.teachers.pretrain import main, read_parameters
from gsam_edge.teachers.sam.config import PretrainSamConfig, SamStage
from gsam_edge.teachers.sam.model import load_sam
from gsam_edge.training.checkpoints import FolderCheckpoints
from support.loops import loop_config
from support.runs import a_run
from support.sam_training import LOSS
from support.tiny import GROUNDING_DINO_LOSS, SMALL_WORKSHOP, TINY_GROUNDING_DINO, TINY_SAM

ROOT = Path(__file__).parents[2]
DETECTION = DetectionConfig(score_threshold=0, candidates=1000, nms_iou=0.6, max_detections=20, batch_size=1)
GROUNDING_DINO = PretrainGroundingDinoConfig(
    model=TINY_GROUNDING_DINO.model_copy(update={"image_size": 96}),
    loss=GROUNDING_DINO_LOSS,
    epoch_scenes=4,
    loop=loop_config(GroundingDinoLoopConfig, checkpoint_every=1, monitor="ap50"),
    detection=DETECTION,
    smaller_first=SmallerFirst(image_size=64, epochs=1),
    batch_size=2,
    absent_phrases=2,
    held_out_scenes=2,
)
SAM = PretrainSamConfig(
    architecture=TINY_SAM,
    epoch_scenes=2,
    stages=tuple(
        SamStage(
            image_size=side,
            loop=loop_config(OutliningLoopConfig, checkpoint_every=1, monitor="mean_iou"),
            batch_size=1,
            objects_per_image=1,
        )
        for side in (32, 64)
    ),
    loss=LOSS,
    box_jitter=0.12,
    validation_images=1,
    held_out_images=1,
)


@pytest.fixture
def parameters(tmp_path) -> Path:
    world = SMALL_WORKSHOP.model_dump(mode="json")
    content = {
        "grounding_dino_world": world,
        "pretrain_grounding_dino": GROUNDING_DINO.model_dump(mode="json"),
        "sam_world": {**world, "image_size": 64},
        "pretrain_sam": SAM.model_dump(mode="json"),
    }
    path = tmp_path / "parameters.yml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_configured_pretraining_is_sound_and_has_the_planned_sizes():
    given = read_parameters(ROOT / "conf/base/parameters_pretrain_tiny_teachers.yml")
    detector = PretrainGroundingDinoConfig.model_validate(given["pretrain_grounding_dino"])
    assert (detector.model.image_size, detector.model.width, detector.model.queries) == (320, 128, 80)
    assert (detector.model.encoder_layers, detector.model.decoder_layers) == (3, 4)
    shared = yaml.safe_load((ROOT / "conf/base/globals.yml").read_text())
    assert detector.detection.nms_iou == shared["suppression_iou"]
    assert PretrainSamConfig.model_validate(given["pretrain_sam"]).box_jitter == 0.12
    for world in ("grounding_dino_world", "sam_world"):
        WorkshopConfig.model_validate(given[world])


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_a_killed_pretraining_ends_in_the_same_weights(tmp_path, killed_after):
    """Killed in the part with smaller images, at the change of size, and after it."""

    def killed(name, value, step):
        if name.endswith("train_loss") and step == killed_after + 1:
            raise KeyboardInterrupt

    def trained(**run):
        return weights_digest(pretrain_grounding_dino(GROUNDING_DINO, SMALL_WORKSHOP, run=a_run(**run))[0].model)

    store = FolderCheckpoints(tmp_path, keep=2)
    with pytest.raises(KeyboardInterrupt):
        trained(log=killed, checkpoints=store)
    assert store.load()["step"] == killed_after
    steps: list[int] = []
    continued = trained(log=lambda name, value, step: steps.append(step), checkpoints=store)
    assert min(steps) == killed_after + 1
    assert continued == trained()


def test_the_first_part_sees_smaller_images():
    sizes: list[int] = []
    hook = torch.nn.modules.module.register_module_forward_pre_hook(
        lambda module, inputs: (
            sizes.append(inputs[0].shape[-1]) if type(module).__name__ == "ResNetEmbeddings" else None
        )
    )
    try:
        pretrain_grounding_dino(GROUNDING_DINO, SMALL_WORKSHOP, run=a_run())
    finally:
        hook.remove()
    assert sizes[:2] == [64, 64]
    assert set(sizes[2:]) == {96}


def test_the_command_writes_the_teachers_and_their_reports_and_can_be_repeated(parameters, tmp_path, caplog):
    state = tmp_path / "state"
    with caplog.at_level(logging.INFO, "gsam_edge.pretrain"):
        for teacher in ("grounding_dino", "sam"):
            main([teacher, f"--parameters={parameters}", f"--state={state}", "--device=cpu", "--log-every=1"])
    load_grounding_dino(str(state / "grounding_dino"))
    assert load_sam(state / "sam").architecture == TINY_SAM
    assert 0 <= json.loads((state / "grounding_dino_report.json").read_text())["held_out_ap50"] <= 1
    assert 0 <= json.loads((state / "sam_report.json").read_text())["held_out_mean_iou"] <= 1
    lines = [record.getMessage() for record in caplog.records]
    assert any("step 3/4 train_loss" in line and "images/s, left" in line for line in lines)
    assert any("held-out ap50" in line for line in lines)
    started = len(lines)
    with caplog.at_level(logging.INFO, "gsam_edge.pretrain"):
        main(["grounding_dino", f"--parameters={parameters}", f"--state={state}", "--device=cpu", "--log-every=1"])
    again = [record.getMessage() for record in caplog.records][started:]
    assert not any("step 2/4 train_loss" in line for line in again), "a finished run starts from its last checkpoint"


def test_a_finished_teacher_is_shipped_in_half_precision_and_measured(parameters, tmp_path, caplog):
    state, shipped = tmp_path / "state", tmp_path / "shipped"
    for teacher, weights, figure in (("grounding_dino", "grounding_dino", "AP50"), ("sam", "sam", "mean IoU")):
        common = [teacher, f"--parameters={parameters}", f"--state={state}", "--device=cpu"]
        main(common)
        with caplog.at_level(logging.INFO, "gsam_edge.pretrain"):
            main([*common, f"--ship={shipped / teacher}"])
        full, half = (folder / weights / "model.safetensors" for folder in (state, shipped))
        assert half.stat().st_size < 0.65 * full.stat().st_size
        assert f"held-out {figure}" in caplog.text
    assert {p.dtype for p in load_grounding_dino(str(shipped / "grounding_dino")).model.parameters()} == {torch.float32}
    assert {p.dtype for p in load_sam(shipped / "sam").model.parameters()} == {torch.float32}

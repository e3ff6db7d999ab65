import numpy as np
import pytest
import torch
from pydantic import ValidationError

from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.lora.layers import weights_digest
from gsam_edge.teachers.sam.architecture import build_sam
from gsam_edge.teachers.sam.config import PretrainSamConfig, SamStage
from gsam_edge.teachers.sam.model import SamModel
from gsam_edge.teachers.sam.pretrain import pretrain_sam, resize_input
from gsam_edge.training.checkpoints import FolderCheckpoints, NoCheckpoints
from support.runs import a_run
from support.sam_training import LOOP, LOSS, Recorder
from support.tiny import SMALL_WORKSHOP, TINY_SAM

CPU = torch.device("cpu")


@pytest.fixture
def base() -> SamModel:
    torch.manual_seed(0)
    return SamModel(build_sam(TINY_SAM).requires_grad_(False), TINY_SAM, "random")


def test_pretraining_learns_is_measured_and_seeded(base):
    stage_loop = LOOP.model_copy(update={"epochs": 1, "min_steps": 0, "learning_rate": 5e-3})
    config = PretrainSamConfig(
        architecture=TINY_SAM,
        epoch_scenes=40,
        stages=(
            SamStage(image_size=32, loop=stage_loop, batch_size=2, objects_per_image=2),
            SamStage(image_size=64, loop=stage_loop, batch_size=2, objects_per_image=2),
        ),
        loss=LOSS,
        box_jitter=0.04,
        validation_images=2,
        held_out_images=3,
    )

    def run():
        log = Recorder()
        sam, report = pretrain_sam(config, SMALL_WORKSHOP, run=a_run(log=log, seed=1))
        return sam, report, log.values

    sam, report, values = run()
    first, last = values["sam_pretraining_1_32px/train_loss"], values["sam_pretraining_2_64px/train_loss"]
    assert np.mean(last[-5:]) < 0.95 * np.mean(first[:5])
    assert report["held_out_objects"] >= 3
    assert 0 <= report["held_out_mean_iou"] <= 1
    assert report["parameters"] == sum(p.numel() for p in sam.model.parameters())
    again, _, _ = run()
    assert weights_digest(sam.model) == weights_digest(again.model)


def test_an_interrupted_pretraining_ends_in_the_same_weights(tmp_path):
    loop = LOOP.model_copy(update={"checkpoint_every": 1})
    stages = tuple(SamStage(image_size=size, loop=loop, batch_size=1, objects_per_image=1) for size in (32, 64))
    config = PretrainSamConfig(
        architecture=TINY_SAM,
        epoch_scenes=2,
        stages=stages,
        loss=LOSS,
        box_jitter=0.04,
        validation_images=1,
        held_out_images=1,
    )

    def run(log, checkpoints):
        return pretrain_sam(config, SMALL_WORKSHOP, run=a_run(log=log, checkpoints=checkpoints, seed=1))[0]

    def killed_in_the_second_stage(name, value, step):
        if name == "sam_pretraining_2_64px/train_loss" and step == 3:
            raise KeyboardInterrupt

    store = FolderCheckpoints(tmp_path, keep=2).open("x")
    with pytest.raises(KeyboardInterrupt):
        run(killed_in_the_second_stage, store)
    log = Recorder()
    continued = run(log, store)
    assert "sam_pretraining_1_32px/train_loss" not in log.values
    assert len(log.values["sam_pretraining_2_64px/train_loss"]) == 2
    assert weights_digest(continued.model) == weights_digest(run(Recorder(), NoCheckpoints()).model)


def test_a_resized_input_keeps_the_weights_and_reads_larger_images(base):
    larger = resize_input(base, 96)
    assert larger.model.prompt_encoder.get_dense_pe().shape[-2:] == (12, 12)
    assert torch.equal(larger.model.mask_decoder.iou_token.weight, base.model.mask_decoder.iou_token.weight)
    assert resize_input(base, 64) is base
    relative = TINY_SAM.model_copy(update={"encoder_relative_positions": True})
    with pytest.raises(BaseModelError, match="encoder_relative_positions"):
        resize_input(SamModel(build_sam(relative), relative, "x"), 96)


def test_stages_must_end_at_the_architectures_size():
    stage = SamStage(image_size=32, loop=LOOP, batch_size=1, objects_per_image=1)
    with pytest.raises(ValidationError, match="last stage at image_size 64"):
        PretrainSamConfig(
            architecture=TINY_SAM,
            epoch_scenes=4,
            stages=(stage,),
            loss=LOSS,
            box_jitter=0.04,
            validation_images=1,
            held_out_images=1,
        )

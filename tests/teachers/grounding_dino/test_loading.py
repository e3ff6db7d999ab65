"""A folder whose weights do not fill the model is refused: what is missing would be random."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import GroundingDinoImageProcessor, GroundingDinoProcessor

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.grounding_dino.model import load_grounding_dino
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.teachers.lora.layers import weights_digest
from support.tiny import TINY_GROUNDING_DINO, full_size_grounding_dino, original_grounding_dino

HEAD = "bbox_embed.0.layers.0.weight"
SWIN_BLOCK = "model.backbone.conv_encoder.model.encoder.layers.0.blocks.0.attention.self"


@pytest.fixture(scope="module")
def models():
    mm = build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0)
    return {"mm": mm, "original": original_grounding_dino(mm.processor)}


@pytest.fixture(params=["mm", "original"])
def saved(request, models, tmp_path):
    """The folder of a saved model, and the model."""
    models[request.param].save(tmp_path / "saved")
    return tmp_path / "saved", models[request.param].model


def rewrite(folder, change):
    file = folder / "model.safetensors"
    tensors = {name: tensor.clone() for name, tensor in load_file(file).items()}
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def test_a_whole_folder_gives_the_very_weights_though_tied_heads_are_stored_once(saved):
    folder, model = saved
    stored = load_file(folder / "model.safetensors")
    wanted = model.state_dict()
    assert len(stored) < len(wanted)
    loaded = load_grounding_dino(str(folder)).model.state_dict()
    assert loaded.keys() == wanted.keys()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in wanted.items())


def test_missing_weights_are_refused_by_name(saved):
    folder, _ = saved

    def without_a_layer(tensors):
        for name in [name for name in tensors if name.startswith("model.decoder.layers.1.")]:
            del tensors[name]

    rewrite(folder, without_a_layer)
    with pytest.raises(
        BaseModelError, match=r"saved: expected .* tensors .*got .* missing.*model\.decoder\.layers\.1\."
    ):
        load_grounding_dino(str(folder))


def test_weights_of_another_shape_are_refused_with_both_shapes(saved):
    folder, model = saved
    wide, narrow = model.state_dict()[HEAD].shape

    rewrite(folder, lambda tensors: tensors.update({HEAD: torch.zeros(wide + 1, narrow)}))
    shapes = rf"\({wide + 1}, {narrow}\) for \({wide}, {narrow}\)"
    with pytest.raises(BaseModelError, match=rf"1 of another shape.*{HEAD}: {shapes}"):
        load_grounding_dino(str(folder))


def test_weights_that_the_model_has_no_place_for_are_said(saved, caplog):
    """As when the config names fewer layers than were trained; some published files hold more than is needed."""
    folder, _ = saved
    rewrite(folder, lambda tensors: tensors.update({"model.decoder.layers.9.fc1.bias": torch.zeros(32)}))
    load_grounding_dino(str(folder))
    assert "1 tensors that the model does not use: ['model.decoder.layers.9.fc1.bias']" in caplog.text


def test_names_and_indices_of_older_releases_still_load(models, tmp_path):
    """Published weights name Swin's layers as before transformers 5 and hold index tables that are now computed."""
    models["original"].save(tmp_path / "saved")
    assert f"{SWIN_BLOCK}.query.weight" in load_file(tmp_path / "saved" / "model.safetensors")
    index = {f"{SWIN_BLOCK}.relative_position_index": torch.zeros(16, 16, dtype=torch.int64)}
    rewrite(tmp_path / "saved", lambda tensors: tensors.update(index))
    load_grounding_dino(str(tmp_path / "saved"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["grounding-dino", "mm-grounding-dino"])
def test_a_full_size_checkpoint_loads_and_answers_at_its_real_input_size(kind, models, tmp_path):
    """Random weights in the shape of `IDEA-Research/grounding-dino-tiny` and of MM Grounding DINO's Swin-T."""
    processor = GroundingDinoProcessor(GroundingDinoImageProcessor(), models["mm"].processor.tokenizer)
    made = full_size_grounding_dino(processor, kind)
    made.save(tmp_path)
    wanted = weights_digest(made.model)
    del made
    loaded = load_grounding_dino(str(tmp_path))
    assert loaded.model.config.model_type == kind
    assert weights_digest(loaded.model) == wanted
    assert sum(parameter.numel() for parameter in loaded.model.parameters()) == pytest.approx(172e6, rel=0.01)
    image = np.random.default_rng(0).integers(0, 256, (50, 50, 3), np.uint8)
    assert loaded.inputs([image], ["ring."])["pixel_values"].shape == (1, 3, 800, 800)
    config = DetectionConfig(score_threshold=0, candidates=1000, nms_iou=1, max_detections=1000, batch_size=1)
    (found,) = loaded.predict_batch([image], ["ring", "star"], config)
    assert len(found) == 900
    assert np.isfinite(found.class_scores).all()
    assert (found.xyxy >= 0).all()
    assert (found.xyxy <= 50).all()

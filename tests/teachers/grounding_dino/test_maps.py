"""What Grounding DINO's encoder says lies on the grid of a YOLO head, each value at the place that it speaks of."""

from pathlib import Path

import numpy as np
import pytest
import torch
from kedro.config import OmegaConfigLoader

from gsam_edge.synthetic.workshop import WorkshopConfig, draw_workshop_scene
from gsam_edge.teachers.grounding_dino.loss import token_grid
from gsam_edge.teachers.grounding_dino.maps import encoder_maps, on_grid
from gsam_edge.teachers.grounding_dino.model import load_grounding_dino
from gsam_edge.teachers.grounding_dino.tiny import build_tiny_grounding_dino
from gsam_edge.vision.masks import masks_to_xyxy
from support.tiny import TINY_GROUNDING_DINO, original_grounding_dino

ROOT = Path(__file__).parents[3]


def yolo_anchors(side: int) -> torch.Tensor:
    """Centres [A, 2] of Ultralytics' own anchors, as fractions of a canvas of this side."""
    from ultralytics.utils.tal import make_anchors

    from gsam_edge.students.ultralytics import imports  # noqa: F401  before Ultralytics itself

    levels = [torch.zeros(1, 1, side // stride, side // stride) for stride in (8, 16, 32)]
    points, strides = make_anchors(levels, torch.tensor([8.0, 16.0, 32.0]), 0.5)
    return points * strides / side


def tokens_of(side: int, levels: int) -> torch.Tensor:
    """Centres [S, 2] of the encoder's tokens, as fractions of an input of this side."""
    count = sum((-(-side // (8 << level))) ** 2 for level in range(levels))
    return token_grid((side, side), count, torch.device("cpu"))[0] / side


@pytest.mark.parametrize("levels", [3, 4])
@pytest.mark.parametrize("side", [256, 640])
def test_where_the_input_is_the_canvas_each_token_is_the_anchor_at_its_place(side, levels):
    """The tiny model has three levels, the published one a fourth, which YOLO's head lacks."""
    cells = on_grid(tokens_of(side, levels), (side, side), (side, side), mode="nearest-exact")
    torch.testing.assert_close(cells, yolo_anchors(side))


@pytest.mark.parametrize(("input_side", "side"), [(224, 256), (320, 256), (800, 640)])
def test_from_an_input_of_another_size_the_nearest_token_speaks_for_a_cell(input_side, side):
    """Less than half a token away along each side, and a little where the input's size leaves a token cut off."""
    anchors = yolo_anchors(side)
    near = on_grid(tokens_of(input_side, 4), (input_side, input_side), (side, side), mode="nearest-exact")
    strides = torch.cat([torch.full(((side // s) ** 2,), float(s)) for s in (8, 16, 32)])
    assert ((near - anchors).abs() <= (0.51 * strides / input_side)[:, None]).all()
    smooth = on_grid(tokens_of(input_side, 4), (input_side, input_side), (side, side), mode="bilinear")
    inside = ((anchors > 0.1) & (anchors < 0.9)).all(1)
    torch.testing.assert_close(smooth[inside], anchors[inside], atol=1e-4, rtol=0)


def test_the_anchor_on_an_object_has_the_highest_score_and_its_box():
    """The shipped model, on single objects of the world that it was trained on, at places that chance chose."""
    conf = OmegaConfigLoader(conf_source=str(ROOT / "conf"), base_env="base", default_run_env="base")
    world = WorkshopConfig.model_validate(
        conf["parameters"]["grounding_dino_world"] | {"min_objects": 1, "max_objects": 1, "image_size": 256}
    )
    teacher = load_grounding_dino(str(ROOT / "data/06_models/base/grounding_dino"))
    anchors, hits, overlaps = yolo_anchors(256), 0, []
    for seed in range(8):
        scene = draw_workshop_scene(np.random.default_rng(seed), world)
        truth = torch.from_numpy(masks_to_xyxy(scene.masks)[0]) / 256
        maps = encoder_maps(teacher, scene.image, scene.phrases)
        best = int(maps["scores"][:, 0].nan_to_num(0).argmax())
        place, box = anchors[best], maps["boxes"][best]
        hits += bool(((place > truth[:2]) & (place < truth[2:])).all())
        low, high = torch.maximum(box[:2], truth[:2]), torch.minimum(box[2:], truth[2:])
        both = (high - low).clamp(min=0).prod()
        overlaps.append(float(both / ((box[2:] - box[:2]).prod() + (truth[2:] - truth[:2]).prod() - both)))
    assert hits >= 7
    assert np.median(overlaps) > 0.7


@pytest.mark.parametrize("kind", ["tiny", "original"])
def test_maps_cover_the_grid_with_every_class_in_its_own_prompt_or_not(kind):
    """With one prompt and with several; where the library makes no proposal, there is no score and no box."""
    tiny = build_tiny_grounding_dino(TINY_GROUNDING_DINO, ["ring", "star"], seed=0)
    model = tiny if kind == "tiny" else original_grounding_dino(tiny.processor)
    canvas = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    names = ("ring", "star", "moon", "red ring")
    together = encoder_maps(model, canvas, names)
    model.model.config.max_text_len = 8
    apart = encoder_maps(model, canvas, names)
    cells = 16**2 + 8**2 + 4**2
    for maps in (together, apart):
        assert maps["scores"].shape == (cells, 4)
        assert maps["boxes"].shape == (cells, 4)
        assert maps["features"].shape == (cells, model.model.config.d_model)
        assert torch.equal(maps["scores"].isnan().all(1), maps["boxes"].isnan().any(1))
        given = maps["scores"][~maps["scores"].isnan().any(1)]
        assert len(given) > cells / 2
        assert ((given >= 0) & (given <= 1)).all()
        assert maps["features"].isfinite().all()


def test_a_canvas_that_leaves_padding_in_the_input_is_refused():
    """One so narrow that the input has fewer places than the model has queries."""
    config = TINY_GROUNDING_DINO.model_copy(update={"queries": 20})
    model = build_tiny_grounding_dino(config, ["ring"], seed=0)
    with pytest.raises(ValueError, match=r"canvas: expected one that fills the input"):
        encoder_maps(model, np.zeros((10, 640, 3), np.uint8), ("ring",))

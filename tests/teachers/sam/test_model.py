import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from segment_anything import SamPredictor, sam_model_registry

from gsam_edge.teachers.errors import BaseModelError
from gsam_edge.teachers.outlining.model import predict_image
from gsam_edge.teachers.sam.architecture import PUBLISHED, build_sam, recognise
from gsam_edge.teachers.sam.config import SamArchitecture
from gsam_edge.teachers.sam.model import SamModel, load_sam
from support.tiny import TINY_SAM

TINY = TINY_SAM.model_copy(
    update={
        "encoder_depth": 2, "encoder_global_blocks": (1,), "encoder_relative_positions": True, "decoder_depth": 2,
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def sam() -> SamModel:
    torch.manual_seed(0)
    return SamModel(build_sam(TINY), TINY, "random")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (50, 90, 3), np.uint8)


def boxes(count: int) -> np.ndarray:
    corners = np.random.default_rng(1).uniform(0, 1, (count, 2, 2)) * [90, 50]
    return np.concatenate([corners.min(1), corners.max(1)], axis=1).astype(np.float32)


@pytest.mark.parametrize(("count", "multimask"), [(1, False), (5, False), (40, False), (5, True)])
def test_masks_equal_those_of_the_librarys_own_predictor(sam, image, count, multimask):
    xyxy = boxes(count)
    predictor = SamPredictor(sam.model)
    predictor.set_image(image)
    masks, iou = predict_image(sam, image, xyxy, multimask=multimask)
    assert masks.shape == (count, 50, 90)
    assert masks.dtype == bool
    assert iou.dtype == np.float32
    assert torch.equal(sam.embed([image])["image"], predictor.get_image_embedding())
    for row, box in enumerate(xyxy):
        expected, expected_iou, _ = predictor.predict(box=box, multimask_output=multimask)
        best = expected_iou.argmax()
        # decoding one box or many together rounds differently in the last bit
        assert np.mean(masks[row] != expected[best]) < 1e-3
        np.testing.assert_allclose(iou[row], expected_iou[best], atol=1e-5)
    assert 0 < masks.mean() < 1


def test_no_boxes_give_no_masks(sam, image):
    masks, iou = predict_image(sam, image, np.zeros((0, 4), np.float32), multimask=False)
    assert masks.shape == (0, 50, 90)
    assert iou.shape == (0,)


@pytest.mark.parametrize(("multimask", "masks"), [(False, 1), (True, 3)])
def test_decoding_is_differentiable_where_sam_forward_is_not(sam, image, multimask, masks):
    embedding = sam.embed([image])["image"].detach().requires_grad_()
    boxes = torch.tensor([[4.0, 4.0, 30.0, 30.0], [0.0, 0.0, 9.0, 60.0]])
    logits, iou = sam.decode({"image": embedding}, boxes, multimask=multimask)
    assert logits.shape == (2, masks, TINY.mask_size, TINY.mask_size)
    assert iou.shape == (2, masks)
    logits.sum().backward()
    assert embedding.grad.abs().sum() > 0


def test_boxes_of_several_images_decode_as_they_would_alone(sam, image):
    features = sam.embed([image, image[:, ::-1], image[::2]])["image"]
    prompts = torch.from_numpy(boxes(3))
    with torch.no_grad():
        together, _ = sam.decode({"image": features}, prompts, multimask=False)
        for row in range(3):
            alone, _ = sam.decode({"image": features[row : row + 1]}, prompts[row : row + 1], multimask=False)
            torch.testing.assert_close(together[row], alone[0], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-2)


def test_a_folder_round_trip_answers_the_same(sam, image, tmp_path):
    folder = tmp_path / "models" / "sam"
    sam.save(folder)
    again = load_sam(folder)
    assert (again.name, again.architecture) == ("random", TINY)
    one, two = (predict_image(model, image, boxes(3), multimask=False)[0] for model in (again, sam))
    assert np.array_equal(one, two)
    assert not any(parameter.requires_grad for parameter in again.model.parameters())


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sizes_are_those_of_the_librarys_builders(name):
    with torch.device("meta"):
        ours, theirs = build_sam(PUBLISHED[name]).state_dict(), sam_model_registry[name]().state_dict()
    assert {key: value.shape for key, value in ours.items()} == {key: value.shape for key, value in theirs.items()}
    assert recognise(ours) == name


def test_an_architecture_whose_sizes_do_not_divide_is_refused():
    with pytest.raises(ValidationError, match="decoder_width by 2 x decoder_heads, got 16 and 6"):
        SamArchitecture(**{**TINY.model_dump(), "decoder_heads": 3})


def test_missing_checkpoints_say_what_was_looked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match="found nothing there"):
        load_sam(tmp_path / "sam_vit_b.pth")
    with pytest.raises(FileNotFoundError, match="missing"):
        load_sam(tmp_path)


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_hostile_pickle_is_refused_and_not_run(tmp_path):
    path, proof = tmp_path / "evil.pth", tmp_path / "proof"
    torch.save({"a": Hostile(proof)}, path)
    with pytest.raises(BaseModelError, match="plain tensors"):
        load_sam(path)
    path.write_bytes(pickle.dumps(Hostile(proof)))
    with pytest.raises(BaseModelError, match="plain tensors"):
        load_sam(path)
    assert not proof.exists()


@pytest.mark.parametrize(
    "content", [{}, {"image_encoder.patch_embed.proj.weight": torch.zeros(7, 3, 8, 8)}, [1], {"a": 1}]
)
def test_a_file_that_is_no_known_sam_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "x.pth")
    with pytest.raises(BaseModelError, match=r"x\.pth: expected a"):
        load_sam(tmp_path / "x.pth")


def archive(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr(name, content)


ODD_FILES = {
    "text": lambda path: path.write_text("hello world"),
    "nothing": lambda path: path.write_bytes(b""),
    "an archive of something else": lambda path: archive(path, "a.txt", b"a"),
    "a bomb": lambda path: archive(path, "archive/data.pkl", bytes(10**7)),
    "numbers for names": lambda path: torch.save({1: torch.ones(2), 2: torch.ones(2)}, path),
    "whole numbers": lambda path: torch.save({"a": torch.ones(2, dtype=torch.int8)}, path),
    "no finite numbers": lambda path: torch.save({"a": torch.full((2,), torch.nan)}, path),
    "more numbers than bytes": lambda path: torch.save({"a": torch.zeros(1).expand(10**9)}, path),
    "a sparse tensor": lambda path: torch.save({"a": torch.eye(3).to_sparse()}, path),
    "a folder's name": lambda path: torch.save({"image_encoder.blocks": torch.ones(2)}, path),
}


@pytest.mark.parametrize("kind", ODD_FILES)
def test_what_is_no_sam_is_one_message_with_the_files_name(tmp_path, kind):
    path = tmp_path / "odd.pth"
    ODD_FILES[kind](path)
    with pytest.raises(BaseModelError, match=r"odd\.pth: expected"):
        load_sam(path)


def test_a_cut_off_file_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1000)}, tmp_path / "x.pth")
    (tmp_path / "x.pth").write_bytes((tmp_path / "x.pth").read_bytes()[:500])
    with pytest.raises(BaseModelError, match="plain tensors"):
        load_sam(tmp_path / "x.pth")


@pytest.mark.parametrize(
    "description",
    [
        "no json",
        "[]",
        "{}",
        json.dumps({"name": "x", "architecture": {**TINY.model_dump(), "decoder_width": 32}}),
    ],
)
def test_a_folder_with_a_wrong_description_is_refused(sam, tmp_path, description):
    sam.save(tmp_path / "sam")
    (tmp_path / "sam" / "architecture.json").write_text(description)
    with pytest.raises(BaseModelError, match="SAM"):
        load_sam(tmp_path / "sam")


@pytest.mark.slow
def test_a_full_size_checkpoint_loads_and_answers(tmp_path, image):
    torch.manual_seed(0)
    path = tmp_path / "sam_vit_b.pth"
    reference = sam_model_registry["vit_b"]()
    torch.save(reference.state_dict(), path)
    loaded = load_sam(path)
    assert loaded.name == "sam_vit_b"
    predictor = SamPredictor(reference)
    predictor.set_image(image)
    expected, _, _ = predictor.predict(box=boxes(1)[0], multimask_output=False)
    assert np.array_equal(predict_image(loaded, image, boxes(1), multimask=False)[0], expected)

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import CLIPTokenizer, Sam3Config, Sam3Model, Sam3Processor
from transformers.convert_slow_tokenizer import bytes_to_unicode

from gsam_edge.teachers.errors import BaseModelError, ClassNameError
from gsam_edge.teachers.sam3.model import load_sam3
from gsam_edge.teachers.sam3.network import answers, image_tokens, mask_logits, pyramid
from support.sam3 import DETECTION, sam3_processor, tiny_sam3
from support.suppression import suppressed

SIZES = [(50, 90), (91, 33), (7, 5), (56, 56), (201, 300)]
NAMES = ("ring", "star", "ear of bag")


@pytest.fixture(scope="module")
def sam3():
    return tiny_sam3()


def image_of(image_hw):
    return np.random.default_rng(0).integers(0, 256, (*image_hw, 3), dtype=np.uint8)


def find(sam3, image, texts, detection, *, masks):
    with torch.no_grad():
        tokens = sam3.embed([image])["tokens"]
    return sam3.predict(tokens, image.shape[:2], texts, detection, masks=masks)


def byte_processor(sam3):
    """A processor with the library's CLIP tokenizer, which knows every byte and no longer token."""
    tokens = [byte + end for end in ("", "</w>") for byte in bytes_to_unicode().values()]
    vocabulary = {token: row for row, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    return Sam3Processor(sam3.processor.image_processor, CLIPTokenizer(vocab=vocabulary, merges=[]))


def library_outputs(sam3, image, name):
    inputs = sam3.processor(images=Image.fromarray(image), text=name, return_tensors="pt")
    with torch.no_grad():
        return sam3.model(
            pixel_values=inputs["pixel_values"],
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
        )


@pytest.mark.parametrize("image_hw", SIZES)
def test_pixels_are_those_of_the_librarys_processor(sam3, image_hw):
    image, seen = image_of(image_hw), []
    hook = sam3.encoder.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    sam3.embed([image])
    hook.remove()
    library = sam3.processor(images=Image.fromarray(image), return_tensors="pt")["pixel_values"]
    assert (seen[0] - library).abs().max() == 0
    assert seen[0].min() >= -1
    assert seen[0].max() <= 1


def test_the_parts_answer_as_the_librarys_own_forward(sam3):
    """Names and images together in one pass, each as the library answers it alone."""
    images = [image_of(hw) for hw in SIZES[:3]]
    with torch.no_grad():
        seen = pyramid(sam3.model, sam3.embed(images)["tokens"])
        texts = sam3.texts(NAMES)
        asked = answers(sam3.model, seen, texts)
        masks = mask_logits(sam3.model, seen, texts, asked.encoded, asked.queries)
    assert asked.boxes.shape == (2, 3, 8, 4)
    for row, (image, name) in enumerate(zip(images, NAMES, strict=True)):
        library = library_outputs(sam3, image, name)
        centre, size = asked.boxes[-1, row, :, :2], asked.boxes[-1, row, :, 2:]
        xyxy = torch.cat([centre - size / 2, centre + size / 2], 1)
        torch.testing.assert_close(xyxy, library.pred_boxes[0], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(asked.logits[-1, row], library.pred_logits[0], atol=1e-3, rtol=1e-4)
        torch.testing.assert_close(asked.presence[-1, row], library.presence_logits[0, 0], atol=1e-3, rtol=1e-4)
        torch.testing.assert_close(masks[row], library.pred_masks[0], atol=1e-2, rtol=1e-3)


@pytest.mark.parametrize("image_hw", SIZES)
def test_boxes_scores_and_masks_agree_with_the_librarys_post_processing(sam3, image_hw):
    """For every class, each query; suppression here lets nearly all boxes stay."""
    image = image_of(image_hw)
    everything = DETECTION.model_copy(update={"nms_iou": 1.0, "max_detections": 100})
    found = find(sam3, image, sam3.texts(NAMES), everything, masks=True)
    assert len(found) == 8 * len(NAMES)
    assert found.masks.shape == (len(found), *image_hw)
    for class_id, name in enumerate(NAMES):
        (library,) = sam3.processor.post_process_instance_segmentation(
            library_outputs(sam3, image, name), threshold=0, target_sizes=[image_hw]
        )
        order = library["scores"].argsort(descending=True, stable=True).numpy()
        ours = found.select(found.class_ids == class_id)
        np.testing.assert_allclose(ours.scores, library["scores"].numpy()[order], atol=1e-4)
        clipped = library["boxes"].numpy()[order].clip(0, [*image_hw[::-1]] * 2)
        np.testing.assert_allclose(ours.xyxy, clipped, atol=0.05)
        assert np.mean(ours.masks != library["masks"].numpy()[order]) < 2e-3
        np.testing.assert_array_equal(ours.class_scores[:, class_id], ours.scores)
        assert np.isnan(np.delete(ours.class_scores, class_id, 1)).all()


def test_an_image_is_encoded_once_for_all_classes_and_a_name_once_for_all_images(sam3):
    passes = {"image": 0, "text": 0}

    def count(name):
        def hook(*_):
            passes[name] += 1

        return hook

    hooks = [sam3.encoder.register_forward_hook(count("image"))]
    hooks.append(sam3.model.text_encoder.register_forward_hook(count("text")))
    texts = sam3.texts(NAMES)
    for hw in SIZES:
        find(sam3, image_of(hw), texts, DETECTION, masks=True)
    for hook in hooks:
        hook.remove()
    assert passes == {"image": len(SIZES), "text": 1}


def test_how_many_classes_share_a_pass_does_not_matter(sam3):
    texts, image = sam3.texts(NAMES), image_of((50, 90))
    one, three = (
        find(sam3, image, texts, DETECTION.model_copy(update={"batch_size": size}), masks=True) for size in (1, 3)
    )
    np.testing.assert_array_equal(one.class_ids, three.class_ids)
    np.testing.assert_allclose(one.xyxy, three.xyxy, atol=1e-2)
    assert np.mean(one.masks != three.masks) < 2e-3


def test_the_best_candidates_of_all_classes_are_looked_at_and_no_others(sam3):
    """Each candidate holds a row of all classes: with many classes, rows for every query would fill the memory."""
    texts, image = sam3.texts(NAMES), image_of((50, 90))
    every = DETECTION.model_copy(update={"nms_iou": 1.0, "max_detections": 100})
    all_of_them, five = (
        find(sam3, image, texts, every.model_copy(update={"candidates": count}), masks=True) for count in (1000, 5)
    )
    assert len(five) == 5
    for field in ("xyxy", "scores", "class_ids", "masks", "class_scores"):
        np.testing.assert_array_equal(getattr(five, field), getattr(all_of_them, field)[:5])


def test_boxes_of_a_class_suppress_each_other_and_are_bounded(sam3):
    strict = DETECTION.model_copy(update={"nms_iou": 0.3, "max_detections": 4})
    found = find(sam3, image_of((50, 90)), sam3.texts(NAMES), strict, masks=False)
    assert 0 < len(found) <= 4
    assert found.masks is None
    assert len(suppressed(found.xyxy, found.scores, found.class_ids, 0.3)) == len(found)


def test_names_that_the_text_encoder_cannot_tell_apart_or_read_are_refused(sam3):
    with pytest.raises(ClassNameError, match=r"expected names that differ .* 'Ring' and 'ring'"):
        sam3.texts(["Ring", "star", "ring"])
    with pytest.raises(ClassNameError, match=r"expected 1 to 30 tokens .* got 40 for 'xxxx"):
        sam3.texts(["x" * 40])
    with pytest.raises(ClassNameError, match="got 0 for ' '"):
        sam3.texts([" "])
    assert sam3.texts(["x" * 30]).mask.all()


def test_names_are_read_as_the_published_tokenizer_reads_them(sam3):
    """Of any script, byte by byte where no word is known, without regard to case; 30 tokens are the most."""
    published = replace(sam3, processor=byte_processor(sam3))
    ids = published.processor(text=["Ampel", "ampel", "Öl", "öl", "o\u0308l"], return_tensors=None)["input_ids"]
    assert ids[0] == ids[1]
    assert ids[2] == ids[3] == ids[4]
    assert ids[0] != ids[2]
    with pytest.raises(ClassNameError, match="'Öl' and 'öl'"):
        published.texts(["Öl", "öl"])
    with pytest.raises(ClassNameError, match=r"expected 1 to 30 tokens .* got 32"):
        published.texts(["ö" * 16])


def test_a_saved_model_answers_as_before(tmp_path, sam3):
    sam3.save(tmp_path / "saved")
    loaded = load_sam3(str(tmp_path / "saved"))
    before, after = (find(one, image_of((50, 90)), one.texts(NAMES), DETECTION, masks=True) for one in (sam3, loaded))
    for field in ("xyxy", "scores", "class_ids", "masks"):
        assert np.array_equal(getattr(before, field), getattr(after, field)), field
    assert loaded.name == "saved"


def test_a_checkpoint_with_a_tracker_for_videos_loads_as_the_published_one_is_saved(tmp_path, sam3, caplog):
    """The library says of `Sam3Model` that it loads from such a configuration, and which tensors it leaves out."""
    sam3.save(tmp_path / "video")
    file, description = tmp_path / "video" / "model.safetensors", tmp_path / "video" / "config.json"
    detector = {f"detector_model.{name}": tensor for name, tensor in load_file(file).items()}
    tracker = {"tracker_model.mask_decoder.iou_token.weight": torch.zeros(1, 8), "tracker_neck.x": torch.zeros(1)}
    save_file(detector | tracker, file, metadata={"format": "pt"})
    config = {"model_type": "sam3_video", "detector_config": json.loads(description.read_text())}
    description.write_text(json.dumps(config))
    loaded = load_sam3(str(tmp_path / "video")).model.state_dict()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in sam3.model.state_dict().items())
    assert "does not use" not in caplog.text


def test_what_is_no_sam3_lacks_weights_or_is_damaged_is_refused(tmp_path, sam3):
    with pytest.raises(FileNotFoundError, match=r"SAM 3: expected a folder .*downloads not allowed"):
        load_sam3(str(tmp_path / "nothing"))
    sam3.save(tmp_path / "saved")
    shutil.copytree(tmp_path / "saved", tmp_path / "bert")
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    with pytest.raises(BaseModelError, match=r"expected a model of \['sam3', 'sam3_video'\], got one of 'bert'"):
        load_sam3(str(tmp_path / "bert"))
    file = tmp_path / "saved" / "model.safetensors"
    lacking = {name: t for name, t in load_file(file).items() if not name.startswith("detr_decoder.presence_token")}
    save_file(lacking, file, metadata={"format": "pt"})
    with pytest.raises(BaseModelError, match=r"SAM 3 .*saved: expected .*1 missing \['detr_decoder.presence_token"):
        load_sam3(str(tmp_path / "saved"))
    file.write_bytes(b"no safetensors")
    with pytest.raises(BaseModelError, match="expected a model as transformers saves it"):
        load_sam3(str(tmp_path / "saved"))


@pytest.mark.parametrize("size", [{"height": 112, "width": 112}, {"height": 56, "width": 112}])
def test_a_processor_of_another_model_is_refused(tmp_path, sam3, size):
    sam3.save(tmp_path / "saved")
    type(sam3.processor.image_processor)(size=size).save_pretrained(tmp_path / "image")
    file = tmp_path / "saved" / "processor_config.json"
    image = json.loads((tmp_path / "image" / "preprocessor_config.json").read_text())
    file.write_text(json.dumps({**json.loads(file.read_text()), "image_processor": image}))
    with pytest.raises(BaseModelError, match=r"SAM 3 .*saved: expected a processor that makes images of 56 x 56 px"):
        load_sam3(str(tmp_path / "saved"))


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"vision_config": 3}),
        ("config.json", {"vision_config": {"fpn_hidden_size": "x"}}),
        ("config.json", {"vision_config": {"fpn_hidden_size": -4}}),
        ("processor_config.json", []),
        ("processor_config.json", {"image_processor": 3}),
        ("tokenizer_config.json", []),
        ("tokenizer.json", {"model": 3}),
    ],
)
def test_a_damaged_description_is_refused_with_a_sentence(tmp_path, sam3, file, change):
    sam3.save(tmp_path / "saved")
    file = tmp_path / "saved" / file
    file.write_text(json.dumps({**json.loads(file.read_text()), **change} if change else change))
    with pytest.raises(BaseModelError, match="saved: expected a model as transformers saves it, but: "):
        load_sam3(str(tmp_path / "saved"))


@pytest.mark.slow
def test_full_size_shapes_meet():
    """The library's default sizes are those of SAM 3; built without memory for its 0.8 G parameters."""
    with torch.device("meta"):
        model = Sam3Model(Sam3Config())
    assert sum(parameter.numel() for parameter in model.parameters()) > 0.8e9
    tokens = image_tokens(model, torch.empty(1, 3, 1008, 1008, device="meta"))
    assert tokens.shape == (1, 72 * 72, 1024)
    assert [tuple(level.shape[2:]) for level in pyramid(model, tokens).features] == [(288, 288), (144, 144), (72, 72)]
    assert type(sam3_processor().image_processor)().size["height"] == 1008

import numpy as np

from gsam_edge.teachers.config import DetectionConfig
from gsam_edge.teachers.family import Setting, TuningData
from gsam_edge.teachers.features import MemoryFeatures
from gsam_edge.teachers.lora.config import LoraConfig
from gsam_edge.teachers.lora.files import adapter_files, read_adapter
from gsam_edge.teachers.lora.layers import adapter_parameters, weights_digest
from gsam_edge.teachers.outlining.config import OutliningConfig
from gsam_edge.teachers.outlining.features import ImageFeatures
from gsam_edge.teachers.sam2.model import Sam2, load_sam2
from gsam_edge.teachers.table import TEACHERS
from support.runs import a_run
from support.sam2 import tiny_sam2
from support.sam_training import LOOP, LOSS, Recorder
from support.shapes import shape_annotations, shape_images

TARGETS = r"^mask_decoder\.transformer\..*(_proj|proj_in|proj_out)$"
TUNING = OutliningConfig(
    lora=LoraConfig(r=2, alpha=4, dropout=0.1, frozen=(), max_share=0.9, targets=TARGETS),
    loop=LOOP,
    loss=LOSS,
    augmentation=None,
    views=None,
    box_jitter=0.04,
    batch_size=2,
    objects_per_image=2,
    multimask=False,
)
IMAGES = shape_images()
DETECTION = DetectionConfig(score_threshold=0, candidates=10, nms_iou=1, max_detections=10, batch_size=1)
SETTING = Setting(("ring", "star", "ear of bag"), DETECTION, "cpu", own_masks=False, keep_base=True, features=None)


def tune(base, log=None, config=TUNING):
    train, val = shape_annotations(range(3)), shape_annotations(range(2))
    data = TuningData(train, val, IMAGES, None, False, MemoryFeatures())
    return TEACHERS["sam2"].tune(base, data, config, a_run(log=log or Recorder()))


def outlined(base, adapter):
    truth = shape_annotations(range(3)).truth(0, masks=False)
    (found,) = TEACHERS["sam2"].predictor(base, adapter, SETTING)([IMAGES["0.png"]], [truth])
    assert np.array_equal(found.xyxy, truth.xyxy)
    return found


def test_a_tuned_adapter_is_saved_and_answers_the_same_on_the_base_loaded_anew(tmp_path):
    base, log = tiny_sam2(), Recorder()
    base.save(tmp_path / "base")
    base = load_sam2(str(tmp_path / "base"))
    digest = weights_digest(base.model)
    adapter = tune(base, log)
    assert weights_digest(base.model) == digest == adapter.config.base_digest
    assert (adapter.config.kind, len(log.values["sam2/val_mean_iou"])) == ("sam2", 2)
    before, tuned = outlined(base, None), outlined(base, adapter)
    again = outlined(load_sam2(str(tmp_path / "base")), read_adapter(adapter_files(adapter)))
    for field in ("masks", "mask_scores"):
        assert np.array_equal(getattr(tuned, field), getattr(again, field)), field
    assert not np.array_equal(before.mask_scores, tuned.mask_scores)
    assert ((tuned.mask_scores >= 0) & (tuned.mask_scores <= 1)).all()
    assert not adapter_parameters(base.model)


def test_each_image_is_embedded_once_whatever_the_number_of_steps(monkeypatch):
    shown: list[int] = []
    embed = Sam2.embed
    monkeypatch.setattr(Sam2, "embed", lambda self, images: shown.append(len(images)) or embed(self, images))
    tune(tiny_sam2())
    assert sum(shown) == 3


def test_it_is_needed_where_there_are_masks():
    family = TEACHERS["sam2"]
    assert family.need(shape_annotations(range(3))).needed
    assert not family.need(shape_annotations(range(3), masks=False)).needed


def test_features_are_kept_by_how_images_are_prepared_and_so_is_the_base_known():
    """The folder of the model says how, beside the weights."""
    store, base, other = MemoryFeatures(), tiny_sam2(), tiny_sam2()
    other.processor.image_processor.image_mean = [0, 0, 0]
    kept = [ImageFeatures(each, store).of_pixels(IMAGES["0.png"])["level_0"] for each in (base, other)]
    assert not np.array_equal(*kept)
    assert len({TEACHERS["sam2"].base_digest(each) for each in (base, tiny_sam2(), other)}) == 2

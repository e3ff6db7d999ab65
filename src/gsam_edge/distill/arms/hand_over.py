"""Labels of the pool by a teacher, by a student or by both, each behind a gate of its own, and who is chosen."""

import logging
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from gsam_edge.coco import Annotations
from gsam_edge.coco.packed import PackedDetections
from gsam_edge.coco.predictions import Predictions, PredictorInfo
from gsam_edge.distill.arms.scores import score_predictions
from gsam_edge.distill.arms.stage import PoolLabels
from gsam_edge.distill.config import DistillationConfig, LabellingConfig
from gsam_edge.distill.labels.fusion import fuse
from gsam_edge.distill.labels.gate import Gate, fit_gate
from gsam_edge.distill.labels.gated import gated
from gsam_edge.distill.labels.labelling import label_images
from gsam_edge.students.predictor import StudentPredictor, student_predictor
from gsam_edge.students.weights import StudentWeights
from gsam_edge.teachers.family import TeacherPredict, one_by_one
from gsam_edge.teachers.flips import with_flips
from gsam_edge.training.checkpoints import fingerprint
from gsam_edge.vision.images import ImageSource

logger = logging.getLogger(__name__)

TEACHER, STUDENT, FUSED = "teacher", "student", "fused"


@dataclass(frozen=True)
class Labeller:
    """A source of labels: what it says of the validation images, by which it is judged, and of the pool.

    Attributes:
        name: "teacher", "student" or "fused".
        val: its labels of the validation images.
        label_pool: gives its labels of the pool; called only if they are needed.
    """

    name: str
    val: Predictions
    label_pool: Callable[[], Predictions]


def student_labeller(
    weights: StudentWeights,
    val: Annotations,
    pool: Annotations,
    images: ImageSource,
    *,
    labelling: LabellingConfig,
    store: MutableMapping[str, dict[str, Any]],
    device: str,
) -> Labeller:
    """Lets a student label as the teachers do: by the same flips, from the same score on, into the same store."""
    threshold = labelling.score_threshold
    described = PredictorInfo(
        "student", fingerprint(weights.digest, threshold, labelling.flips), prompted_with_boxes=False
    )
    build = partial(_as_labeller, student_predictor(weights, score_threshold=threshold, device=device), labelling)

    def label(split: Annotations) -> Predictions:
        batch, workers = labelling.detection.batch_size, labelling.workers
        return label_images(build, described, split, images, batch_size=batch, store=store, workers=workers).labels

    return Labeller(STUDENT, label(val), lambda: label(pool))


def chosen_labeller(
    teacher: Labeller, student: Labeller, val: Annotations, config: DistillationConfig, labelling: LabellingConfig
) -> tuple[Labeller, dict[str, Any]]:
    """Returns who labels the pool for the second stage, and why.

    Args:
        teacher: the tuned teachers.
        student: the student of the first stage.
        val: images with truth, on which neither was trained.
        config: `hand_over` says how it is chosen.
        labelling: `match_iou` says which boxes are one object, where both are fused.

    Returns:
        The labeller; and `chosen`, `asked` (`hand_over`) and `figures`, of each on the validation images: those of
        masks only where both have them, so that all are judged by the same.
    """
    judged = zip((teacher, student), _alike(teacher.val, student.val), strict=True)
    scores = {each.name: score_predictions(val, labels.objects) for each, labels in judged}
    better, other = teacher, student
    if scores[STUDENT].fitness > scores[TEACHER].fitness:
        better, other = student, teacher

    def fused(first: Predictions, second: Predictions) -> Predictions:
        return fuse(*_alike(first, second), match_iou=labelling.match_iou)

    both = Labeller(FUSED, fused(better.val, other.val), lambda: fused(better.label_pool(), other.label_pool()))
    scores[FUSED] = score_predictions(val, both.val.objects)
    labellers = {each.name: each for each in (better, other, both)}
    name = max(labellers, key=lambda each: scores[each].fitness) if config.hand_over == "best" else config.hand_over
    told = ", ".join(f"{each} {score.fitness:.4f}" for each, score in scores.items())
    figures = {each: dict(score.metrics) for each, score in scores.items()}
    logger.info("hand-over: the %s labels the pool from now on (mAP50-95 on the validation images: %s)", name, told)
    return labellers[name], {"chosen": name, "asked": config.hand_over, "figures": figures}


def gated_labels(labeller: Labeller, val: Annotations, pool: Annotations, labelling: LabellingConfig) -> PoolLabels:
    """Returns a labeller's labels of the pool behind the gate that its labels of the validation images give."""
    gate = fit_gate(val, labeller.val, labelling.gate, match_iou=labelling.match_iou)
    labels = labeller.label_pool()
    passed = gated(labels, gate, labelling.gate, split=pool)
    counts = {"images": len(passed.objects), "left_out": len(passed.left_out), **vars(passed.counts)}
    return _by_name(
        labeller.name,
        passed.objects,
        passed.weights,
        pool,
        digest=fingerprint(labels.digest, gate.to_dict(), labelling.gate.model_dump()),
        counts=counts,
    )


def hard_labels(teacher: Labeller, pool: Annotations, threshold: float) -> PoolLabels:
    """Returns the teacher's labels from one score on, as truth: what autodistill does."""
    labels = teacher.label_pool()
    gate = Gate.hard(threshold, pool.num_classes)
    objects = {image_id: packed.select(gate.objects(packed.unmasked)) for image_id, packed in labels.objects.items()}
    counts = {"images": len(objects), "objects": sum(map(len, objects.values()))}
    return _by_name(TEACHER, objects, {}, pool, digest=fingerprint(labels.digest, threshold), counts=counts)


def _by_name(
    source: str,
    objects: Mapping[int, PackedDetections],
    weights: Mapping[int, Any],
    pool: Annotations,
    *,
    digest: str,
    counts: Mapping[str, int],
) -> PoolLabels:
    """Names labels by the files of their images. Where none is an object, they teach that nothing is anywhere."""
    facts = {"labels": source, **counts}
    if not counts["objects"]:
        logger.warning("the %s labels no object in the pool that could be trusted; the pool is left out", source)
        return PoolLabels(facts=facts | {"images": 0})
    names = {image["id"]: image["file_name"] for image in pool.images}
    return PoolLabels(
        {names[image_id]: packed for image_id, packed in objects.items()},
        {names[image_id]: weight for image_id, weight in weights.items()},
        digest,
        facts,
    )


def _alike(first: Predictions, second: Predictions) -> tuple[Predictions, Predictions]:
    """Returns both without masks where only one has them: a student without masks learns none."""
    if _has_masks(first) == _has_masks(second):
        return first, second
    return _unmasked(first), _unmasked(second)


def _has_masks(labels: Predictions) -> bool:
    return any(packed.mask_hw is not None for packed in labels.objects.values())


def _unmasked(labels: Predictions) -> Predictions:
    objects = {
        image_id: PackedDetections(replace(packed.unmasked, mask_scores=None, box_agreement=None), None, ())
        for image_id, packed in labels.objects.items()
    }
    return replace(labels, objects=objects)


def _as_labeller(student: Callable[[], StudentPredictor], labelling: LabellingConfig) -> TeacherPredict:
    """Builds a student that answers as `label_images` asks; no prompt is read."""
    predict = student()
    find = one_by_one(lambda image, prompt: predict(image))
    return with_flips(find, labelling.flips, labelling.label_detection)

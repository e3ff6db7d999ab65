"""Training batches from drawn scenes; a prompt holds phrases that are in the image and phrases that are not."""

from collections.abc import Sequence

import numpy as np

from gsam_edge.synthetic.scene import Scene
from gsam_edge.synthetic.workshop import draw_absent
from gsam_edge.teachers.grounding_dino.batch import GroundingDinoBatch, labelled_batch
from gsam_edge.teachers.grounding_dino.model import GroundingDino
from gsam_edge.vision import Detections
from gsam_edge.vision.masks import masks_to_xyxy


def scene_batch(
    grounding_dino: GroundingDino, scenes: Sequence[Scene], rng: np.random.Generator, absent: int
) -> GroundingDinoBatch:
    """Builds a batch whose prompts hold each image's phrases and up to `absent` others, in random order."""
    asked = [prompt_classes(rng, scene, absent) for scene in scenes]
    truths = [scene_truth(scene, names) for scene, names in zip(scenes, asked, strict=True)]
    prompts = [grounding_dino.prompts(names)[0] for names in asked]
    return labelled_batch(grounding_dino, [scene.image for scene in scenes], truths, prompts)


def prompt_classes(rng: np.random.Generator, scene: Scene, absent: int) -> list[str]:
    """Returns the scene's different phrases and up to `absent` that are true of nothing in it, in random order."""
    names = list(dict.fromkeys(scene.phrases)) + list(draw_absent(rng, scene.phrases, absent))
    return [names[i] for i in rng.permutation(len(names))]


def scene_truth(scene: Scene, names: Sequence[str]) -> Detections:
    """Returns the scene's objects with tight boxes; class i is the i-th name."""
    class_ids = np.array([names.index(phrase) for phrase in scene.phrases], np.int64)
    return Detections(masks_to_xyxy(scene.masks), np.ones(len(class_ids), np.float32), class_ids)

"""The worlds that models are pretrained on, behind one door."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from gsam_edge.synthetic.general import GENERAL_WORDS, GeneralWorldConfig, draw_absent_phrases, draw_general_scene
from gsam_edge.synthetic.scene import Scene
from gsam_edge.synthetic.workshop import WORKSHOP_WORDS, WorkshopConfig, draw_absent, draw_workshop_scene

WorldConfig: TypeAlias = GeneralWorldConfig | WorkshopConfig

#: Draws, for a scene's phrases, up to a count of phrases that are true of none of its objects.
AbsentPhrases: TypeAlias = Callable[[np.random.Generator, tuple[str, ...], int], tuple[str, ...]]


def draw_scene(rng: np.random.Generator, world: WorldConfig) -> Scene:
    """Draws one image of a world; the same state of the generator draws the same image."""
    return draw_workshop_scene(rng, world) if isinstance(world, WorkshopConfig) else draw_general_scene(rng, world)


def absent_phrases_of(world: WorldConfig) -> AbsentPhrases:
    """Returns what draws phrases that are true of nothing in a scene of a world."""
    return draw_absent if isinstance(world, WorkshopConfig) else draw_absent_phrases


def words_of(world: WorldConfig) -> tuple[str, ...]:
    """Returns every word that a phrase of the world can hold."""
    return WORKSHOP_WORDS if isinstance(world, WorkshopConfig) else GENERAL_WORDS

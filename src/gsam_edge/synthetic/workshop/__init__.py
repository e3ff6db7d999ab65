"""The workshop: the generated world on which the tiny teachers are pretrained."""

from gsam_edge.synthetic.workshop.config import WorkshopConfig
from gsam_edge.synthetic.workshop.phrases import WORKSHOP_WORDS, draw_absent
from gsam_edge.synthetic.workshop.world import draw_workshop_scene

__all__ = ["WORKSHOP_WORDS", "WorkshopConfig", "draw_absent", "draw_workshop_scene"]

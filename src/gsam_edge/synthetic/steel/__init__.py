"""A generated steel world: rolled strips under a line camera, with four kinds of defect of very unequal frequency."""

from gsam_edge.synthetic.steel.config import STEEL_CLASSES, SteelWorldConfig
from gsam_edge.synthetic.steel.dataset import build_steel

__all__ = ["STEEL_CLASSES", "SteelWorldConfig", "build_steel"]

"""Settings and a metric recorder for tests that train the smallest SAM."""

from gsam_edge.teachers.outlining.config import MaskLossConfig, OutliningLoopConfig
from support.loops import loop_config

LOOP = loop_config(OutliningLoopConfig, min_steps=4, learning_rate=1e-2, monitor="mean_iou")
LOSS = MaskLossConfig(dice_weight=1, focal_weight=0, focal_alpha=0.25, focal_gamma=2, bce_weight=1, iou_weight=1)


class Recorder:
    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def __call__(self, name: str, value: float, step: int) -> None:
        self.values.setdefault(name, []).append(value)

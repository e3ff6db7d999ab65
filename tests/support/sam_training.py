"""Settings and a metric recorder for tests that train the smallest SAM."""

from gsam_edge.teachers.outlining.config import MaskLossConfig
from gsam_edge.training.config import LoopConfig

LOOP = LoopConfig(
    steps=4,
    learning_rate=1e-2,
    weight_decay=0.0,
    warmup_fraction=0.25,
    gradient_clip=1.0,
    precision="no",
    validate_every=2,
    patience=0,
    checkpoint_every=100,
)
LOSS = MaskLossConfig(dice_weight=1, focal_weight=0, focal_alpha=0.25, focal_gamma=2, bce_weight=1, iou_weight=1)


class Recorder:
    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def __call__(self, name: str, value: float, step: int) -> None:
        self.values.setdefault(name, []).append(value)

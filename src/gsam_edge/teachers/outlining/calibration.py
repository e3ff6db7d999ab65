"""Calibration of the IoU that a model predicts for its masks, and what else an adapter must remember."""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from gsam_edge.training.errors import TrainingError

# From fewer objects a slope would be noise: the estimates are then only shifted.
_ENOUGH_FOR_A_SLOPE = 30
# So it would be from estimates whose standard deviation (IoU) is below this.
_ENOUGH_SPREAD = 1e-3


class IouCalibration(BaseModel):
    """A line from the predicted IoU of a mask to the IoU to expect, clipped to 0..1.

    Two numbers, because a validation split has few objects. The slope is never negative, so that of two masks the one
    that the model prefers stays the better one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float = Field(ge=0, allow_inf_nan=False, description="of the line")
    intercept: float = Field(allow_inf_nan=False, description="of the line, IoU")

    @classmethod
    def fit(cls, predicted: NDArray[np.float32], actual: NDArray[np.float32]) -> Self:
        """Fits by least squares.

        Args:
            predicted: float32 [N], as the model says it.
            actual: float32 [N], 0..1, IoU with the true masks.

        Returns:
            The line; the identity where N is 0, one with slope 1 where N is small or the predictions hardly differ.

        Raises:
            TrainingError: if a prediction is NaN or infinite.
        """
        if not len(predicted):
            return cls(slope=1, intercept=0)
        if broken := int((~np.isfinite(predicted)).sum()):
            raise TrainingError(
                f"IoU of masks: expected finite estimates, got NaN or infinity in {broken} of {len(predicted)}; try a "
                "lower learning rate"
            )
        x, y = predicted.astype(np.float64), actual.astype(np.float64)
        slope = 1.0
        if len(x) >= _ENOUGH_FOR_A_SLOPE and x.std() > _ENOUGH_SPREAD:
            slope = max(0.0, float(np.mean((x - x.mean()) * (y - y.mean())) / x.var()))
        return cls(slope=slope, intercept=float(y.mean() - slope * x.mean()))

    def calibrated(self, predicted: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the IoU to expect, float32 [N] in 0..1, of masks with these predicted ones."""
        return (self.slope * predicted + self.intercept).clip(0, 1).astype(np.float32)


class OutlinerFacts(BaseModel):
    """The facts of an adapter of a model that is prompted with boxes: how it was tuned to answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    multimask: bool = Field(description="see `OutliningConfig.multimask`")
    iou: IouCalibration = Field(description="calibration of the predicted IoU, from jittered boxes of the validation")

"""Types of the values that nodes pass on, for mypy alone.

Importing them would load torch or matplotlib with every command.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame
    from plotly.graph_objects import Figure as InteractiveFigure

    from gsam_edge.coco.predictions import Predictions
    from gsam_edge.datasets.tracking import LiveMetrics
    from gsam_edge.distill.arms.arm_run import ArmRun
    from gsam_edge.students.start import Start
    from gsam_edge.students.weights import StudentWeights
    from gsam_edge.teachers.grounding_dino.model import GroundingDino
    from gsam_edge.teachers.lora.adapter import Adapter
    from gsam_edge.teachers.sam.model import SamModel
    from gsam_edge.training.checkpoints import CheckpointStore
else:
    Adapter = ArmRun = CheckpointStore = DataFrame = Figure = GroundingDino = InteractiveFigure = LiveMetrics = Any
    Predictions = SamModel = Start = StudentWeights = Any

__all__ = [
    "Adapter",
    "ArmRun",
    "CheckpointStore",
    "DataFrame",
    "Figure",
    "GroundingDino",
    "InteractiveFigure",
    "LiveMetrics",
    "Predictions",
    "SamModel",
    "Start",
    "StudentWeights",
]

"""Kedro hooks: tracking, checks before a run, the summary at its end, and errors that a user can read."""

from gsam_edge.hooks.console import ErrorHooks
from gsam_edge.hooks.freshness import FreshnessHooks
from gsam_edge.hooks.inputs import InputHooks
from gsam_edge.hooks.interrupts import InterruptHooks
from gsam_edge.hooks.local import LocalHooks
from gsam_edge.hooks.processes import ProcessHooks, is_helper
from gsam_edge.hooks.record import RecordHooks
from gsam_edge.hooks.reports import ReportHooks
from gsam_edge.hooks.scene import SceneHooks
from gsam_edge.hooks.state import CheckpointHooks, RemnantHooks
from gsam_edge.hooks.steps import StepHooks
from gsam_edge.hooks.students import StudentHooks
from gsam_edge.hooks.summary import SummaryHooks
from gsam_edge.hooks.tracking import TrackingHooks

__all__ = [
    "CheckpointHooks",
    "ErrorHooks",
    "FreshnessHooks",
    "InputHooks",
    "InterruptHooks",
    "LocalHooks",
    "ProcessHooks",
    "RecordHooks",
    "RemnantHooks",
    "ReportHooks",
    "SceneHooks",
    "StepHooks",
    "StudentHooks",
    "SummaryHooks",
    "TrackingHooks",
    "is_helper",
]

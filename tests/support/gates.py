"""Settings of the gate in tests."""

from gsam_edge.distill.labels.gate import GateConfig

GATE = GateConfig(precision=0.85, recall=0.9, min_objects=5, reliability=0.7, duplicate_iou=0.6, max_ignored=0.5)

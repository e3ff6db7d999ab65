"""The distilled student and its controls: one schedule, labels of different origin, and how they compare."""

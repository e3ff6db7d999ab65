"""A model that is run on many items, by this process or by several, on one machine or on many."""

from gsam_edge.training.workers.config import WorkersConfig
from gsam_edge.training.workers.workers import ModelFactory, Workers

__all__ = ["ModelFactory", "Workers", "WorkersConfig"]

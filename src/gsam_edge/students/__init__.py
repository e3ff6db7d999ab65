"""Students: chosen by the data, built and trained with Ultralytics, prompt-free by construction."""

from gsam_edge.students.choice import Architecture, EdgeConfig, StudentChoice, StudentConfig, choose_student

__all__ = ["Architecture", "EdgeConfig", "StudentChoice", "StudentConfig", "choose_student"]

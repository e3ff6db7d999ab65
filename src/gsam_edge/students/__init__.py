"""Students: chosen by the data, built and trained by their family, prompt-free by construction."""

from gsam_edge.students.choice import EdgeConfig, StudentChoice, StudentConfig, choose_student

__all__ = ["EdgeConfig", "StudentChoice", "StudentConfig", "choose_student"]

"""Students: small models that take no prompt, chosen by the data, built and trained by their family."""

from gsam_edge.students.choice import EdgeConfig, StudentChoice, StudentConfig, choose_student

__all__ = ["EdgeConfig", "StudentChoice", "StudentConfig", "choose_student"]

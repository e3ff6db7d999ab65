"""Distillation: what the tuned teachers say about the training pictures, and the student that learns from it."""

"""Distillation: what the tuned teachers say about the training images, and the student that learns from it."""

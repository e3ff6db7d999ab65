"""Distillation: teacher labels of the training images, and the training of the student on them."""

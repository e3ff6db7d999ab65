"""Metrics: average precision, mask IoU, and the table of all figures."""

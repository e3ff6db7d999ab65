"""Scans the image files of a dataset and finds near duplicates."""

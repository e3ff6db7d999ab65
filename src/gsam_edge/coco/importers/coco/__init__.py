"""COCO in several files."""

"""The image files of a dataset: what is in them, and which are copies."""

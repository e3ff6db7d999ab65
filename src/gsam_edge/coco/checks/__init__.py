"""Checks of a COCO file: a table of the faults, and one module for each kind of record."""

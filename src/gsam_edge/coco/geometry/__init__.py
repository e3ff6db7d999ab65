"""Shapes as numbers: polygons, run lengths, clipping, areas. Pure functions."""

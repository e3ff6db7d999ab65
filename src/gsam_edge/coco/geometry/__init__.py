"""Geometry of boxes, polygons and RLE: parsing, clipping, areas. Pure functions."""

"""Masks as image files."""

"""Grounding DINO: finds the objects of named classes."""

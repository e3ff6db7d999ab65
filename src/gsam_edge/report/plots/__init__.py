"""Plots, one file per subject, on matplotlib's `Figure` itself: no display, no global state, nothing to close."""

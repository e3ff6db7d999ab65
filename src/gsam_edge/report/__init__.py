"""Plots, contact sheets and console tables."""

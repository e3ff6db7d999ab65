"""The graph: one folder per pipeline, its nodes thin adapters."""

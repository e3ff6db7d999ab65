"""Structured pruning: whole channels leave a network, so that it is smaller on every device."""

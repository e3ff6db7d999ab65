"""The yardstick: average precision, mask overlap, and the names of all figures."""

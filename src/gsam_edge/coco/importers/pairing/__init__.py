"""Which image labels belong to: folders, names, splits. One rule for all formats."""

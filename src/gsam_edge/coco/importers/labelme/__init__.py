"""LabelMe and the tools that write its files."""

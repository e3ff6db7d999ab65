"""Teachers: the table of families, one folder each, LoRA, and what puts them together, tunes and reports them."""

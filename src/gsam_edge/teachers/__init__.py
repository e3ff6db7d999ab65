"""Teachers: the table of families (one folder each), LoRA adapters, and their composition, tuning and report."""

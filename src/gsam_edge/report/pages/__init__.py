"""What is written for people from the facts of a run: the report as a page, and the model card."""

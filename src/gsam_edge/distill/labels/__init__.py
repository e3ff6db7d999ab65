"""Labels that no person gave: of which images, by whom, and which of them a student may learn from."""

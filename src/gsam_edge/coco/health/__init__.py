"""What is unwise in a sound dataset, and what the policies do about it."""

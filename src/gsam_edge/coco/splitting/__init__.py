"""Training, validation and test split."""

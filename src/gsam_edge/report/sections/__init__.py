"""What a run's reports say, part by part."""

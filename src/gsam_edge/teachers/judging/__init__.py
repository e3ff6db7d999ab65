"""What a teacher is worth: its figures before and after tuning, and whether a student can learn from it."""

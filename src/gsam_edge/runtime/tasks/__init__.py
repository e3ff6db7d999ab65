"""Tasks: prepare an image as a student's input and read its outputs, with any engine."""

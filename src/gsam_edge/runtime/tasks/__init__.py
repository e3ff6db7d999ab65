"""What a student's outputs mean: from an image to its input, and from its outputs to an answer; numpy alone."""

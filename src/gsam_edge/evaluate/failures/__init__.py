"""What a model gets wrong: the worst images with reasons in words, and groups of objects that it finds less often."""

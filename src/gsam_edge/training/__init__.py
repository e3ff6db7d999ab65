"""The training loop, with device, seed, metrics and checkpoints."""

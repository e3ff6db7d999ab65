"""The one training loop, with what it stands on: device, seed, metrics and checkpoints."""

"""Grounding DINO and SAM: loading, prompts, LoRA, tuning, pretraining of the tiny ones."""

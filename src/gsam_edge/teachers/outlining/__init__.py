"""What teachers share that draw the masks of given boxes: prompts, losses, tuning and prediction."""

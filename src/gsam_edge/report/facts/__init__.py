"""What a run came to, once: the report for people and the model card are both written from it."""

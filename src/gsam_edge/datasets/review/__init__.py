"""A review on disk: the folder that is handed out, what comes back, and the annotations with it."""

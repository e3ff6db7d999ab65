"""The bundle for the device: one zip that holds a student and all that is needed to use it."""

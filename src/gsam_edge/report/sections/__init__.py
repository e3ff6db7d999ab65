"""The sections of a run's summary on the console."""

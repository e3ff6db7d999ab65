"""The sections of the report: one file each, beside those of the console."""

"""What runs an exported student: one file per backend, which imports it only when an artefact is opened."""

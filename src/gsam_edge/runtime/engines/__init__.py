"""Engines that run an exported student: one module per backend, imported only when an artefact is opened."""

"""Measurement of artefacts on the test split: predictions, latency and memory, the comparison and the image grid.

Nothing is imported here: the process that `measure` starts loads only `worker`, so that its memory is the artefact's.
"""

"""The yardstick: COCO metrics, mask overlap, latency, memory, and the tables and images that show them.

Nothing is imported here: the process that `measure` starts loads `worker` alone, so that its memory is the artefact's.
"""

"""The training of a student: what a step is shown, what it is taught, and Ultralytics' trainer around it."""

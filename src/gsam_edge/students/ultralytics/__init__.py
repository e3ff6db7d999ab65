"""Students of Ultralytics' architectures, trained by its recipe on images in memory."""

"""Students of Ultralytics' architectures, trained with its trainer on images in memory."""

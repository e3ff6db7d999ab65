"""From images, folders and videos to results in files: what a device does with a student."""

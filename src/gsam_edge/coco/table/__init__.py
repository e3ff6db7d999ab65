"""COCO records as they stand in a file, and the same as columns."""

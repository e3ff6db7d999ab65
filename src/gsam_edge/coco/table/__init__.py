"""COCO records as JSON text and as numpy columns."""

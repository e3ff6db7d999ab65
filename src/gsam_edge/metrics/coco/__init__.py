"""COCO's evaluation: objects as columns, the engine that compares them, and what it says of mistakes."""

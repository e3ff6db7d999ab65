"""What can be wrong with a COCO file: one table, one module for each kind of record."""

"""Any Ultralytics detect or segment weights of the user as a finder."""

"""SAM: draws the mask of the object in each box."""

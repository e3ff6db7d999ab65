"""SAM 3 (Carion et al. 2025): from class names to boxes and masks, in one model."""

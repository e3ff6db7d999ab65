"""SAM 2 (Ravi et al. 2024, arXiv:2408.00714) on single images: from boxes to masks."""

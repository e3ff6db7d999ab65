"""Nodes of `pretrain_tiny_teachers`: each trains one model on the general world and reports what it reached there."""

"""Low-rank adapters for any teacher."""

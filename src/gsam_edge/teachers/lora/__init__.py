"""Low-rank adapters on any teacher."""

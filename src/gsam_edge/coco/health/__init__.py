"""Quality checks of a sound dataset, and the policies for their findings."""

"""All that is made for eyes: plots, contact sheets, console tables."""

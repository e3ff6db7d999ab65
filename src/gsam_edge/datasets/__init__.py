"""Kedro datasets: the only code that reads or writes project files."""

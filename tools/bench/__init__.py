"""Measurements: `python -m tools.bench`."""

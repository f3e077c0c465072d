"""The technician's and the card office's tool on the PC: `python -m tools.device`."""

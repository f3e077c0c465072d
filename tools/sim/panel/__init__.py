"""The simulated terminal's front panel: a page in the browser."""

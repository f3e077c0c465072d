"""Compiles the texts of firmware/text/*.txt into the one table the terminal reads them from."""

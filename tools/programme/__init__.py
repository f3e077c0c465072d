"""What the programme asks of the terminal, row by row, and the stories that show it; writes docs/programme.md."""

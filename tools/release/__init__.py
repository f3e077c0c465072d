"""What the programme's office signs for its terminals: keys, and the files they load from the switch."""

"""A program's end of the terminal's serial port: JSON-RPC 2.0, one request a line (docs/console.md). Needs
pyserial only."""

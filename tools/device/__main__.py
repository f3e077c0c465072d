"""`python -m tools.device`: personalise cards through a connected terminal, and keep the card office's key file."""

from __future__ import annotations

from tools.sim import onhost


def main() -> None:
    """The firmware's card modules run here, so MicroPython's names come first."""
    onhost.install()
    from tools.device.cli import main as commands

    commands()


if __name__ == "__main__":
    main()

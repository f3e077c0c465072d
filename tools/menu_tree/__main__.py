"""`python -m tools.menu_tree`: write docs/menu-tree.txt, every menu of the terminal in both languages."""

from __future__ import annotations

import sys

import click

from tools.menu_tree import page


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the file is not what the firmware has.")
def main(*, check: bool) -> None:
    """Write docs/menu-tree.txt from the firmware's tables."""
    if check:
        sys.exit(page.PAGE.read_text(encoding="utf-8") != page.written())
    page.PAGE.write_text(page.written(), encoding="utf-8")


if __name__ == "__main__":
    main()

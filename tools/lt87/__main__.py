"""`python -m tools.lt87`: write the tables of docs/lt87.md, or the specification another codec reads."""

from __future__ import annotations

import json
import sys

import click

from tools.lt87 import names
from tools.sim import onhost


@click.group()
def main() -> None:
    """The table of LT-87, for people and for other codecs."""
    onhost.install()


@main.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the page is not what the table says.")
def docs(*, check: bool) -> None:
    """Write the tables of docs/lt87.md."""
    from tools.lt87 import page

    before = page.PAGE.read_text(encoding="utf-8")
    after = page.written(before)
    if check:
        sys.exit(before != after)
    page.PAGE.write_text(after, encoding="utf-8")


@main.command()
@click.option("--for", "codec", type=click.Choice(names.CODECS), required=True, help="Who shall read it.")
@click.option("--wire", type=click.Choice(names.WIRES), default="ascii", show_default=True, help="Spelling.")
def spec(codec: str, wire: str) -> None:
    """Print the table as another codec wants it, as JSON."""
    from tools.lt87 import specs

    click.echo(json.dumps(specs.specification(codec, wire), indent=1))


if __name__ == "__main__":
    main()

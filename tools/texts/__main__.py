"""`python -m tools.texts`: compile firmware/text/*.txt into firmware/text/texts.tbl, and say what is missing."""

from __future__ import annotations

import sys

import click

from tools.texts import source
from tools.texts.table import built


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 when the table is not what the sources say.")
def main(*, check: bool) -> None:
    """Compile the catalogues."""
    try:
        table, missing = built()
    except ValueError as error:
        sys.exit(str(error))
    for language, names in missing.items():
        if names:
            click.echo(f"{language}.txt lacks {len(names)} texts, English stands for them: {' '.join(names)}", err=True)
    if check:
        sys.exit(table != source.TABLE.read_bytes())
    source.TABLE.write_bytes(table)
    click.echo(f"{source.TABLE.name}: {len(table)} bytes, {len(source.read(source.FIRST))} texts and codes")


if __name__ == "__main__":
    main()

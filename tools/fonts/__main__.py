"""`make fonts`: bakes firmware/screen/script.tbl from Vazirmatn, which npm fetched into build/fonts."""

from __future__ import annotations

from pathlib import Path

import click

from tools.fonts.glyphs import BIG, SMALL, baked
from tools.fonts.patches import patched
from tools.fonts.table import table
from tools.sim.image import REPOSITORY

TABLE = REPOSITORY / "firmware" / "screen" / "script.tbl"
FONTS = REPOSITORY / "build" / "fonts" / "node_modules" / "vazirmatn" / "fonts" / "ttf"


def made(fonts: Path) -> bytes:
    """The table of the fonts in this folder."""
    small, big = patched("small", baked(fonts, SMALL)), patched("big", baked(fonts, BIG))
    return table(small, big, (SMALL.height, BIG.height))


@click.command()
@click.option(
    "--fonts", default=FONTS, type=click.Path(path_type=Path, file_okay=False), help="Folder of the TTF files."
)
def main(fonts: Path) -> None:
    """Bake the glyphs of the panel and the receipts."""
    content = made(fonts)
    TABLE.write_bytes(content)
    click.echo(f"{TABLE.relative_to(REPOSITORY)}: {len(content)} bytes")


if __name__ == "__main__":
    main()

"""`python -m tools.firmware build`: what is flashed and published, for each board; `make firmware` does it."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import click

from tools.device.errors import DeviceError
from tools.firmware import build as builder
from tools.firmware import program, report
from tools.release import development, signing
from tools.release.__main__ import passphrase
from tools.sim import image

OUT = image.BUILD / "firmware"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Firmware: compiled, packed, signed, measured."""


@main.command()
@click.option("--board", "boards", multiple=True, type=click.Choice(builder.BOARDS), help="Only this one.")
@click.option("--out", default=OUT, show_default=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--key", "keys", multiple=True, metavar="PLACE=FILE", help="A release key and its place, 0 to 2. Twice.")
@click.option("--root", default=1, show_default=True, help="Version of the root file these keys stand in.")
@click.option("--channel", default=development.CHANNEL, show_default=True)
@click.option("--passphrase-env", metavar="NAME", help="Take the keys' passphrase from this environment variable.")
@click.option("--heap/--no-heap", default=True, show_default=True, help="Measure the heap of each module.")
def build(
    boards: tuple[str, ...],
    out: Path,
    keys: tuple[str, ...],
    root: int,
    channel: str,
    passphrase_env: str | None,
    *,
    heap: bool,
) -> None:
    """Build every file of the boards into OUT/BOARD. Without --key the keys of development sign."""
    who = _signing(keys, root, channel, passphrase_env)
    for board in boards or builder.BOARDS:
        made = builder.build(image.REPOSITORY, board, who)
        told = report.rows(image.REPOSITORY, board, heap=heap)
        made |= {"report.json": report.written(told), "report.txt": ("\n".join(report.lines(told)) + "\n").encode()}
        builder.write(out / board, made)
        _tell(out / board, made)
    builder.write(out / "frozen", image.lean_sources(image.REPOSITORY))


def _tell(folder: Path, made: dict[str, bytes]) -> None:
    click.echo(f"{folder}:")
    for name, content in sorted(made.items()):
        click.echo(f"  {hashlib.sha256(content).hexdigest()[:16]} {len(content):>9,}  {name}")


def _signing(keys: tuple[str, ...], root: int, channel: str, passphrase_env: str | None) -> program.Signing | None:
    if not keys:
        if channel != development.CHANNEL:
            raise click.UsageError("the keys of development sign for the channel develop only: name two keys")
        return None
    pairs = [key.partition("=") for key in keys]
    places = [place for place, _, _ in pairs]
    if len(keys) != 2 or len(set(places)) != 2 or not set(places) <= {"0", "1", "2"}:
        raise click.UsageError("--key PLACE=FILE twice, with different places from 0 to 2")
    try:
        found = [(int(place), signing.load(Path(path), passphrase(passphrase_env))) for place, _, path in pairs]
    except DeviceError as error:
        raise click.ClickException(str(error)) from error
    return program.Signing(tuple(sorted(found, key=lambda one: one[0])), root, channel)


if __name__ == "__main__":
    sys.exit(main())

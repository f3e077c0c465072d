"""Make a signing key, and write what terminals need of it: `python -m tools.release`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from tools.device import typed
from tools.device.errors import DeviceError
from tools.release import by_hand, signing
from tools.release.program import ROOT_BODY, ROOT_MAGIC, ProgramError, root_body

_OPTION = "Give it with --passphrase-env, or run this at a terminal."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Keys that sign configuration, rules, hotlists and programs."""


@main.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--passphrase-env", metavar="NAME", help="Take the passphrase from this environment variable.")
def new(path: Path, passphrase_env: str | None) -> None:
    """Make a key and write it to PATH, under a passphrase."""
    try:
        signer = signing.new_signer()
        signing.save(path, signer, passphrase(passphrase_env, confirm=True))
    except DeviceError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{path}: a key of {signing.BITS} bits")


@main.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="E.g. config-keys.bin.")
@click.option("--passphrase-env", metavar="NAME", help="Take the passphrase from this environment variable.")
def public(paths: tuple[Path, ...], out: Path, passphrase_env: str | None) -> None:
    """Write the public parts of one or two keys, for /config/config-keys.bin of every terminal."""
    if len(paths) > 2:
        raise click.ClickException("a terminal knows two keys at most")
    try:
        moduli = [signing.load(path, passphrase(passphrase_env)).modulus for path in paths]
    except DeviceError as error:
        raise click.ClickException(str(error)) from error
    out.write_bytes(b"".join(moduli))
    click.echo(f"{out}: {len(moduli)} key(s)")


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@main.command()
@click.argument("paths", nargs=3, required=True, type=_FILE)
@click.option("--version", required=True, type=click.IntRange(1, 0xFFFF), help="One above the root file before.")
@click.option("--channel", default="release", show_default=True, help="Which terminals these keys are for.")
@click.option("--epoch", default=0, type=click.IntRange(0, 0xFFFF), help="Lowest epoch under these keys.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="E.g. release-keys.bin.")
@click.option("--passphrase-env", metavar="NAME", help="Take the passphrase from this environment variable.")
def root(
    paths: tuple[Path, Path, Path], version: int, channel: str, epoch: int, out: Path, passphrase_env: str | None
) -> None:
    """Write a root file of three keys. The first is provisioned as it is; `sign` makes a later one count."""
    try:
        keys = [signing.load(path, passphrase(passphrase_env)).modulus for path in paths]
        out.write_bytes(root_body(version, keys, channel=channel, epoch=epoch))
    except (DeviceError, ProgramError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{out}: root {version} of {channel}")


@main.command()
@click.argument("path", type=_FILE)
@click.option("--root", "root_path", required=True, type=_FILE, help="The root file whose keys shall sign.")
@click.option("--until", default=0, type=click.IntRange(0), help="Until when it may be installed, seconds UTC.")
def prepare(path: Path, root_path: Path, until: int) -> None:
    """Take the signatures off a .vfu and put it under another root file; `sign` is next."""
    try:
        path.write_bytes(by_hand.prepared(path.read_bytes(), root_path.read_bytes(), until))
    except ProgramError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{path}: signatures still missing: 2")


@main.command()
@click.argument("path", type=_FILE)
@click.option(
    "--root", "root_path", required=True, type=_FILE, help="The root file in force: of a root, the one before."
)
@click.option("--key", "key_path", required=True, type=_FILE, help="One private key.")
@click.option("--passphrase-env", metavar="NAME", help="Take the passphrase from this environment variable.")
def sign(path: Path, root_path: Path, key_path: Path, passphrase_env: str | None) -> None:
    """Put one signature more onto a .vfu or a root file."""
    content, keys = path.read_bytes(), root_path.read_bytes()
    work = by_hand.signed_root if content[:4] == ROOT_MAGIC and len(content) >= ROOT_BODY else by_hand.signed_program
    try:
        done, missing = work(content, keys, signing.load(key_path, passphrase(passphrase_env)))
    except (DeviceError, ProgramError) as error:
        raise click.ClickException(str(error)) from error
    path.write_bytes(done)
    click.echo(f"{path}: signatures still missing: {missing}" if missing else f"{path}: signed")


def passphrase(environment: str | None, *, confirm: bool = False) -> str:
    """From the environment variable named, else asked for. Raises PassphraseUnfit."""
    if environment is None:
        return typed.passphrase(_OPTION, twice=confirm)
    if environment not in os.environ:
        raise click.ClickException(f"the environment has no {environment}")
    return os.environ[environment]


if __name__ == "__main__":
    main()

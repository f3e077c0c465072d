"""`keys`: make a key file, show its check values, and hand the group key to a terminal's keys.json.

A passphrase comes from a prompt, or from a file descriptor or the environment when an option says so; never from the
command line, which every process can read. Keys are never shown.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from tools.device import typed
from tools.device.errors import DeviceError, KeyFileMissing, KeyFileNotWritten, PassphraseUnfit
from tools.device.output import Output
from tools.issuer import keyfile
from tools.issuer.keys import IssuerKeys

F = TypeVar("F", bound=Callable[..., Any])

_PASSPHRASE_MAX = 1024
_OPTIONS = "Give it with --passphrase-env or --passphrase-fd, or run this at a terminal."


def passphrase_options(command: F) -> F:
    """The two ways around the prompt."""
    by_environment = click.option(
        "--passphrase-env", metavar="NAME", help="Take the passphrase from this environment variable."
    )
    by_descriptor = click.option(
        "--passphrase-fd", type=int, metavar="N", help="Take the passphrase's one line from this file descriptor."
    )
    return by_environment(by_descriptor(command))


def passphrase(environment: str | None, descriptor: int | None, *, twice: bool = False) -> str:
    """From where the options say, else asked for, twice for a new file. Raises PassphraseUnfit."""
    if environment is not None:
        if environment not in os.environ:
            raise PassphraseUnfit(f"the environment has no {environment}", "Set it, or leave the option out.")
        return os.environ[environment]
    if descriptor is not None:
        try:
            with os.fdopen(descriptor, "rb", closefd=False) as file:
                return file.readline(_PASSPHRASE_MAX).rstrip(b"\r\n").decode()
        except (OSError, UnicodeDecodeError):
            raise PassphraseUnfit(f"descriptor {descriptor} gives none", "Name one that is open.") from None
    return typed.passphrase(_OPTIONS, twice=twice)


def opened(path: Path, environment: str | None, descriptor: int | None) -> IssuerKeys:
    """The keys of a file; what is wrong with the file is told before anybody types."""
    keyfile.version_of(path)
    return keyfile.load(path, passphrase(environment, descriptor))


@click.group()
def keys() -> None:
    """The card office's key file."""


_file = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))


@keys.command("new")
@_file
@click.option("--version", type=click.IntRange(1, 255), required=True, help="Stands on every card made with them.")
@passphrase_options
@click.pass_obj
def keys_new(output: Output, file: Path, version: int, passphrase_env: str | None, passphrase_fd: int | None) -> None:
    """Make FILE with five new keys; it must not exist."""
    if file.exists():
        raise KeyFileMissing(f"{file} exists", "A key file is never replaced: cards need it. Name another file.")
    made = keyfile.new_keys(version)
    keyfile.save(file, made, passphrase(passphrase_env, passphrase_fd, twice=True))
    _show(output, file, made)
    output.say("Write the check values down, and keep a copy of the file and its passphrase in two different places.")


@keys.command("show")
@_file
@passphrase_options
@click.pass_obj
def keys_show(output: Output, file: Path, passphrase_env: str | None, passphrase_fd: int | None) -> None:
    """Show version and check values of FILE, never its keys."""
    _show(output, file, opened(file, passphrase_env, passphrase_fd))


@keys.command("group")
@_file
@click.option(
    "--into",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="The terminal's keys.json: its card_group is set, all else stays.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@passphrase_options
@click.pass_obj
def keys_group(
    output: Output, file: Path, into: Path, yes: bool, passphrase_env: str | None, passphrase_fd: int | None
) -> None:
    """Put the group key of FILE into a keys.json."""
    found = opened(file, passphrase_env, passphrase_fd)
    content = _terminal_keys(into)
    value = keyfile.check_value(found.group)
    if content.get("card_group") == found.group.hex():
        output.say(f"{into} has this group key already (check value {value})")
        return
    before = "replaces another one there" if content.get("card_group") else "is new there"
    output.say(f"The group key (check value {value}) will stand in clear in {into}; it {before}.")
    output.say("It opens every Classic and NTAG21x card of the office, and AES cards for reading.")
    if not yes and not click.confirm("Write it?", err=True):
        raise Declined()
    _write_private(into, json.dumps({**content, "card_group": found.group.hex()}, indent=1).encode() + b"\n")
    output.event("group", file=str(into), check=value)
    output.say(f"{into} written; take it off this computer when the terminal has it.")


class Declined(DeviceError):
    """Asked, and the answer was no."""

    code, title, exit_code = "D15", "Nothing was written", 5
    next_step = "Run again and agree, or use --yes."


def _show(output: Output, file: Path, shown: IssuerKeys) -> None:
    values = keyfile.check_values(shown)
    output.event("keys", file=str(file), version=shown.version, check=values)
    output.table(f"{file.name}: version {shown.version}", ("key", "check value"), list(values.items()))


def _terminal_keys(path: Path) -> dict[str, Any]:
    """A keys.json as it is, empty when there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        made_with = "`.venv/bin/python -m tools.bench_switch terminal add`"
        raise KeyFileMissing(f"{path} is no keys.json", f"Make one with {made_with}.")
    return content


def _write_private(path: Path, content: bytes) -> None:
    """Whole or not at all, readable by its owner alone."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise KeyFileNotWritten(f"{path}: {error.strerror or error}") from None

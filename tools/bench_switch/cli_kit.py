"""What the bench switch's commands share: opening the books, one line for an error, tables, the issuer's keys.

Keys are only ever shown by their check value.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import click
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from rich.console import Console
from rich.table import Table
from sqlalchemy.exc import ArgumentError, DataError, SQLAlchemyError

from tools.bench_switch.errors import LedgerError
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.pki import PkiError
from tools.device.errors import DeviceError, PassphraseUnfit
from tools.device.typed import hidden
from tools.issuer import keyfile
from tools.issuer.keys import IssuerKeys

LAST = click.IntRange(1, 1_000_000)  # how many of a list
_DIGITS = 20  # longer is no number of a member, whatever it is


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Faults a person can mend, as one line with a code instead of a traceback."""
    try:
        yield
    except (LedgerError, DeviceError) as error:
        raise click.ClickException(str(error)) from error
    except PkiError as error:
        raise click.ClickException(f"{error} [B05]") from error
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'file'}: {error.strerror or error} [B05]") from error
    except (OverflowError, UnicodeError, DataError) as error:
        # Whatever nobody asked about before: a number no database holds, a text that is none.
        raise click.ClickException("a number is too large, or a text is no UTF-8 or holds a zero byte [B62]") from error
    except ModuleNotFoundError as error:
        raise click.ClickException(f"the Python module {error.name!r} is missing [B06]") from error
    except ArgumentError as error:
        raise click.ClickException(f"not a database URL: {error} [B01]") from error
    except SQLAlchemyError as error:
        cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise click.ClickException(f"the database does not work: {cause} [B02]") from error


@contextlib.contextmanager
def books_of(database: str) -> Iterator[Ledger]:
    """The books behind a URL, closed again."""
    with plain_errors():
        make_folder(database)
        ledger = Ledger(database)
        try:
            yield ledger
        finally:
            ledger.close()


def make_folder(database: str) -> None:
    """The folder an SQLite file lies in."""
    if database.startswith("sqlite:///") and ":memory:" not in database:
        Path(database.removeprefix("sqlite:///").partition("?")[0]).parent.mkdir(parents=True, exist_ok=True)


def new_console() -> Console:
    """Output for people. A name that looks like markup is shown as it is."""
    return Console(highlight=False, markup=False, emoji=False)


def new_table(title: str, *columns: str) -> Table:
    """A table; a column whose name begins with # holds numbers."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column.lstrip("#"), justify="right" if column.startswith("#") else "left")
    return table


def check_value(key_hex: str) -> str:
    """The key check value: first three bytes of CMAC over a zero block."""
    cmac = CMAC(algorithms.AES(bytes.fromhex(key_hex)))
    cmac.update(bytes(16))
    return cmac.finalize()[:3].hex().upper()


def who(text: str) -> str | int:
    """A member as people name one: by number, in whatever digits, or by name."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else text


def passphrase_from(environment: str | None) -> str:
    """From the environment variable named, else asked for. Raises LedgerError."""
    if environment is None:
        try:
            return hidden("Passphrase", "")
        except PassphraseUnfit as error:
            raise LedgerError("B07", f"{error.args[0]}; give it with --passphrase-env") from None
    if environment not in os.environ:
        raise LedgerError("B07", f"the environment has no {environment}")
    return os.environ[environment]


def issuer_keys(path: Path | None, environment: str | None) -> IssuerKeys | None:
    """The keys of the card office's file; its passphrase from the environment variable named, else asked for."""
    if path is None:
        return None
    keyfile.version_of(path)  # what is wrong with the file is told before anybody types
    return keyfile.load(path, passphrase_from(environment))

"""What a person types without echo. Where there is no terminal nobody is there to type, and nothing is read unasked."""

from __future__ import annotations

import getpass
import warnings

import click

from tools.device.errors import PassphraseUnfit


def hidden(text: str, instead: str, *, empty: bool = False) -> str:
    """Raises PassphraseUnfit without a terminal; `instead` is what to do then. `empty`: nothing is an answer, too."""
    default = "" if empty else None
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)  # it comes before anything is read
        try:
            return str(click.prompt(text, default, hide_input=True, show_default=False, err=True))
        except getpass.GetPassWarning:
            click.echo(err=True)
            raise PassphraseUnfit("there is no terminal to type it at", instead) from None


def passphrase(instead: str, *, twice: bool = False) -> str:
    """Asked for, twice for a new file. Raises PassphraseUnfit."""
    first = hidden("Passphrase", instead)
    if twice and hidden("The same again", instead) != first:
        raise PassphraseUnfit("the two differ")
    return first

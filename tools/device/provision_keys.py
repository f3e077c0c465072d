"""Where the secrets of a file come from: its sealed file, a prompt without echo, two components, or the generator.

`secrets` are the commands that keep the sealed file; values go in and never come out, except into a terminal.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from tools.device import components, secret_store
from tools.device.errors import PassphraseUnfit
from tools.device.output import Output
from tools.device.provision_errors import SecretsMissing
from tools.device.secret_store import GROUP, KEYS, SecretStore, key_name
from tools.device.secrets_cli import passphrase, passphrase_options
from tools.device.terminal_file import Entry, TerminalFile
from tools.device.typed import hidden
from tools.issuer.keyfile import check_value

_PATH = click.Path(dir_okay=False, path_type=Path)
_FILE_MAX = 4096


def asked(text: str, *, empty: bool = False) -> str:
    """Typed without echo; without a terminal a line of what is piped in. Raises SecretsMissing.

    `empty`: Enter alone is an answer, which the question says; else it is asked again.
    """
    try:
        return hidden(text, "", empty=empty)
    except PassphraseUnfit:
        for line in sys.stdin or ():
            if empty or line.rstrip("\r\n"):
                return line.rstrip("\r\n")
        raise SecretsMissing(f"{text}: nobody types it", "Run this at a terminal, or pipe a line in.") from None


def value_of(name: str, text: str = "", *, empty: bool = False) -> str:
    """A secret as a person types it now. Raises SecretsMissing: an unfit one is no fault of any file."""
    value = asked(text or name, empty=empty)
    try:
        return secret_store.checked(name, value)
    except SecretsMissing as error:
        raise SecretsMissing(str(error.args[0]), "Nothing was written: run again and type it anew.") from None


def of_file(file: TerminalFile, environment: str | None, descriptor: int | None) -> SecretStore:
    """The secrets a file names: opened, and asked for where it says so."""
    store = SecretStore()
    if file.secrets_file is not None:
        secret_store.looked_at(file.secrets_file)
        store = secret_store.opened(file.secrets_file, passphrase(environment, descriptor))
    typed = {name: value_of(name) for name in file.prompted}
    return store.with_typed(typed)


def completed(entry: Entry, store: SecretStore, output: Output, *, generate: bool, inject: bool) -> None:
    """Make or ask for what is missing of one terminal's keys, and keep it. Raises SecretsMissing, PartsRefused."""
    missing = [name for name in entry.secret_names() if not store.has(name)]
    made: dict[str, str] = {}
    for name in missing:
        own = name.startswith("tid.")
        if inject and (own or name == GROUP):
            made[name] = components.injected(name, asked, output.say).hex()
        elif generate and own:
            made[name] = components.made().hex()
        else:
            way = "Make it with --generate, or inject it with --inject." if own else ""
            raise SecretsMissing(f"{name} is not there", way)
    if not made:
        return
    if store.path is None:
        raise SecretsMissing(
            f"new keys of {entry.tid} would be kept nowhere",
            "Name a file in the YAML file: secrets: {file: secrets.enc}, made with `secrets new`.",
        )
    store.put(made)
    for name, value in made.items():
        output.say(f"{name}: check value {check_value(bytes.fromhex(value))}")


def would_complete(entry: Entry, store: SecretStore, output: Output, *, generate: bool, inject: bool) -> None:
    """The same for a dry run: others take their place in this run's memory, so that the plan can be made."""
    for name in entry.secret_names():
        if not store.has(name) and (inject or generate) and (inject or name != GROUP) and not name.startswith("wifi."):
            output.say(f"would {'inject' if inject else 'make'} {name}")
            store.with_typed({name: components.made().hex()})


@click.group("secrets")
def secrets_group() -> None:
    """The sealed file with the secrets of provisioning."""


@secrets_group.command("new")
@click.argument("file", type=_PATH)
@passphrase_options
@click.pass_obj
def secrets_new(output: Output, file: Path, passphrase_env: str | None, passphrase_fd: int | None) -> None:
    """Make FILE, empty; it must not exist."""
    secret_store.new(file, passphrase(passphrase_env, passphrase_fd, twice=True))
    output.say(f"{file}: made. Keep a copy of it and its passphrase in two different places.")


@secrets_group.command("show")
@click.argument("file", type=_PATH)
@passphrase_options
@click.pass_obj
def secrets_show(output: Output, file: Path, passphrase_env: str | None, passphrase_fd: int | None) -> None:
    """Show the names in FILE and check values, never a value."""
    store = _opened(file, passphrase_env, passphrase_fd)
    rows = [(name, _check(store, name)) for name in store.names()]
    output.event("secrets", file=str(file), check=dict(rows))
    output.table(f"{file.name}: {len(rows)} secrets", ("name", "check value"), rows)


@secrets_group.command("set")
@click.argument("file", type=_PATH)
@click.argument("name")
@click.option("--open", "is_open", is_flag=True, help="An access point without a password: nothing is asked.")
@passphrase_options
@click.pass_obj
def secrets_set(
    output: Output, file: Path, name: str, is_open: bool, passphrase_env: str | None, passphrase_fd: int | None
) -> None:
    """Ask for the value of NAME and keep it in FILE.

    It is typed without echo. NAME is wifi.SSID.psk, or tid.TID.kid.
    """
    secret_store.checked(name, "") if is_open else secret_store.named(name)
    store = _opened(file, passphrase_env, passphrase_fd)
    store.put({name: "" if is_open else value_of(name)})
    output.say(f"{name}: kept")


@secrets_group.command("inject")
@click.argument("file", type=_PATH)
@click.argument("name")
@passphrase_options
@click.pass_obj
def secrets_inject(
    output: Output, file: Path, name: str, passphrase_env: str | None, passphrase_fd: int | None
) -> None:
    """Ask two people for the two parts of a key.

    NAME is card_group, tid.TID.tmk ...; the key is kept in FILE.
    """
    secret_store.named(name)
    store = _opened(file, passphrase_env, passphrase_fd)
    store.put({name: components.injected(name, asked, output.say).hex()})
    output.event("injected", secret=name, check=_check(store, name))


@secrets_group.command("generate")
@click.argument("file", type=_PATH)
@click.argument("name")
@passphrase_options
@click.pass_obj
def secrets_generate(
    output: Output, file: Path, name: str, passphrase_env: str | None, passphrase_fd: int | None
) -> None:
    """Make the key NAME here and keep it in FILE.

    NAME is card_group, tid.TID.tmk ...; it must not be there.
    """
    secret_store.named(name)
    store = _opened(file, passphrase_env, passphrase_fd)
    if store.has(name):
        raise SecretsMissing(f"{name} is there already", "A key in use is not replaced; name another.")
    store.put({name: components.made().hex()})
    output.event("generated", secret=name, check=_check(store, name))
    output.say(f"{name}: check value {_check(store, name)}")


@secrets_group.command("import")
@click.argument("file", type=_PATH)
@click.argument("tid")
@click.argument("keys_file", type=_PATH)
@passphrase_options
@click.pass_obj
def secrets_import(
    output: Output, file: Path, tid: str, keys_file: Path, passphrase_env: str | None, passphrase_fd: int | None
) -> None:
    """Take the keys of terminal TID from KEYS_FILE into FILE.

    KEYS_FILE is as the bench switch's `terminal add` writes it.
    """
    store = _opened(file, passphrase_env, passphrase_fd)
    content = _keys_file(keys_file)
    found = {key_name(tid, name): str(content[name]) for name in (*KEYS, "kid") if content.get(name) not in (None, "")}
    if content.get(GROUP):
        found[GROUP] = str(content[GROUP])
    if not all(key_name(tid, name) in found for name in KEYS):
        raise SecretsMissing(f"{keys_file} lacks one of {', '.join(KEYS)}")
    if store.has(GROUP) and GROUP in found and store.value(GROUP) != found[GROUP].lower():
        raise SecretsMissing(
            f"{keys_file} has another card_group than {file}", "All terminals of a programme share one."
        )
    store.put(found)
    output.event("imported", names=sorted(found))
    output.say(f"{tid}: {len(found)} values kept, tmk {_check(store, key_name(tid, 'tmk'))}. Now delete {keys_file}.")


def _opened(file: Path, environment: str | None, descriptor: int | None) -> SecretStore:
    secret_store.looked_at(file)
    return secret_store.opened(file, passphrase(environment, descriptor))


def _check(store: SecretStore, name: str) -> str:
    """Of a key; a password has none that could be shown."""
    if name == GROUP or (name.startswith("tid.") and not name.endswith(".kid")):
        return check_value(bytes.fromhex(store.value(name)))
    return "-"


def _keys_file(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_FILE_MAX))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict):
        raise SecretsMissing(f"{path} is no keys.json", "Name the file `terminal add` wrote.")
    return content

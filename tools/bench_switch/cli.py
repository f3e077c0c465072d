"""The bench switch on the command line: serve, and keep members, cards, terminals, books and faults.

Every command but `serve` works on the database, also while a switch serves from it. Keys are read from and written to
files; on the screen a key is only ever shown by its check value.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import threading
from pathlib import Path

import click
from rich.markup import escape

from tools.bench_switch.cli_kit import (
    books_of,
    check_value,
    issuer_keys,
    make_folder,
    new_console,
    new_table,
    plain_errors,
    who,
)
from tools.bench_switch.faults import KINDS, Fault
from tools.bench_switch.grants import LEGACY, WAYS
from tools.bench_switch.ledger import LedgerError
from tools.bench_switch.log import NOTE, Entry
from tools.bench_switch.pki import DEFAULT_FOLDER, DEFAULT_SWITCH_NAME
from tools.bench_switch.programme import TIER_NAMES
from tools.bench_switch.server import BenchSwitch

DEFAULT_DATABASE = "sqlite:///build/bench-switch.db"
DEFAULT_PORT = 8583
CARD_GROUP_FILE = "card-group.hex"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--database",
    default=DEFAULT_DATABASE,
    envvar="VAFA_BENCH_DATABASE",
    show_default=True,
    help="SQLAlchemy URL; PostgreSQL works with postgresql+psycopg://... and its driver installed.",
)
@click.pass_context
def main(context: click.Context, database: str) -> None:
    """A loyalty switch for bench and demo: LT-87 over TLS, a double-entry ledger, faults on request."""
    context.obj = database


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=DEFAULT_PORT, show_default=True, help="0 takes a free one.")
@click.option("--pki", "pki_folder", default=str(DEFAULT_FOLDER), show_default=True, help="CA and server certificate.")
@click.option("--name", default=DEFAULT_SWITCH_NAME, show_default=True, help="The name in the certificate.")
@click.option(
    "--issuer-keys",
    "issuer_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The card office's key file; without it no card can prove itself.",
)
@click.option("--passphrase-env", metavar="NAME", help="Take its passphrase from this environment variable.")
@click.option("--quiet", is_flag=True, help="Do not print each message.")
@click.pass_obj
def serve(
    database: str,
    host: str,
    port: int,
    pki_folder: str,
    name: str,
    issuer_file: Path | None,
    passphrase_env: str | None,
    quiet: bool,
) -> None:
    """Serve until Ctrl-C."""
    console = new_console()
    stop = threading.Event()
    with plain_errors():
        make_folder(database)
        keys = issuer_keys(issuer_file, passphrase_env)
        switch = BenchSwitch(database, pki_folder, host, port, switch_name=name, issuer_keys=keys)
        try:
            switch.start()
        except OSError as error:
            raise click.ClickException(
                f"cannot listen on {host}:{port}: {error.strerror or error}; another --port may be free (0 takes any)"
            ) from error
        if not quiet:
            switch.log.listen(lambda entry: console.print(escape(_line(entry))))
        # The handlers are put back, so that this command can be used inside another program.
        before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            console.print(f"listening on [bold]{host}:{switch.port}[/] as {switch.identity.switch_name}")
            console.print(f"CA for the terminal: {switch.identity.ca_der}")
            console.print("Ctrl-C stops")
            stop.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            switch.close()
            console.print("stopped")


def _line(entry: Entry) -> str:
    if entry.direction == NOTE:
        return f"      {entry.terminal_id} {entry.note}"
    arrow = "->" if entry.direction == "in" else "<-"
    shown = [f"rc {entry.fields['39']}"] if "39" in entry.fields else []
    shown += [f"{name} {entry.tags[name]}" for name in ("SEQ", "UID", "POINTS") if name in entry.tags]
    shown += [f"amount {int(entry.fields['4'])}"] if entry.fields.get("4", "").isdigit() else []
    return f"   {arrow} {entry.terminal_id} {entry.mti} {', '.join([*shown, *filter(None, [entry.note])])}"


@main.group()
def member() -> None:
    """Members of the programme."""


@member.command("add")
@click.argument("name")
@click.option("--number", type=int, help="Member number; without it the next free one.")
@click.option("--points", default=0, show_default=True, help="Opening points, booked as a posting.")
@click.option("--tier", type=click.Choice(TIER_NAMES), default="none", show_default=True, help="Tier granted by hand.")
@click.pass_obj
def member_add(database: str, name: str, number: int | None, points: int, tier: str) -> None:
    """Add a member."""
    with books_of(database) as ledger:
        number = ledger.add_member(name, number, points, TIER_NAMES.index(tier))
    click.echo(f"member {number} {name}: {points} points")


@member.command("list")
@click.pass_obj
def member_list(database: str) -> None:
    """List members with cards and points."""
    with books_of(database) as ledger:
        members, balances, ways = ledger.members(), ledger.balances(), ledger.ways()
        cards: dict[int, list[str]] = {}
        for card in ledger.cards():
            marks = [word for word in (ways[card.uid], card.state) if word not in (LEGACY, "active")]
            cards.setdefault(card.member_id, []).append(card.uid + (f" ({', '.join(marks)})" if marks else ""))
    table = new_table(f"{len(members)} members", "number", "name", "cards", "#points")
    for row, points in zip(members, balances.values(), strict=True):
        name = row.name or "(provisional)"
        table.add_row(str(row.member_no or "-"), escape(name), ", ".join(cards.get(row.id, [])), f"{points:,}")
    new_console().print(table)


@main.group()
def card() -> None:
    """Cards and whose they are."""


@card.command("add")
@click.argument("uid")
@click.argument("member")
@click.option(
    "--way", type=click.Choice(WAYS), default=LEGACY, show_default=True, help="sun and relay cards prove themselves."
)
@click.pass_obj
def card_add(database: str, uid: str, member: str, way: str) -> None:
    """Bind card UID (hex) to MEMBER (name or number)."""
    with books_of(database) as ledger:
        ledger.add_card(uid, who(member), way)
    click.echo(f"card {uid.upper()} belongs to {member}, way {way}")


@card.command("way")
@click.argument("uid")
@click.argument("way", type=click.Choice(WAYS))
@click.pass_obj
def card_way(database: str, uid: str, way: str) -> None:
    """Card UID goes this WAY from now on; its counter begins again, so a card wrongly suspected works again."""
    with books_of(database) as ledger:
        ledger.set_way(uid, way)
    click.echo(f"card {uid.upper()} goes the way {way}")


@card.command("block")
@click.argument("uid")
@click.option("--as", "state", type=click.Choice(["lost", "stolen", "active"]), default="lost", show_default=True)
@click.pass_obj
def card_block(database: str, uid: str, state: str) -> None:
    """Block card UID (answers 41 or 43), or make it active again."""
    with books_of(database) as ledger:
        ledger.set_card(uid, state)
    click.echo(f"card {uid.upper()} is {state}")


@main.group()
def terminal() -> None:
    """Terminals and their MAC keys."""


@terminal.command("add")
@click.argument("terminal_id")
@click.option("--merchant", required=True, help="Merchant id, DE42.")
@click.option(
    "--keys",
    "keys_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="JSON file with the keys; when it does not exist it is made with random ones, as a whole keys.json for the "
    "terminal. [default: build/terminals/ID.keys.json]",
)
@click.option("--card-key/--no-card-key", default=True, help="Whether new keys hold the key of the programme's cards.")
@click.pass_obj
def terminal_add(database: str, terminal_id: str, merchant: str, keys_path: Path | None, *, card_key: bool) -> None:
    """Make a terminal known."""
    path = keys_path or Path("build/terminals") / f"{terminal_id}.keys.json"
    with books_of(database) as ledger:
        known = path.exists()
        keys = _read_keys(path) if known else _new_keys()
        card_group = "" if known or not card_key else _card_group(path.parent / CARD_GROUP_FILE)
        ledger.add_terminal(terminal_id, merchant, str(keys["mac_out"]), str(keys["mac_in"]), int(keys["kid"]))
        if not known:
            keys = {**keys, "card_group": card_group, "wifi_psk": ""}
            _write_secret(path, json.dumps(keys, indent=1))
    values = f"{check_value(str(keys['mac_out']))} {check_value(str(keys['mac_in']))}"
    click.echo(f"terminal {terminal_id}: KID {keys['kid']}, check values {values}, keys in {path}")


def _new_keys() -> dict[str, str | int]:
    return {"tmk": secrets.token_hex(16), "kid": 1, "mac_out": secrets.token_hex(16), "mac_in": secrets.token_hex(16)}


def _card_group(path: Path) -> str:
    """The key all cards of the programme are made with, the same in every terminal; made at the first terminal."""
    if not path.exists():
        _write_secret(path, secrets.token_hex(16))
    key = path.read_text().strip()
    if not re.fullmatch("[0-9a-fA-F]{32}", key):
        raise LedgerError(f"{path} does not hold 32 hexadecimal digits")
    return key


def _write_secret(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _read_keys(path: Path) -> dict[str, str | int]:
    try:
        keys = json.loads(path.read_text())
        return {"kid": int(keys["kid"]), "mac_out": str(keys["mac_out"]), "mac_in": str(keys["mac_in"])}
    except (OSError, ValueError, KeyError, TypeError):
        # What was read may be a key: the error says only where it was.
        raise LedgerError(f"{path} does not hold kid, mac_out and mac_in") from None


@terminal.command("list")
@click.pass_obj
def terminal_list(database: str) -> None:
    """List terminals; keys are shown by their check values."""
    with books_of(database) as ledger:
        rows = ledger.terminals()
    table = new_table(f"{len(rows)} terminals", "id", "merchant", "#KID", "out", "in", "#highest SEQ", "state")
    for row in rows:
        checks = (check_value(row.mac_out), check_value(row.mac_in))
        state = "blocked" if row.blocked else "active"
        table.add_row(row.terminal_id, row.merchant_id, str(row.kid), *checks, str(row.high_seq), state)
    new_console().print(table)


@terminal.command("block")
@click.argument("terminal_id")
@click.option("--off", is_flag=True, help="Let it work again.")
@click.pass_obj
def terminal_block(database: str, terminal_id: str, off: bool) -> None:
    """Answer 58 to everything from this terminal."""
    with books_of(database) as ledger:
        ledger.block_terminal(terminal_id, not off)
    click.echo(f"terminal {terminal_id} is {'active' if off else 'blocked'}")


@main.group()
def ledger() -> None:
    """The books."""


@ledger.command("show")
@click.option("--member", help="Only this member's postings (name or number).")
@click.option("--last", default=20, show_default=True, help="How many transactions.")
@click.pass_obj
def ledger_show(database: str, member: str | None, last: int) -> None:
    """Show the last transactions, the accounts and the balances."""
    console = new_console()
    with books_of(database) as books:
        if member is not None:
            table = new_table(f"postings of {member}", "#transaction", "#points")
            for posting in books.postings(who(member)):
                table.add_row(str(posting.transaction_id), f"{posting.points:+,}")
            console.print(table)
            console.print(f"balance {books.balance(who(member)):,}")
            return
        table = new_table("transactions", "#id", "terminal", "#SEQ", "MTI", "verb", "UID", "#amount", "#points", "rc")
        for row in books.transactions(last=last):
            texts = (row.terminal_id or "office", str(row.seq or ""), row.mti, row.verb, row.uid)
            table.add_row(str(row.id), *texts, f"{row.amount:,}", f"{row.points:+,}", row.rc)
        console.print(table)
        for account, points in books.accounts().items():
            console.print(f"{account:10} {points:+,}")


@ledger.command("check")
@click.pass_obj
def ledger_check(database: str) -> None:
    """Check the books; exit code 1 when something is wrong."""
    with books_of(database) as books:
        problems = books.check()
        count = len(books.transactions())
    for problem in problems:
        click.echo(problem, err=True)
    if problems:
        raise click.ClickException(f"{len(problems)} problems in {count} transactions")
    click.echo(f"{count} transactions: right")


@main.group()
def fault() -> None:
    """Faults the serving switch shall make."""


@fault.command("set", epilog="Kinds: " + "; ".join(f"{kind}: {text}" for kind, text in KINDS.items()))
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--count", default=1, show_default=True, help="For so many requests.")
@click.option("--mti", help="Only for this message type, e.g. 0200.")
@click.option("--when", type=click.Choice(["before", "after"]), default="after", show_default=True, help="Booking.")
@click.option("--ms", default=0, help="late: delay.")
@click.option("--rc", default="96", show_default=True, help="refuse: response code.")
@click.option("--bytes", "n", default=0, help="close_after_bytes, garbage: how many.")
@click.option("--seconds", default=86_400, show_default=True, help="wrong_clock: offset.")
@click.pass_obj
def fault_set(
    database: str, kind: str, count: int, mti: str | None, when: str, ms: int, rc: str, n: int, seconds: int
) -> None:
    """Let the next requests meet the fault KIND."""
    with books_of(database) as books:
        books.script_fault(Fault(kind, count, mti, when, ms, rc, n, seconds))
    click.echo(f"the next {count} {mti or 'request'}(s): {kind}")


@fault.command("list")
@click.pass_obj
def fault_list(database: str) -> None:
    """List the faults that wait."""
    with books_of(database) as books:
        waiting = books.scripted_faults()
    for one in waiting:
        click.echo(f"{one.count} x {one.kind} on {one.mti or 'any request'}")
    if not waiting:
        click.echo("none")


@fault.command("clear")
@click.pass_obj
def fault_clear(database: str) -> None:
    """Forget all faults that wait."""
    with books_of(database) as books:
        books.clear_faults()
    click.echo("none")

"""The bench switch on the command line: serve, and keep members, cards, terminals, books and faults.

Every command but `serve` works on the database, also while a switch serves from it. Keys are read from and written to
files; on the screen a key is only ever shown by its check value.
"""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import click

from tools.bench_switch.answers import answer
from tools.bench_switch.cli_allowances import allowance
from tools.bench_switch.cli_batches import batch
from tools.bench_switch.cli_disputes import dispute
from tools.bench_switch.cli_downloads import config, hotlist, published, rules, serving_rules
from tools.bench_switch.cli_flags import staff_flags
from tools.bench_switch.cli_keychange import terminal
from tools.bench_switch.cli_kit import (
    LAST,
    books_of,
    issuer_keys,
    make_folder,
    new_console,
    new_table,
    plain_errors,
    who,
)
from tools.bench_switch.cli_letters import letters
from tools.bench_switch.cli_office import card
from tools.bench_switch.cli_perks import offer, voucher
from tools.bench_switch.cli_programs import program
from tools.bench_switch.cli_remarks import remark, survey
from tools.bench_switch.cli_sms import sms
from tools.bench_switch.cli_standing import member
from tools.bench_switch.database import is_shared
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.faults import KINDS, Fault
from tools.bench_switch.keyed import shown
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.page.server import DEFAULT_PORT as PAGE_PORT
from tools.bench_switch.page.server import Page
from tools.bench_switch.pki import DEFAULT_FOLDER, DEFAULT_SWITCH_NAME
from tools.bench_switch.server import BenchSwitch, wall_clock
from tools.bench_switch.workers import Workers

DEFAULT_DATABASE = "sqlite:///build/bench-switch.db"
DEFAULT_PORT = 8583
PORT = click.IntRange(0, 65_535)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--database",
    default=DEFAULT_DATABASE,
    envvar="VAFA_BENCH_DATABASE",
    show_default=True,
    help="SQLAlchemy URL: sqlite:///FILE, or postgresql://USER@HOST/NAME for many terminals.",
)
@click.pass_context
def main(context: click.Context, database: str) -> None:
    """A loyalty switch for bench and demo: LT-87 over TLS, a double-entry ledger, faults on request."""
    context.obj = database


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=PORT, default=DEFAULT_PORT, show_default=True, help="0 takes a free one.")
@click.option("--pki", "pki_folder", default=str(DEFAULT_FOLDER), show_default=True, help="CA and server certificate.")
@click.option("--name", default=DEFAULT_SWITCH_NAME, show_default=True, help="The name in the certificate.")
@click.option(
    "--issuer-keys",
    "issuer_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The card office's key file; without it no card can prove itself.",
)
@click.option("--passphrase-env", metavar="NAME", help="Take its passphrase from this environment variable.")
@click.option(
    "--rules",
    "rules_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Compute by this rules file (TOML or JSON) instead of the defaults.",
)
@click.option(
    "--config-key",
    "key_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Publish it with this private key file first, so that terminals load it.",
)
@click.option("--config-passphrase-env", metavar="NAME", help="Take that file's passphrase from this variable.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes on the port; more than 1 needs PostgreSQL.",
)
@click.option(
    "--page",
    "page_port",
    type=PORT,
    is_flag=False,
    flag_value=PAGE_PORT,
    metavar="[PORT]",
    help=f"Serve a page for the office on this machine as well; 0 takes a free port. [without PORT: {PAGE_PORT}]",
)
@click.option("--ask-clients", is_flag=True, help="Let in only terminals with a certificate of this CA.")
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
    rules_path: Path | None,
    key_file: Path | None,
    config_passphrase_env: str | None,
    workers: int,
    page_port: int | None,
    ask_clients: bool,
    quiet: bool,
) -> None:
    """Serve until Ctrl-C."""
    console = new_console()
    stop = threading.Event()
    with plain_errors():
        make_folder(database)
        keys = issuer_keys(issuer_file, passphrase_env)
        programme = serving_rules(database, rules_path, key_file, config_passphrase_env, workers)
        switch: BenchSwitch | Workers
        if workers == 1:
            switch = BenchSwitch(
                database,
                pki_folder,
                host,
                port,
                switch_name=name,
                programme=programme,
                issuer_keys=keys,
                ask_clients=ask_clients,
            )
        else:
            switch = Workers(database, workers, pki_folder, host, port, switch_name=name, issuer_keys=keys)
            switch.ask_clients = ask_clients
        if not quiet:
            switch.listen(console.print)
        if page_port is not None and isinstance(switch, Workers):
            switch.keep_log()
        try:
            switch.start()
        except (OSError, ValueError) as error:  # an address in use, or a name that cannot be one
            raise click.ClickException(
                f"cannot listen on {host!r} port {port}: {getattr(error, 'strerror', None) or error}; "
                "another --port may be free (0 takes any) [B04]"
            ) from error
        # The handlers are put back, so that this command can be used inside another program.
        page: Page | None = None
        before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            console.print(f"listening on {host}:{switch.port} as {switch.identity.switch_name}")
            console.print(f"CA for the terminal: {switch.identity.ca_der}")
            if page_port is not None:
                page = _page_of(switch, database, page_port)
                console.print(f"page: {page.url}", soft_wrap=True)
            console.print("Ctrl-C stops")
            while not stop.wait(0.5):
                if isinstance(switch, Workers) and switch.failed.is_set():
                    raise LedgerError("B04", "a worker ends again and again; its last words stand above")
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            if page is not None:
                page.close()
                page.ledger.close()
            switch.close()
            console.print("stopped")


def _page_of(switch: BenchSwitch | Workers, database: str, port: int) -> Page:
    """The page, served; beside workers it has the books open itself, as each of them has."""
    books = switch.ledger if isinstance(switch, BenchSwitch) else Ledger(database)
    kind = "PostgreSQL" if is_shared(database) else "SQLite"
    about = {"terminals at": f"{switch.host}:{switch.port}", "books in": kind}
    page = Page(books, switch.log, wall_clock, about)
    try:
        page.start(port)
    except OSError as error:
        books.close()
        raise LedgerError("B04", f"the page cannot be served on port {port}: {error.strerror or error}") from error
    return page


main.add_command(member)
main.add_command(card)
main.add_command(terminal)
main.add_command(batch)
main.add_command(letters)
main.add_command(sms)
main.add_command(remark)
main.add_command(dispute)
main.add_command(offer)
main.add_command(voucher)
main.add_command(survey)
main.add_command(config)
main.add_command(rules)
main.add_command(hotlist)
main.add_command(published)
main.add_command(program)
main.add_command(answer)
main.add_command(staff_flags)
main.add_command(allowance)


@main.group()
def ledger() -> None:
    """The books."""


@ledger.command("show")
@click.option("--member", help="Only this member's postings (name or number).")
@click.option("--last", default=20, show_default=True, type=LAST, help="How many transactions.")
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
            texts = (row.terminal_id or "office", str(row.seq or ""), row.mti, row.verb, shown(row.uid))
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
        raise click.ClickException(f"{len(problems)} problems in {count} transactions [B50]")
    click.echo(f"{count} transactions: right")


@main.group()
def fault() -> None:
    """Faults the serving switch shall make."""


@fault.command("set", epilog="Kinds: " + "; ".join(f"{kind}: {text}" for kind, text in KINDS.items()))
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--count", default=1, show_default=True, help="For so many requests.")
@click.option("--mti", help="Only for this message type, e.g. 0200.")
@click.option("--terminal", help="Only for this terminal (DE41).")
@click.option("--when", type=click.Choice(["before", "after"]), default="after", show_default=True, help="Booking.")
@click.option("--ms", default=0, help="late: delay.")
@click.option("--rc", default="96", show_default=True, help="refuse: response code.")
@click.option("--bytes", "n", default=0, help="close_after_bytes, garbage, garble: how many.")
@click.option("--seconds", default=86_400, show_default=True, help="wrong_clock: offset.")
@click.pass_obj
def fault_set(
    database: str,
    kind: str,
    count: int,
    mti: str | None,
    terminal: str | None,
    when: str,
    ms: int,
    rc: str,
    n: int,
    seconds: int,
) -> None:
    """Let the next requests meet the fault KIND."""
    with books_of(database) as books:
        books.script_fault(Fault(kind, count, mti, when, ms, rc, n, seconds, terminal))
    click.echo(f"the next {count} {mti or 'request'}(s){f' of {terminal}' if terminal else ''}: {kind}")


@fault.command("list")
@click.pass_obj
def fault_list(database: str) -> None:
    """List the faults that wait."""
    with books_of(database) as books:
        waiting = books.scripted_faults()
    for one in waiting:
        place = f" of {one.terminal}" if one.terminal else ""
        click.echo(f"{one.count} x {one.kind} on {one.mti or 'any request'}{place}")
    if not waiting:
        click.echo("none")


@fault.command("clear")
@click.pass_obj
def fault_clear(database: str) -> None:
    """Forget all faults that wait."""
    with books_of(database) as books:
        books.clear_faults()
    click.echo("none")

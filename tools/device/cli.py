"""The command line of the device tool: its groups, its exit codes, and the personalise commands.

Exit codes: 0 done, 2 usage, 3 no card or port, 4 no answer, 5 refused for safety, 6 card, flash or journal not as it
should be, 7 passphrase or keys do not fit, 8 batch or capture only partly done, 9 input file, 130 interrupted.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from tools.device import report as results
from tools.device.accept import accept
from tools.device.backup import backup
from tools.device.batch import Batch
from tools.device.batch_terminals import batch as batch_command
from tools.device.card_kinds import FAMILIES, Stage
from tools.device.console import console
from tools.device.contact import DEBUG, LANGUAGES, Contact
from tools.device.crash import crash
from tools.device.decommission import decommission
from tools.device.ecr_test import ecr_test
from tools.device.errors import DeviceError, ReportUnfit
from tools.device.export import export
from tools.device.flash import flash
from tools.device.health import health
from tools.device.images import images
from tools.device.info import info
from tools.device.journal import journal
from tools.device.label import label_command
from tools.device.listing import list_command
from tools.device.logs import logs
from tools.device.members import MEMBER_MAX, read_list
from tools.device.output import Output
from tools.device.partition import partition
from tools.device.personalise import PersonalisationDesk, Plan, Wish
from tools.device.probing import Answers
from tools.device.provision import provision
from tools.device.provision_keys import secrets_group
from tools.device.reader import CardRelay
from tools.device.repl import repl
from tools.device.replace import replace
from tools.device.report import Report
from tools.device.secrets_cli import Declined, keys, opened, passphrase_options
from tools.device.support_bundle import bundle
from tools.device.terminal import connect
from tools.device.update import update
from tools.device.verify import verify
from tools.device.wipe import wipe
from tools.issuer.keys import IssuerKeys

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

DEFAULT_REPORT = Path("build/cards.jsonl")
DEFAULT_WAIT_S = 60


@contextlib.contextmanager
def _ended_as_by_a_person() -> Iterator[None]:
    """SIGTERM and SIGHUP take the way out of Ctrl-C: whoever stopped a terminal has it sell again."""

    def interrupted(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    wanted = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        # One that is ignored was ignored on purpose: nohup.
        before = {number: signal.getsignal(number) for number in wanted}
        before = {number: was for number, was in before.items() if was is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, interrupted)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)


class _Commands(click.Group):
    """Errors as one line with their exit code; a traceback only with --debug."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            with _ended_as_by_a_person():
                return super().invoke(ctx)
        except DeviceError as error:
            if ctx.meta.get(DEBUG):
                raise
            ctx.obj.fail(error)
            ctx.exit(error.exit_code)
        except (KeyboardInterrupt, click.exceptions.Abort):
            click.echo("interrupted", err=True)
            ctx.exit(130)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
@click.option("--debug", is_flag=True, help="Show where an error came from.")
@click.option("--lang", type=click.Choice(LANGUAGES), default="en", show_default=True, help="Of the terminal's texts.")
@click.pass_context
def main(context: click.Context, as_json: bool, debug: bool, lang: str) -> None:
    """Work with a terminal that is connected to this computer.

    Begin with `list`. COMMAND --help tells what a command does to a terminal that sells; a line that ends in a code
    such as [D71] is explained in docs/troubleshooting.md.
    """
    context.meta[DEBUG] = debug
    context.obj = Output(as_json)
    context.default_map = {name: {"lang": lang} for name in main.commands}


main.add_command(accept)
main.add_command(ecr_test)
main.add_command(console)
main.add_command(repl)
main.add_command(keys)
main.add_command(secrets_group)
main.add_command(provision)
main.add_command(batch_command)
main.add_command(label_command)
main.add_command(backup)
main.add_command(bundle)
main.add_command(crash)
main.add_command(decommission)
main.add_command(export)
main.add_command(health)
main.add_command(logs)
main.add_command(replace)
main.add_command(list_command)
main.add_command(info)
main.add_command(flash)
main.add_command(verify)
main.add_command(images)
main.add_command(journal)
main.add_command(update)
main.add_command(partition)
main.add_command(wipe)


@main.group()
def personalise() -> None:
    """Make members' cards through a terminal's reader."""


@dataclass(frozen=True)
class _Way:
    """To the card and its keys, as the options say."""

    port: str
    maintenance: bool
    yes: bool
    key_file: Path
    passphrase_env: str | None
    passphrase_fd: int | None
    url_host: str

    def open(self) -> IssuerKeys:
        return opened(self.key_file, self.passphrase_env, self.passphrase_fd)

    def may_go(self, output: Output, *, dry_run: bool) -> bool:
        """Whether the terminal's reader may be used; a dry run tells of one that sells and lets it. Raises Declined."""
        if self.maintenance or dry_run:
            contact = Contact(output, port=self.port, yes=self.yes, dry_run=dry_run)
            found = contact.one(Answers.APPLICATION, Answers.PROMPT)
            if dry_run and found.answers is Answers.APPLICATION:
                contact.told_only(found, "with --maintenance it would be stopped, lend its reader, and sell again")
                return False
            contact.may_stop(found, ", use its reader, and have it sell again")
        return True


def _way_options(command: F) -> F:
    options = (
        click.option("--port", required=True, help="The terminal's serial port."),
        click.option(
            "--maintenance",
            is_flag=True,
            help="Stop a terminal that sells, after a question; it sells again at the end.",
        ),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option(
            "--keys", "key_file", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Key file."
        ),
        click.option(
            "--url-host",
            default="",
            envvar="VAFA_URL_HOST",
            help="Host name in the URL of an NTAG 424 DNA, which phones open.",
        ),
        passphrase_options,
    )
    for option in reversed(options):
        command = option(command)
    return command


def _write_options(command: F) -> F:
    options = (
        click.option("--dry-run", is_flag=True, help="Show the plan and write nothing, neither card nor report."),
        click.option("--reassign", is_flag=True, help="A card may change its member."),
        click.option("--overwrite", is_flag=True, help="Other data on the card may be lost."),
        click.option(
            "--report",
            "report_path",
            type=click.Path(dir_okay=False, path_type=Path),
            default=DEFAULT_REPORT,
            show_default=True,
            help="Gets a line for each card, with its whole UID.",
        ),
        _timeout,
    )
    for option in reversed(options):
        command = option(command)
    return command


_timeout = click.option(
    "--timeout",
    "wait_s",
    type=click.FloatRange(0),
    default=DEFAULT_WAIT_S,
    show_default=True,
    help="Seconds for a card.",
)


def _at_desk(
    output: Output,
    way: _Way,
    report_path: Path | None,
    work: Callable[[PersonalisationDesk], Coroutine[Any, Any, T]],
    *,
    dry_run: bool = False,
) -> T | None:
    """Open the keys, the report and the terminal, do the work, and leave the field off whatever happens. None: a dry
    run, and a terminal that sells."""
    issuer = way.open()
    report = Report(report_path, issuer.version)
    if not way.may_go(output, dry_run=dry_run):
        return None
    relay = CardRelay(connect(way.port, maintenance=way.maintenance))
    try:
        desk = PersonalisationDesk(relay, issuer, way.url_host, report, output.say, asyncio.sleep)

        async def started() -> T:
            await relay.start()
            return await work(desk)

        return asyncio.run(started())
    finally:
        relay.close()


def _agreed(output: Output, key_version: int, yes: bool) -> Callable[[Plan], bool]:
    def ask(plan: Plan) -> bool:
        output.plan(plan, key_version)
        return yes or click.confirm("Write this?", err=True)

    return ask


@personalise.command("card")
@click.argument("member", type=click.IntRange(1, MEMBER_MAX))
@click.option("--family", type=click.Choice(FAMILIES), default=None, help="Take no other kind of card.")
@_way_options
@_write_options
@click.pass_obj
def personalise_card(
    output: Output,
    member: int,
    family: str | None,
    dry_run: bool,
    reassign: bool,
    overwrite: bool,
    report_path: Path,
    wait_s: float,
    **options: Any,
) -> None:
    """Make the card on the reader MEMBER's."""
    wish, way = Wish(member, family or "", reassign, overwrite), _Way(**options)

    async def work(desk: PersonalisationDesk) -> str:
        output.say(f"Lay the card for member {member} on the reader.")
        found = await desk.wait_card(wait_s)
        if dry_run:
            output.plan(await desk.plan(found, wish), desk.key_version)
            return ""
        return await desk.fulfil(found, wish, wait_s, _agreed(output, desk.key_version, way.yes))

    result = _at_desk(output, way, None if dry_run else report_path, work, dry_run=dry_run)
    if result is None:
        return
    if result == results.REFUSED:
        raise Declined()
    output.event("result", member=member, result=result or "planned")
    output.say(f"member {member}: {result}" if result else "dry run: nothing was written")


@personalise.command("batch")
@click.argument("members", type=click.Path(dir_okay=False, path_type=Path))
@_way_options
@_write_options
@click.pass_obj
def personalise_batch(
    output: Output,
    members: Path,
    dry_run: bool,
    reassign: bool,
    overwrite: bool,
    report_path: Path,
    wait_s: float,
    **options: Any,
) -> None:
    """Make a card for each row of MEMBERS.

    A CSV file with member, family and name; the cards are tapped one after the other.
    """
    rows, way = read_list(members), _Way(**options)

    async def work(desk: PersonalisationDesk) -> Batch:
        batch = Batch(desk, rows, output, wait_s, reassign=reassign, overwrite=overwrite)
        await batch.run(dry_run=dry_run, agree=_agreed(output, desk.key_version, way.yes))
        return batch

    kept = report_path if report_path.exists() or not dry_run else None
    batch = _at_desk(output, way, kept, work, dry_run=dry_run)
    if batch is None:
        return
    batch.summary()
    if batch.open_rows and not dry_run:
        sys.exit(8)


@personalise.command("verify")
@_way_options
@_timeout
@click.pass_obj
def personalise_verify(output: Output, wait_s: float, **way: Any) -> None:
    """Tell what the card on the reader is; writes nothing."""

    async def work(desk: PersonalisationDesk) -> None:
        state, problem = await desk.judge(await desk.wait_card(wait_s))
        output.card(state, "yes" if state.stage is Stage.DONE and problem is None else "no")
        if problem is not None:
            raise problem

    _at_desk(output, _Way(**way), None, work)


@personalise.command("finished")
@click.argument("report", type=click.Path(dir_okay=False, path_type=Path), default=DEFAULT_REPORT)
@click.option(
    "--aes-way",
    type=click.Choice(["sun", "group", "relay"]),
    help="How the shop's terminals read AES cards (their setting aes_way). [default: sun for what can, else relay]",
)
def personalise_finished(report: Path, aes_way: str | None) -> None:
    """What the switch shall know of the cards made.

    A line `UID MEMBER --way WAY` for each finished card of REPORT.
    """
    if not report.exists():
        raise ReportUnfit(f"{report} is not there")
    for line in Report(report, 0).finished():
        of_aes = line["way"] in ("sun", "relay")
        # A DESFire has no SUN; under that way it is known as a relay card and earns.
        way = aes_way if of_aes and aes_way and not (aes_way == "sun" and line["way"] == "relay") else line["way"]
        click.echo(f"{line['uid']} {line['member']} --way {way}")

"""The office on the command line: members, their cards, and reading whole lists in."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

import click

from tools.bench_switch.cli_kit import LAST, books_of, new_console, new_table, who
from tools.bench_switch.cli_members import profile, referrals
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.grants import LEGACY, WAYS
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.office import Entry
from tools.bench_switch.outbox import LANGUAGES, PERSIAN, masked_mobile
from tools.bench_switch.programme import TIER_NAMES
from tools.bench_switch.server import wall_clock

ACTIVE, LOST, STOLEN = "active", "lost", "stolen"
COLUMNS = ("number", "name", "points", "tier", "uid", "way")


@click.group()
def member() -> None:
    """Members of the programme."""


_LANGUAGE = click.option(
    "--language", type=click.Choice(LANGUAGES), default=PERSIAN, show_default=True, help="Of text messages."
)


@member.command("add")
@click.argument("name")
@click.option("--number", type=int, help="Member number; without it the next free one.")
@click.option("--points", default=0, show_default=True, help="Opening points, booked as a posting.")
@click.option("--tier", type=click.Choice(TIER_NAMES), default="none", show_default=True, help="Tier granted by hand.")
@click.option("--mobile", default="", help="Where text messages go; without it the member gets none.")
@_LANGUAGE
@click.pass_obj
def member_add(
    database: str, name: str, number: int | None, points: int, tier: str, mobile: str, language: str
) -> None:
    """Add a member."""
    with books_of(database) as ledger:
        number = ledger.add_member(name, number, points, TIER_NAMES.index(tier), mobile=mobile, language=language)
    click.echo(f"member {number} {name}: {points} points")


# A negative number is no option.
@member.command("points", context_settings={"ignore_unknown_options": True})
@click.argument("member")
@click.argument("points", type=int)
@click.option("--reason", required=True, help="Kept beside the booking.")
@click.pass_obj
def member_points(database: str, member: str, points: int, reason: str) -> None:
    """Give MEMBER (name or number) POINTS, or take some: a negative number takes."""
    with books_of(database) as ledger:
        balance = ledger.adjust(who(member), points, reason, wall_clock())
    click.echo(f"{member}: {points:+,} points, {balance:,} now")


@member.command("contact")
@click.argument("member")
@click.option("--mobile", default="", help="Without it the member gets no messages any more.")
@_LANGUAGE
@click.pass_obj
def member_contact(database: str, member: str, mobile: str, language: str) -> None:
    """Say where MEMBER (name or number) gets text messages, and in which language."""
    with books_of(database) as ledger:
        ledger.set_contact(who(member), mobile, language)
        contact = ledger.contact(who(member))
    click.echo(f"{member}: {f'{masked_mobile(contact.mobile)}, {contact.language}' if contact else 'no messages'}")


@member.command("list")
@click.pass_obj
def member_list(database: str) -> None:
    """List members with cards and points."""
    with books_of(database) as ledger:
        members, balances = ledger.members(), ledger.balances()
        cards = _cards_by_member(ledger)
    table = new_table(f"{len(members)} members", "number", "name", "cards", "#points")
    for row, points in zip(members, balances.values(), strict=True):
        name = row.name or ("(provisional)" if row.provisional else "(no name)")
        table.add_row(str(row.member_no or "-"), name, ", ".join(cards.get(row.id, [])), f"{points:,}")
    new_console().print(table)


@member.command("show")
@click.argument("member")
@click.option("--last", default=10, show_default=True, type=LAST, help="How many transactions.")
@click.pass_obj
def member_show(database: str, member: str, last: int) -> None:
    """Show MEMBER (name or number): standing, cards and the last transactions."""
    with books_of(database) as ledger:
        standing = ledger.standing(who(member))
        row = ledger.member(who(member))
        cards = _cards_by_member(ledger).get(row.id, [])
        transactions = ledger.transactions(member=row.id, last=last)
        reasons = ledger.reasons(one.id for one in transactions)
        contact = ledger.contact(who(member))
    console = new_console()
    console.print(f"member {standing.member_no} {standing.name}: {standing.balance:,} points")
    last_visit = standing.last_visit or "never"
    console.print(f"tier {TIER_NAMES[standing.tier]}, {standing.visits} visits, the last {last_visit}")
    console.print(f"cards: {', '.join(cards) or 'none'}")
    if contact is not None:
        console.print(f"messages to {masked_mobile(contact.mobile)}, language {contact.language}")
    head = ("#id", "terminal", "#SEQ", "verb", "#points", "rc", "reason")
    table = new_table(f"last {len(transactions)} transactions", *head)
    for one in transactions:
        texts = (one.terminal_id or "office", str(one.seq or ""), one.verb, f"{one.points:+,}", one.rc)
        table.add_row(str(one.id), *texts, reasons.get(one.id, ""))
    console.print(table)


@member.command("import")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_obj
def member_import(database: str, file: Path) -> None:
    """Read a member list in, all of FILE or nothing; doing it again changes nothing.

    CSV with a heading line: number,name and, as wanted, points,tier,uid,way. A member with several cards has several
    lines. Points are booked for members that are new, never again.
    """
    with books_of(database) as ledger:
        taken = ledger.take_in(_entries(file))
    click.echo(
        f"{taken.members} members and {taken.cards} cards new, {taken.changed} members changed, "
        f"{taken.unchanged} lines without news"
    )


member.add_command(profile)
member.add_command(referrals)


def _entries(file: Path) -> Iterator[Entry]:
    """The lines of a list. Raises LedgerError that names the line."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines, strict=True)
        try:
            columns = reader.fieldnames or []
            if not {"number", "name"} <= set(columns) or not set(columns) <= set(COLUMNS):
                raise LedgerError("B40", f"{file}: the first line must name the columns {','.join(COLUMNS)}")
            for line in reader:
                yield _entry(line, f"{file} line {reader.line_num}")
        except (csv.Error, UnicodeDecodeError) as error:
            raise LedgerError("B40", f"{file} after line {reader.line_num}: {error}") from error


def _entry(line: dict[str, str], place: str) -> Entry:
    if None in line or None in line.values():
        raise LedgerError("B40", f"{place}: not as many values as columns")
    numbers = {}
    for name in ("number", "points"):
        text = (line.get(name) or "").strip()
        if not re.fullmatch("[0-9]{0,20}", text) or (name == "number" and not text):
            raise LedgerError("B40", f"{place}: {name} is no whole number")
        numbers[name] = int(text or 0)
    tier = (line.get("tier") or TIER_NAMES[0]).strip()
    if tier not in TIER_NAMES:
        raise LedgerError("B40", f"{place}: tier is {', '.join(TIER_NAMES)}")
    return Entry(
        numbers["number"],
        line["name"].strip(),
        numbers["points"],
        TIER_NAMES.index(tier),
        (line.get("uid") or "").strip(),
        (line.get("way") or LEGACY).strip(),
        place,
    )


def _cards_by_member(ledger: Ledger) -> dict[int, list[str]]:
    """Each member's cards with what is not usual about them."""
    ways, cards = ledger.ways(), {}
    for one in ledger.cards():
        marks = [word for word in (ways[one.uid], one.state) if word not in (LEGACY, ACTIVE)]
        cards.setdefault(one.member_id, []).append(one.uid + (f" ({', '.join(marks)})" if marks else ""))
    return cards


@click.group()
def card() -> None:
    """Cards and whose they are."""


def _bind(database: str, uid: str, member: str, way: str) -> None:
    with books_of(database) as ledger:
        ledger.add_card(uid, who(member), way)
    click.echo(f"card {uid.upper()} belongs to {member}, way {way}")


_WAY = click.option(
    "--way", type=click.Choice(WAYS), default=LEGACY, show_default=True, help="sun and relay cards prove themselves."
)


@card.command("bind")
@click.argument("uid")
@click.argument("member")
@_WAY
@click.pass_obj
def card_bind(database: str, uid: str, member: str, way: str) -> None:
    """Bind card UID (hex) to MEMBER (name or number)."""
    _bind(database, uid, member, way)


@card.command("add")
@click.argument("uid")
@click.argument("member")
@_WAY
@click.pass_obj
def card_add(database: str, uid: str, member: str, way: str) -> None:
    """The same as bind."""
    _bind(database, uid, member, way)


@card.command("move")
@click.argument("uid")
@click.argument("member")
@click.pass_obj
def card_move(database: str, uid: str, member: str) -> None:
    """Give card UID to MEMBER from now on; what a nameless member earned with it comes along."""
    with books_of(database) as ledger:
        points = ledger.move_card(uid, who(member))
    click.echo(f"card {uid.upper()} belongs to {member} now, {points} points came along")


@card.command("way")
@click.argument("uid")
@click.argument("way", type=click.Choice(WAYS))
@click.pass_obj
def card_way(database: str, uid: str, way: str) -> None:
    """Card UID goes this WAY from now on; its counter begins again, so a card wrongly suspected works again."""
    with books_of(database) as ledger:
        ledger.set_way(uid, way)
    click.echo(f"card {uid.upper()} goes the way {way}")


def _set_state(database: str, uid: str, state: str) -> None:
    with books_of(database) as ledger:
        ledger.set_card(uid, state)
    click.echo(f"card {uid.upper()} is {state}")


@card.command("block")
@click.argument("uid")
@click.option("--as", "state", type=click.Choice([LOST, STOLEN, ACTIVE]), default=LOST, show_default=True)
@click.pass_obj
def card_block(database: str, uid: str, state: str) -> None:
    """Put card UID on the hotlist (answers 41 or 43)."""
    _set_state(database, uid, state)


@card.command("unblock")
@click.argument("uid")
@click.pass_obj
def card_unblock(database: str, uid: str) -> None:
    """Take card UID from the hotlist."""
    _set_state(database, uid, ACTIVE)


@card.command("hotlist")
@click.pass_obj
def card_hotlist(database: str) -> None:
    """List the cards that get nothing: UID, why, whose."""
    with books_of(database) as ledger:
        names = {row.id: row.name or "(provisional)" for row in ledger.members()}
        blocked = [one for one in ledger.cards() if one.state != ACTIVE]
    for one in blocked:
        click.echo(f"{one.uid} {one.state} {names[one.member_id]}")
    if not blocked:
        click.echo("none")

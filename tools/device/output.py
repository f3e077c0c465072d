"""What people and programs see: tables and lines on stderr, with --json one object a line on stdout.

People see the last digits of a card's UID; whole UIDs stand in the report, which is the office's own. Keys are named by
number and check value, never shown.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tools.device.card_kinds import CardState
from tools.device.errors import DeviceError
from tools.device.personalise import Plan

_FORMAT = 1


def masked(uid: bytes) -> str:
    """Enough of a UID to tell two cards in a hand apart."""
    return ".." + uid.hex().upper()[-4:]


class Output:
    """`as_json` also writes events on stdout."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self._people = Console(stderr=True, highlight=False)
        self._tenths: dict[str, int] = {}

    def say(self, text: str, colour: str = "") -> None:
        """A line for people."""
        self._people.print(f"[{colour}]{escape(text)}[/]" if colour else escape(text), soft_wrap=True)

    def event(self, name: str, **members: Any) -> None:
        """A line for programs."""
        if self.as_json:
            click.echo(json.dumps({"v": _FORMAT, "event": name, **members}))

    def progress(self, what: str, done: int, total: int) -> None:
        """How far something is: each tenth, for people one line that is drawn over when they look at a terminal."""
        tenth = done * 10 // total if total else 10
        if self._tenths.get(what) == tenth:
            return
        self._tenths[what] = tenth
        self.event("progress", what=what, done=done, total=total)
        if not self._people.is_terminal:
            self.say(f"{what}: {tenth * 10} %")
            return
        bar = "#" * (tenth * 3) + "." * (30 - tenth * 3)
        self._people.print(f"{escape(what):<24} {bar} {tenth * 10:3} %", end="\n" if tenth == 10 else "\r")

    def table(
        self, title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]], colours: Sequence[str] = ()
    ) -> None:
        """A table for people; `colours` of its rows, when they have any."""
        table = Table(title=title, title_justify="left")
        for column in columns:
            table.add_column(column.lstrip("#"), justify="right" if column.startswith("#") else "left")
        for number, row in enumerate(rows):
            table.add_row(*(escape(cell) for cell in row), style=colours[number] if colours else None)
        self._people.print(table)

    def plan(self, plan: Plan, key_version: int) -> None:
        """What would be written, in its order."""
        state = plan.state
        self.event(
            "plan",
            kind=state.kind,
            stage=state.stage.name.lower(),
            member=plan.member_no,
            key_version=key_version,
            steps=[{"what": step.what, "where": step.where, "key": step.key} for step in plan.steps],
        )
        head = f"card {masked(state.uid)}, {state.kind}, {state.stage.value}: member {plan.member_no}"
        if not plan.steps:
            self.say(f"{head}: nothing to write")
            return
        rows = [(str(number), step.what, step.where, step.key) for number, step in enumerate(plan.steps, 1)]
        self.table(f"{head}, keys of version {key_version}", ("#", "what", "where", "key, check value"), rows)

    def card(self, state: CardState, verified: str) -> None:
        """What a card is."""
        self.event(
            "state", kind=state.kind, stage=state.stage.name.lower(), member=state.member_no, verified=verified == "yes"
        )
        rows = [
            ("card", masked(state.uid)),
            ("kind", state.kind),
            ("state", state.stage.value),
            ("member", str(state.member_no or "-")),
            ("verified", verified),
        ]
        self.table("what the card says", ("", ""), rows)

    def fail(self, error: DeviceError) -> None:
        """What, why, what to do, code."""
        self.event(
            "error",
            code=error.code,
            what=error.title,
            why=str(error.args[0]),
            next=error.next_step,
            exit=error.exit_code,
        )
        self._people.print(f"[red]{escape(str(error))}[/]", soft_wrap=True)

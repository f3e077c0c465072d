"""`info`: one board in full: what it is, what runs there, and what its store holds as far as it says so unasked."""

from __future__ import annotations

import click

from tools.device import board_seen
from tools.device.contact import Contact, contact_options
from tools.device.probing import Answers, Found
from tools.device.terminal import prompt_with


@click.command()
@contact_options
def info(contact: Contact) -> None:
    """Say what one board is, runs and holds. A selling terminal goes on selling."""
    found = contact.one()
    rows = [("answers", found.answers.value), ("port", found.port), ("board", found.board or "-")]
    rows += [("serial", found.serial or "-")]
    rows += _at_prompt(found) if found.answers is Answers.PROMPT else _said(found)
    contact.output.event("result", **{name.replace(" ", "_"): value for name, value in rows})
    contact.output.table(found.name, ("", ""), rows)


def _said(found: Found) -> list[tuple[str, str]]:
    """Of its hello."""
    if found.answers is not Answers.APPLICATION:
        return []
    unsent = found.hello.get("unsent")
    return [
        ("terminal", found.terminal or "-"),
        ("version", found.firmware or "-"),
        ("build", str(found.hello.get("build", "-"))),
        ("slot", str(found.hello.get("slot") or "-")),
        ("mode", str(found.hello.get("mode", "-"))),
        ("starts", str(found.hello.get("boot", "-"))),
        ("unsent", "not counted" if unsent is None else str(unsent)),
    ]


def _at_prompt(found: Found) -> list[tuple[str, str]]:
    session = prompt_with(found.port, board_seen.program(), stay=True)
    try:
        seen = board_seen.look(session)
    finally:
        session.close()
    return [
        ("chip", f"{seen.board} {seen.unique}"),
        ("interpreter", seen.python),
        ("version", seen.program or "no program"),
        ("build", str(seen.build or "-")),
        ("slot", seen.slot or "-"),
        ("files", f"{seen.files_free // 1024} KB free of {seen.files_size // 1024} KB"),
        ("store", seen.store),
    ]

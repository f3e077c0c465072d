"""`verify`: whether a terminal holds just the files of this build, and who signed the programs in its slots.

Reads and changes nothing; a selling terminal is asked to its prompt first and sells again afterwards.
"""

from __future__ import annotations

from pathlib import Path

import click

from tools.device import board_seen, signatures
from tools.device import files as filing
from tools.device.built import built
from tools.device.contact import Contact, contact_options
from tools.device.errors import FilesDiffer
from tools.device.files import Filing, Held
from tools.device.probing import Answers
from tools.device.provision import against_file
from tools.device.terminal import prompt_with

_CHANGES = "boot.dat"


@click.command()
@click.option(
    "--maintenance", is_flag=True, help="Stop a terminal that sells, after a question; it restarts at the end."
)
@click.option(
    "--build",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=None,
    help="A folder that `make firmware` wrote. Default: built now from this source tree.",
)
@click.option(
    "--release-keys",
    "keys_path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="Judge signatures by this root file. Default: by the release keys in the terminal.",
)
@contact_options
@against_file
def verify(contact: Contact, maintenance: bool, folder: Path | None, keys_path: Path | None) -> None:
    """Compare a terminal's files with this build.

    And check who signed its programs. With --file compare its settings and keys with that file instead. A terminal that
    sells is stopped only with --maintenance, after a question.
    """
    keys = signatures.keys_of(keys_path) if keys_path else None
    found = contact.one(Answers.PROMPT, *((Answers.APPLICATION,) if maintenance or contact.dry_run else ()))
    if contact.dry_run and found.answers is Answers.APPLICATION:
        contact.told_only(found, "with --maintenance it would be stopped, its files compared, and it would sell again")
        return
    contact.may_stop(found, ", compare its files, and have it sell again")
    session = prompt_with(found.port, board_seen.program() + filing.program(), maintenance=maintenance)
    try:
        if found.answers is Answers.APPLICATION:  # in safe mode, too, which no question stops
            session.sell_at_end()
        seen = board_seen.look(session)
        wanted = built(folder, seen.board).files
        desk = Filing(session)
        there = desk.look(list(wanted))
        states = compared(wanted, there)
        signed = signatures.verdicts(desk, there, seen.board, seen.slot, keys)
    finally:
        session.close()
    for name, state in states.items():
        contact.output.event("file", file=name, state=state)
    for name, one in signed.items():
        contact.output.event("slot", file=name, signed=one.text, code=one.code, runs=one.runs)
    shown = {name: f"{one.code} {one.text}".strip() for name, one in signed.items()}
    rows = [(_named(name, signed), state, shown.get(name, "")) for name, state in states.items()]
    rows += [
        (_named(name, signed), "no part of this build", text) for name, text in shown.items() if name not in states
    ]
    contact.output.table("files", ("file", "state", "signed"), rows)
    signatures.refuse(signed)
    wrong = [name for name, state in states.items() if state in ("differs", "missing")]
    if wrong:
        raise FilesDiffer(
            ", ".join(f"{name} {'is missing' if states[name] == 'missing' else 'differs'}" for name in wrong)
        )
    contact.output.event("result", verified=len(states), version=seen.program)
    contact.output.say(f"verified {len(states)} of {len(states)} files")
    sound = [name for name, one in signed.items() if one.signed]
    contact.output.say(f"signed by two release keys: {len(sound)} of {len(signed)} programs")


def _named(name: str, signed: dict[str, signatures.Verdict]) -> str:
    return f"{name} (runs)" if name in signed and signed[name].runs else name


def compared(wanted: dict[str, bytes], found: dict[str, Held]) -> dict[str, str]:
    """File -> agrees, differs, missing; what the terminal itself rewrites is only looked for."""

    def state(name: str, content: bytes) -> str:
        if name not in found:
            return "missing"
        if name == _CHANGES:
            return "the terminal's own"
        return "agrees" if found[name] == Held(len(content), filing.digest(content)) else "differs"

    return {name: state(name, content) for name, content in wanted.items()}

"""`repl`: a terminal goes to its Python prompt, the keyboard is mpremote's, and at the end it restarts and sells again.

mpremote is run as a program of its own: its library promises no names. It is never the first to speak to a port: what
it sends would stop a program that is not ours.
"""

from __future__ import annotations

import subprocess
import sys

import click

from tools.device.contact import Contact, contact_options
from tools.device.errors import TerminalSilent
from tools.device.probing import Answers
from tools.device.secrets_cli import Declined
from tools.device.terminal import prompt_with


def _mpremote(port: str, *words: str, seconds: float | None = None, kept: bool = False) -> tuple[int, str]:
    """Its exit code, and what it said when that is kept."""
    command = [sys.executable, "-m", "mpremote", "connect", port, "resume", *words]
    try:
        done = subprocess.run(
            command, check=False, timeout=seconds, text=True, stdout=subprocess.PIPE if kept else None
        )
        return done.returncode, done.stdout or ""
    except subprocess.TimeoutExpired:
        raise TerminalSilent(f"{port}: the prompt did not end within {seconds:.0f} s") from None


def _would(sells: bool, stay: bool) -> str:
    return ("would stop selling" if sells else "is at its prompt") + (" and stay there" if stay else ", would restart")


@click.command()
@click.option("--exec", "program", default="", metavar="CODE", help="Run this instead of giving the keyboard.")
@click.option("--stay", is_flag=True, help="Leave it at the prompt; its next start sells again.")
@contact_options
def repl(contact: Contact, program: str, stay: bool) -> None:
    """The Python prompt of a terminal, and back.

    It does not sell meanwhile; asks first. At the end the terminal restarts, so that it sells again.
    """
    found = contact.one(Answers.APPLICATION, Answers.PROMPT)
    sells = found.answers is Answers.APPLICATION
    if contact.dry_run:
        contact.output.say(f"{found.name}: " + _would(sells, stay))
        return
    if sells and not contact.agreed(f"{found.name} stops selling until the prompt is left. Go on?"):
        raise Declined(f"{found.name} was not stopped")
    # At its prompt when this returns; refused while somebody is at the till.
    session = prompt_with(found.port, "", maintenance=True, afresh=False, stay=True)
    try:
        session.close()
        if program:
            code, said = _mpremote(found.port, "exec", program, seconds=contact.timeout_s, kept=contact.output.as_json)
        else:
            contact.output.say("Ctrl-] ends it" + ("" if stay else ", then the terminal restarts"))
            code, said = _mpremote(found.port, "repl")
    finally:
        # One that was at its prompt before stands there because somebody left it so: `--stay` alone leaves it so again.
        if not stay:
            _mpremote(found.port, "exec", "--no-follow", "import machine; machine.reset()", seconds=30)
            contact.output.say(f"{found.name} restarts" + (" and sells again" if sells else ""))
    contact.output.event("result", exit=code, said=said)
    if code:
        raise SystemExit(6)

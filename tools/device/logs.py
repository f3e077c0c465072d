"""`logs`: the newest lines of a running terminal's log; with -f those that come, until Ctrl-C or --timeout.

The terminal's log holds no secret and nobody's number. Codes are coloured: a fault stands out.
"""

from __future__ import annotations

import time

import click

from tools.device.asking import Terminal, asked
from tools.device.contact import Contact, contact_options
from tools.device.errors import CableLost
from tools.device.output import Output

_KEPT = 64
_SLICE_S = 0.5


def show(output: Output, line: str) -> None:
    """A line of the log: seconds since the start, code, text."""
    seconds, _, rest = line.partition(" ")
    code, _, text = rest.partition(" ")
    if not seconds.isdigit() or not text:
        output.event("log", text=line)
        output.say(line)
        return
    output.event("log", s=int(seconds), code=code, text=text)
    output.say(f"{int(seconds):>7} {code} {text}", "" if code == "I00" else "yellow")


def follow(terminal: Terminal, output: Output, level: str, seconds: float | None) -> int:
    """Show what comes until the time is over; the number of lines that were lost on the way."""
    until = time.monotonic() + seconds if seconds is not None else None
    terminal.ask("log.follow", {"level": level})
    lost, expected = 0, None
    try:
        while until is None or time.monotonic() < until:
            for event in terminal.line.events(_SLICE_S):
                number = event.get("seq")
                if isinstance(number, int):
                    lost += max(0, number - expected) if expected is not None else 0
                    expected = number + 1
                if event.get("event") == "log":
                    show(output, str(event.get("line", event.get("text", ""))))
    except OSError as error:
        raise CableLost(str(error.strerror or error)) from None
    finally:
        _end(terminal)
    return lost


def _end(terminal: Terminal) -> None:
    """A person who types a word ends it as well, so a cable that is gone needs nothing."""
    try:
        terminal.line.call("log.follow", {"level": "off"}, timeout=2)
    except Exception:  # noqa: BLE001, S110 (what ended the following is told, not that its end was not heard)
        pass


@click.command()
@click.option("-f", "--follow", "following", is_flag=True, help="Go on with each new line, until Ctrl-C.")
@click.option("-n", "--count", type=click.IntRange(1, _KEPT), default=20, show_default=True, help="How many.")
@click.option("--faults", is_flag=True, help="Only what went wrong.")
@click.option("--for", "seconds", type=click.FloatRange(0), default=None, help="With -f: so many seconds.")
@contact_options
def logs(contact: Contact, following: bool, count: int, faults: bool, seconds: float | None) -> None:
    """Show a running terminal's log."""
    level = "faults" if faults else "all"
    with asked(contact) as terminal:
        for line in terminal.ask("log.tail", {"count": count, "level": level}).get("lines", []):
            show(contact.output, str(line))
        if following:
            lost = follow(terminal, contact.output, level, seconds)
            if lost:
                contact.output.event("lost", lines=lost)
                contact.output.say(f"{lost} lines did not come through", "yellow")

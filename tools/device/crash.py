"""`crash`: what ended the terminal's program last, told readably; the record stays until somebody asks to clear it.

The record is written when the fault happens and survives the reset (firmware/service/faults.py). It holds a trace,
figures and the last lines of the log; like everything for support it goes through the allow-list first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import click

from tools.device import findings
from tools.device.asking import asked
from tools.device.contact import Contact, contact_options
from tools.device.redaction import Redactor
from tools.device.secrets_cli import Declined
from tools.device.support_report import stamp

_BEGIN, _MORE = "--- ", "| "
_PLACE = re.compile(r'\s*File "([^"]+)", line (\d+)(?:, in (\S+))?')


@dataclass
class Crash:
    """One record. `places` are file, line and function, the innermost last; `error` is the exception's line."""

    where: str = ""
    error: str = ""
    places: list[tuple[str, int, str]] = field(default_factory=list)
    figures: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def parsed(record: str) -> Crash:
    """A record's parts; what has no known form is among the others."""
    found = Crash()
    for line in record.splitlines():
        place = _PLACE.match(line)
        if line.startswith(_BEGIN):
            found.where = line[len(_BEGIN) :].strip()
        elif line.startswith(_MORE):
            found.figures.append(line[len(_MORE) :])
        elif place is not None:
            found.places.append((place[1], int(place[2]), place[3] or ""))
        elif re.match(r"[A-Za-z_.]*(?:Error|Exception|Exit|Interrupt)\b", line):
            found.error = line.strip()
        elif line.strip() and not line.startswith("Traceback"):
            found.others.append(line.strip())
    return found


def show(contact: Contact, crash: Crash, starts: list[dict[str, object]]) -> None:
    """For a person: what, where, what was going on; then what to do."""
    output = contact.output
    output.say(f"{crash.where}: {crash.error or ' '.join(crash.others) or 'no exception'}", "red")
    if crash.places:
        path, line, function = crash.places[-1]
        output.say(f"in {path}, line {line}" + (f", {function}" if function else ""))
        rows = [(path, str(line), function) for path, line, function in reversed(crash.places)]
        output.table("how it came there, the innermost first", ("file", "#line", "in"), rows)
    for text in crash.figures:
        output.say(text)
    if starts:
        rows = [(stamp(_whole(one.get("utc"))), str(one.get("kind", "")), str(one.get("before", ""))) for one in starts]
        output.table("last starts", ("when", "why", "before"), list(reversed(rows)))
    known = findings.advice("X00", contact.lang)
    output.say(f"X00 {known.title}: {known.next_step}")


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


@click.command()
@click.option("--clear", is_flag=True, help="Remove the record after it was shown; asks first.")
@contact_options
def crash(contact: Contact, clear: bool) -> None:
    """Show a running terminal's newest fault record."""
    redactor = Redactor()
    with asked(contact) as terminal:
        record = str(terminal.ask("health.fault").get("record", ""))
        passed = "\n".join(redactor.line(line) for line in record.splitlines())
        if not passed:
            contact.output.event("result", faults=0)
            contact.output.say("no fault was ever recorded")
            return
        found = parsed(passed)
        starts = redactor.facts(
            terminal.ask("health.starts"), {"starts": [{"utc": "number", "kind": "words", "before": "words"}]}
        )
        contact.output.event(
            "fault", where=found.where, error=found.error, places=found.places, more=found.figures, others=found.others
        )
        show(contact, found, (starts or {}).get("starts", []))
        if clear:
            if contact.dry_run or not contact.agreed("Remove this record from the terminal?"):
                raise Declined()
            terminal.ask("health.forget_fault")
            contact.output.event("result", cleared=True)
            contact.output.say("the record is removed")

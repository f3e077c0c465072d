"""`health`: every check of a terminal as one table, the worst first, behind a verdict in plain words.

The terminal measures and judges; here it is shown. Exit 1 when a check failed. What to do next comes from the
troubleshooting page (tools/device/findings.py).
"""

from __future__ import annotations

import sys

import click

from tools.device import by_words, findings
from tools.device.asking import asked
from tools.device.contact import Contact, contact_options
from tools.device.findings import Check

_COLOURS = {findings.OK: "green", findings.WARN: "yellow", findings.FAIL: "red", findings.NOT_RUN: "bright_black"}
_COLUMNS = {"en": ("code", "state", "measured", "what"), "fa": ("کد", "وضع", "اندازه", "چه")}
_STATES_FA = {findings.OK: "خوب", findings.WARN: "هشدار", findings.FAIL: "خراب", findings.NOT_RUN: "انجام نشد"}


def state_word(state: str, lang: str) -> str:
    """As people read it."""
    return _STATES_FA[state] if lang == "fa" else state


def what(check: Check, lang: str) -> str:
    """What was looked at; of what is not fine, what is wrong."""
    title = findings.advice(check.code, lang).title
    name = findings.name_of(check, lang)
    return f"{name}: {title}" if check.state in (findings.WARN, findings.FAIL) and title else name


def show(contact: Contact, checks: list[Check]) -> None:
    """The verdict, the table, and the next step of each that is not fine."""
    output, lang = contact.output, contact.lang
    state = findings.worst(checks)
    output.say(findings.verdict(checks, lang), _COLOURS[state])
    for check in checks:
        known = findings.advice(check.code, lang)
        output.event(
            "check",
            code=check.code,
            state=check.state,
            measured=check.measured,
            check=check.name,
            title=known.title,
            next=known.next_step if check.state in (findings.WARN, findings.FAIL) else "",
        )
    rows = [
        (
            check.code,
            state_word(check.state, lang),
            findings.measured_of(check, lang),
            what(check, lang),
        )
        for check in findings.ordered(checks)
    ]
    if rows:
        output.table("", _COLUMNS[lang], rows, [_COLOURS[c.state] for c in findings.ordered(checks)])
    bad = [check.code for check in findings.ordered(checks) if check.state in (findings.WARN, findings.FAIL)]
    for code in dict.fromkeys(bad):
        known = findings.advice(code, lang)
        if known.next_step:
            output.say(f"{code} {known.title}: {known.next_step}")


@click.command()
@click.option(
    "--deep", is_flag=True, help="Test reader, line and display, too; needs the right `support` and a quiet till."
)
@contact_options
def health(contact: Contact, deep: bool) -> None:
    """Check a running terminal.

    What is well, what is not, and what to do next. It goes on selling. Exit code 1: something is not well.
    """
    with asked(contact) as terminal:
        hello = by_words.greeting(terminal)
        if by_words.limited(hello):
            told = by_words.checks(hello, by_words.said(terminal, "status"))
        else:
            told = terminal.ask("health.deep" if deep else "health.quick")
    checks = findings.checks_of(told)
    show(contact, checks)
    state = findings.worst(checks)
    contact.output.event("result", state=state, verdict=findings.verdict(checks, contact.lang))
    if state == findings.FAIL:
        sys.exit(1)

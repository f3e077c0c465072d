"""Members in a story: numbers the office enters, codes that were sent, messages, and how long a cashier takes.

A member is named, or by a card of the tray: whoever is enrolled at the till has no name. Times are simulated
milliseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.bench_switch import codes
from tools.bench_switch.books import card_named, member_named
from tools.bench_switch.outbox import ENGLISH, PERSIAN
from tools.bench_switch.schema import OutboxRow
from tools.sim.scenario_parser import ScenarioError, Step

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tools.sim.scenario_stage import Stage


def mobile(stage: Stage, step: Step) -> None:
    """Where a member gets messages, and what stands for a forgotten card."""
    language = PERSIAN if "persian" in step.words else ENGLISH
    stage.switch.ledger.set_contact(step.one("MEMBER"), step.one("VALUE"), language)


def type_code(stage: Stage, step: Step) -> None:
    """The member reads the code out, the cashier types it."""

    def digits(session: Session) -> str:
        return codes.newest_digits(session, _member_id(stage, step, session))

    typed = stage.switch.ledger.transact(digits)
    if not typed:
        raise ScenarioError(step.where, "no code was sent to this member")
    for digit in typed:
        stage.press(digit)


def pace(stage: Stage, step: Step) -> None:
    """A person's hand."""
    stage.pace_ms = step.number("MS")


def stopwatch(stage: Stage, _step: Step) -> None:
    """From here on."""
    stage.watch_us = stage.terminal.clock.now_us
    stage.watch_keys = 0


def within(stage: Stage, step: Step) -> None:
    """Not longer than that since the stop-watch was started."""
    took_ms = (stage.terminal.clock.now_us - stage.watch_us) // 1000
    if took_ms > step.number("MS"):
        keys = stage.watch_keys
        raise ScenarioError(step.where, f"it took {took_ms} ms and {keys} keys, not {step.number('MS')} ms")


def message(stage: Stage, step: Step) -> None:
    """A text is in the newest message to a member; with `no` in none of them."""
    texts = [row.text for row in _messages(stage, step)]
    wanted = step.one("TEXT")
    if "no" in step.words and any(wanted in text for text in texts):
        raise ScenarioError(step.where, f'no message "{wanted}" was expected, and one was written')
    if "no" not in step.words and not (texts and wanted in texts[0]):
        raise ScenarioError(step.where, f'expected "{wanted}" in the newest message; it is: {(texts or ["(none)"])[0]}')


def _messages(stage: Stage, step: Step) -> list[OutboxRow]:
    def member_id(session: Session) -> int:
        return _member_id(stage, step, session)

    wanted = stage.switch.ledger.transact(member_id)
    return [row for row in stage.switch.ledger.messages() if row.member_id == wanted]


def _member_id(stage: Stage, step: Step, session: Session) -> int:
    name = step.one("MEMBER")
    if name in stage.start.cards:
        return card_named(session, stage.start.cards[name].uid).member_id
    return member_named(session, name).id

"""`ecr-test`: proves the cash register's line from the computer in the register's place, without moving a point.

It orders a sale nobody has a card for, asks for it in every way a register may, cancels it, and counts what the line
loses. With --sale a person lays a card on and one real sale is made. Pairing gives this computer the register's place:
the register that was paired before has to be paired again, unless its token is lent with --token.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import click

from tools.device.asking import Terminal, asked
from tools.device.contact import Contact, contact_options
from tools.device.secrets_cli import Declined
from tools.ecr.register import OTHER_AMOUNT, TOO_LATE, UNKNOWN_REF, CashRegister, Outcome
from tools.rpc.client import Line, NoAnswer, RpcError

AMOUNT = 125_000
_PINGS = 40
_START_MS = 300
_WARN_LOST = 1  # in a hundred
_LOOKS, _LOOK_S = 50, 0.1


@dataclass(frozen=True)
class Step:
    """One thing a register relies on: `code` explains a failure in the troubleshooting page."""

    what: str
    ok: bool
    measured: str = ""
    code: str = ""


def steps(line: Line, ref: str, now: Callable[[], float] = time.monotonic) -> Iterator[Step]:
    """What needs no card: the order, its repetition, the refusals, the cancellation. The till must be free."""
    began = now()
    answer = line.call("sale.start", {"ref": ref, "amount": AMOUNT})
    took_ms = round((now() - began) * 1000)
    yield Step("an order is taken", answer == {"ref": ref, "state": "waiting_card", "again": False}, answer["state"])
    yield Step("within 300 ms", took_ms <= _START_MS, f"{took_ms} ms")
    again = line.call("sale.start", {"ref": ref, "amount": AMOUNT})
    yield Step("the same order again is the same sale", again.get("again") is True, again["state"])
    yield _refused(line, "another amount is refused", "sale.start", {"ref": ref, "amount": AMOUNT + 1}, OTHER_AMOUNT)
    yield _refused(line, "an unknown reference is unknown", "sale.status", {"ref": f"{ref}-0"}, UNKNOWN_REF)
    last = line.call("hello", {"proto": 1, "ecr": "ecr-test"}).get("last") or {}
    yield Step("hello names the newest order", last.get("ref") == ref, str(last.get("ref")))
    line.call("sale.cancel", {"ref": ref})
    status: dict[str, Any] = {}
    for _ in range(_LOOKS):
        status = line.call("sale.status", {"ref": ref})
        if status["state"] == "done":
            break
        line.wait(_LOOK_S)
    yield Step("it can be cancelled", status.get("outcome") == "cancelled", str(status.get("outcome")))
    yield _refused(line, "and not twice", "sale.cancel", {"ref": ref}, TOO_LATE)
    events = [event for event in line.events() if event.get("ref") == ref]
    states = [str(event["state"]) for event in events]
    rising = [event["seq"] for event in events]
    told = states == ["waiting_card", "done"] and rising == sorted(set(rising))
    yield Step("it told each step by itself", told, ", ".join(states))


def _refused(line: Line, what: str, method: str, params: dict[str, Any], number: int) -> Step:
    try:
        answer = line.call(method, params)
    except RpcError as error:
        return Step(what, error.number == number, str(error.number), error.code)
    return Step(what, False, str(answer))


def line_step(line: Line, now: Callable[[], float] = time.monotonic) -> Step:
    """How many of so many short requests get no answer at once."""
    lost, slow = 0, 0
    for _ in range(_PINGS):
        began = now()
        try:
            line.call("ping", timeout=1.0, tries=1)
        except NoAnswer:
            lost += 1
        slow = max(slow, round((now() - began) * 1000))
        line.wait(0.06)  # at most 20 requests a second
    share = 100 * lost // _PINGS
    return Step("the line loses nothing", share < _WARN_LOST, f"{lost} of {_PINGS} lost, slowest {slow} ms", "E01")


def _paired(contact: Contact, terminal: Terminal, token: str) -> str:
    """The token that opened the line for a register. Raises DeviceError."""
    if token:
        terminal.ask("rights.register", {"token": token})
        return token
    if terminal.ask("rights.have")["level"] >= 1:
        return ""
    if not contact.agreed("This takes the place of a register that was paired before. Go on?"):
        raise Declined("the register that was paired stays")
    terminal.ask("rights.pair", {"ecr": "ecr-test"})
    code = click.prompt("six digits on the terminal's screen", err=True, type=str)
    return str(terminal.ask("rights.confirm", {"code": code})["token"])


def _sold(contact: Contact, line: Line, ref: str, amount: int) -> Step:
    register = CashRegister("", open_line=lambda: line)
    contact.output.say(f"lay a card on the terminal: {amount} rials")
    outcome: Outcome = register.sell(ref, amount, on_state=lambda state: contact.output.say(f"  {state}"))
    register.booked(ref)
    same = register.status(ref).get("rrn") == outcome.rrn
    return Step("a real sale", outcome.approved and same, f"{outcome.outcome} {outcome.points:+} {outcome.rrn}")


def show(contact: Contact, found: list[Step]) -> None:
    """One table."""
    for step in found:
        contact.output.event("step", what=step.what, ok=step.ok, measured=step.measured, code=step.code)
    contact.output.table(
        "cash register's line",
        ("what", "", "measured"),
        [(step.what, "ok" if step.ok else f"FAIL {step.code}".rstrip(), step.measured) for step in found],
        ["green" if step.ok else "red" for step in found],
    )


@click.command("ecr-test")
@click.option("--token", default="", envvar="VAFA_ECR_TOKEN", help="Of the register that is paired; else it is asked.")
@click.option("--sale", type=click.IntRange(1), help="Then make one real sale of so many rials; somebody has a card.")
@contact_options
def ecr_test(contact: Contact, token: str, sale: int | None) -> None:
    """Test a running terminal's line to the cash register.

    Nothing is booked without --sale.
    """
    ref = f"TEST-{int(time.time()):X}"
    if contact.dry_run:
        contact.output.say(f"would order and cancel a sale of {AMOUNT} rials as {ref}")
        return
    with asked(contact) as terminal:
        _paired(contact, terminal, token)
        found = [line_step(terminal.line), *steps(terminal.line, ref)]
        if sale is not None:
            found.append(_sold(contact, terminal.line, f"{ref}-S", sale))
    show(contact, found)
    passed = all(step.ok for step in found)
    contact.output.event("result", ok=passed)
    contact.output.say("a cash register can work with it" if passed else "not fit for a cash register yet")
    if not passed:
        sys.exit(1)

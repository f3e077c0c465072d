"""What the page can do: each action is one call of the office, the same the command line makes.

An action takes what a form said, as JSON, and says in words what was done. Raises LedgerError with words for a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tools.bench_switch.cli_kit import who
from tools.bench_switch.errors import LedgerError
from tools.bench_switch.faults import Fault
from tools.bench_switch.grants import LEGACY
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.outbox import PERSIAN, masked_mobile
from tools.bench_switch.programme import TIER_NAMES

Form = dict[str, Any]
_LONGEST = 200


def text(form: Form, name: str, default: str | None = None) -> str:
    """A field of words; without `default` it has to be filled in."""
    value = form.get(name)
    if value in (None, ""):
        if default is None:
            raise LedgerError("B61", f"fill in {name}")
        return default
    # Persian words are held apart by a character that is none to be seen.
    if not isinstance(value, str) or len(value) > _LONGEST or not value.replace("\u200c", "").isprintable():
        raise LedgerError("B61", f"{name} is no line of text")
    return value.strip()


def whole(form: Form, name: str, default: int | None = None) -> int:
    """A field of a whole number."""
    value = form.get(name)
    if value in (None, "") and default is not None:
        return default
    # The page itself shows a negative number with the sign for minus: what is copied from there comes back.
    digits = ("" if value is None else str(value)).strip().replace("\u2212", "-")
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?\d{1,18}", digits):
        raise LedgerError("B61", f"{name} is no whole number")
    return int(digits)


def _one_of(form: Form, name: str, choices: tuple[str, ...]) -> str:
    value = text(form, name, choices[0])
    if value not in choices:
        raise LedgerError("B61", f"{name} is {', '.join(choices)}")
    return value


def _member_add(ledger: Ledger, form: Form, _now_utc: int) -> str:
    name = text(form, "name")
    number = ledger.add_member(
        name,
        whole(form, "number", 0) or None,
        whole(form, "points", 0),
        TIER_NAMES.index(_one_of(form, "tier", TIER_NAMES)),
        mobile=text(form, "mobile", ""),
        language=text(form, "language", PERSIAN),
    )
    return f"{name} is member {number}"


def _member_points(ledger: Ledger, form: Form, now_utc: int) -> str:
    member, points = whole(form, "member"), whole(form, "points")
    balance = ledger.adjust(member, points, text(form, "reason", ""), now_utc)
    return f"{points:+,} points booked, {balance:,} now"


def _member_contact(ledger: Ledger, form: Form, _now_utc: int) -> str:
    member = whole(form, "member")
    ledger.set_contact(member, text(form, "mobile", ""), text(form, "language", PERSIAN))
    contact = ledger.contact(member)
    return f"messages go to {masked_mobile(contact.mobile)}" if contact else "the member gets no messages any more"


def _card_bind(ledger: Ledger, form: Form, _now_utc: int) -> str:
    uid, member = text(form, "uid").upper(), _who(form)
    ledger.add_card(uid, member, text(form, "way", LEGACY))
    return f"card {uid} belongs to {member}"


def _card_move(ledger: Ledger, form: Form, _now_utc: int) -> str:
    uid, member = text(form, "uid").upper(), _who(form)
    points = ledger.move_card(uid, member)
    return f"card {uid} belongs to {member} now, {points:,} points came along"


def _card_state(ledger: Ledger, form: Form, _now_utc: int) -> str:
    uid, state = text(form, "uid").upper(), text(form, "state")
    ledger.set_card(uid, state)
    return f"card {uid} is {state}"


def _card_way(ledger: Ledger, form: Form, _now_utc: int) -> str:
    uid, way = text(form, "uid").upper(), text(form, "way")
    ledger.set_way(uid, way)
    return f"card {uid} goes the way {way}"


def _terminal_block(ledger: Ledger, form: Form, _now_utc: int) -> str:
    ledger.block_terminal(text(form, "terminal"), True)
    return f"terminal {form['terminal']} is blocked"


def _terminal_unblock(ledger: Ledger, form: Form, _now_utc: int) -> str:
    ledger.block_terminal(text(form, "terminal"), False)
    return f"terminal {form['terminal']} is active"


def _fault_set(ledger: Ledger, form: Form, _now_utc: int) -> str:
    fault = Fault(
        kind=text(form, "kind"),
        count=whole(form, "count", 1),
        mti=text(form, "mti", "") or None,
        when=text(form, "when", "after"),
        ms=whole(form, "ms", 0),
        rc=text(form, "rc", "96"),
        n=whole(form, "n", 0),
        seconds=whole(form, "seconds", 86_400),
        terminal=text(form, "terminal", "") or None,
    )
    ledger.script_fault(fault)
    return f"the next {fault.count} {fault.mti or 'request'}(s) meet: {fault.kind}"


def _fault_clear(ledger: Ledger, _form: Form, _now_utc: int) -> str:
    ledger.clear_faults()
    return "no fault waits any more"


def _allowance_cancel(ledger: Ledger, form: Form, _now_utc: int) -> str:
    number = whole(form, "id")
    ledger.cancel_allowance(number)
    return f"allowance {number} is given back to its member"


def _letter_clear(ledger: Ledger, form: Form, now_utc: int) -> str:
    terminal, seq = text(form, "terminal"), whole(form, "seq")
    ledger.clear_letter(terminal, seq, now_utc)
    return f"terminal {terminal} is told to give SEQ {seq} up"


def _letter_unclear(ledger: Ledger, form: Form, _now_utc: int) -> str:
    terminal, seq = text(form, "terminal"), whole(form, "seq")
    ledger.unclear_letter(terminal, seq)
    return f"terminal {terminal} is not told to give SEQ {seq} up any more"


def _letter_reopen(ledger: Ledger, form: Form, now_utc: int) -> str:
    terminal, seq = text(form, "terminal"), whole(form, "seq")
    rc = ledger.reopen_letter(terminal, seq, now_utc)
    return f"SEQ {seq} of terminal {terminal}, refused with {rc}, is decided anew when it comes again"


def _who(form: Form) -> str | int:
    """A member as people name one: by number or by name."""
    return whole(form, "member") if isinstance(form.get("member"), int) else who(text(form, "member"))


ACTIONS: dict[str, Callable[[Ledger, Form, int], str]] = {
    "member.add": _member_add,
    "member.points": _member_points,
    "member.contact": _member_contact,
    "card.bind": _card_bind,
    "card.move": _card_move,
    "card.state": _card_state,
    "card.way": _card_way,
    "terminal.block": _terminal_block,
    "terminal.unblock": _terminal_unblock,
    "allowance.cancel": _allowance_cancel,
    "letter.clear": _letter_clear,
    "letter.reopen": _letter_reopen,
    "letter.unclear": _letter_unclear,
    "fault.set": _fault_set,
    "fault.clear": _fault_clear,
}


def act(ledger: Ledger, form: Form, now_utc: int) -> str:
    """Do what the form says; what was done, in words."""
    action = ACTIONS.get(str(form.get("do")))
    if action is None:
        raise LedgerError("B61", "there is no such action")
    return action(ledger, form, now_utc)

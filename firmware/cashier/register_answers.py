"""What the cash register is told of an order: figures of a record, lines of a receipt, totals (docs/ecr.md).

All of it follows from the journal, but for the age of a balance and what is estimated; so it is the same whenever it is
asked for. Loaded for a visit. Money in minor units, points signed.
"""

import asyncio

from firmware.core.reference import rrn_of
from firmware.core.types import OPEN, REDEMPTION
from firmware.loyalty.outcome import DECLINED, DONE, REJECTED, UNKNOWN
from firmware.receipt.content import WIDTH, receipt_lines
from firmware.receipt.lines import PAIR, QR, RULE, STRONG, parts, spelled

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.cashier.register_order import Order
    from firmware.core.types import JournalEntry
    from firmware.loyalty.outcome import Balance

    Answer = dict[str, object]

_OUTCOMES = {DONE: "approved", DECLINED: "declined", REJECTED: "declined", UNKNOWN: "unknown"}  # else reversed


def recorded(counter: "Counter", ref: str, entry: "JournalEntry", taken_back: bool) -> "Answer":
    """What a record came to. `taken_back`: it is asked for as what a void has ended before the switch heard of it."""
    t = entry.transaction
    told = counter.books.outcome_of_entry(entry)
    asked = t.asked or told.price or t.amount
    stands, open_still = told.kind == DONE, entry.state == OPEN
    discount = 0
    if stands:
        discount = t.amount if t.verb == REDEMPTION else asked - t.amount
    outcome = "approved" if taken_back else _OUTCOMES.get(told.kind, "reversed")
    if stands and told.offline:
        outcome = "approved_offline"
    answer: "Answer" = {
        "ref": ref,
        "state": "sending" if open_still else "done",
        "outcome": outcome,
        "points": told.points,
        "discount": discount,
        "payable": asked - discount,
        "stan": "{:06d}".format(told.stan),
        "rrn": rrn_of(t.seq, t.time_utc),
    }
    if told.code and not open_still:
        _add_code(counter, answer, told.code)
    _add_balance(answer, told.balance)
    return answer


def unrecorded(counter: "Counter", order: "Order", state: str) -> "Answer":
    """How far an order is of which nothing is in the journal, or that it ended so: then nothing was moved."""
    answer: "Answer" = {"ref": order.ref, "state": state}
    if state == "done":
        answer.update({"outcome": order.ended, "points": 0, "discount": 0, "payable": order.amount})
        if order.code:
            _add_code(counter, answer, order.code)
        _add_balance(answer, order.balance)
    return answer


def _add_code(counter: "Counter", answer: "Answer", code: str) -> None:
    answer["code"], answer["text"] = code, counter.panel.text.error(code)[0]


def _add_balance(answer: "Answer", told: "Balance | None") -> None:
    if told is not None:
        answer["balance"], answer["balance_age_s"], answer["estimated"] = told.points, told.age_s, not told.confirmed


def receipt(counter: "Counter", entry: "JournalEntry") -> "list[str]":
    """The lines of a receipt, in the language of the terminal; without the code that a camera reads."""
    told, rows = counter.books.outcome_of_entry(entry), []
    printed = counter.teller.spool.fitted  # here; else the register's is the first one
    for role, text in receipt_lines(counter.panel.text, counter.shop, told, printed):
        if role == RULE:
            rows.append("")
        elif role != QR:
            rows += spelled("\t".join(parts(text)) if role in (PAIR, STRONG) else text, WIDTH)
    return rows


async def totals(counter: "Counter") -> "Answer":
    """What the open shift adds up to, by kind and clerk."""
    from firmware.switch.batch import added_up

    batch = counter.office.shift().batch()
    found, whole = await added_up(counter.journal, batch, _Patience(), worth=counter.books.money.worth)
    rows = []
    for kind, clerk, count, money, points in found.rows():
        rows.append({"kind": kind, "clerk": clerk, "count": count, "amount": money, "points": points})
    return {"shift": batch.number, "whole": whole, "waiting": found.waiting, "rows": rows}


class _Patience:
    """Lets others run while the journal is read."""

    async def wait(self, ms: int, done: int, total: int) -> None:
        """One turn."""
        await asyncio.sleep_ms(ms)

"""The mini statement: the last entries of a card, from the switch, or what this terminal's journal knows of it.

On the screen in pages; OK prints it.
"""

import asyncio

from micropython import const

from firmware.core.errors import LinkError, Refused
from firmware.core.reference import masked, rrn_of
from firmware.core.refusals import CARD_BLOCKED
from firmware.core.types import APPROVED, OFFLINE, REMARK, REVERSAL, SETTLED, VOID
from firmware.receipt.statement import statement_lines
from firmware.screen import keys as key
from firmware.screen import screens, undo

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import CardData

    Row = tuple[int, int, int, int, str]

_ENTRIES = const(5)
_STRIDE = const(8)  # records looked at before the others run
_TAKEN_BACK = const(1)
_DISPUTED = const(4)
_OFFLINE = const(8)


async def statement(counter: "Counter") -> int:
    """The whole story; returns the key that ended it."""
    panel, books = counter.panel, counter.books
    title = panel.text.get("title_statement")
    card = await panel.card(title, None)
    if books.policy.blocked(card.uid):
        raise Refused(CARD_BLOCKED)
    told = await _of_the_switch(counter, card, title)
    books.need_members()  # the switch may have forbidden it meanwhile
    here = told is None
    rows, balance = told if told is not None else (await _of_the_journal(counter, card), None)
    note = panel.text.get("statement_here") if here else ""
    size, at = 2 if here else 3, 0
    panel.signals.offline_ok() if here else panel.signals.ok()
    while True:
        pressed = await panel.page(undo.statement(panel.text, rows[at : at + size], note))
        if pressed == key.DOWN and at + size < len(rows):
            at += size
        elif pressed == key.UP and at:
            at -= size
        elif pressed == key.OK:
            lines = statement_lines(panel.text, counter.shop, masked(card.uid), rows, balance, here)
            if not await counter.teller.paper(lines):
                raise Refused(counter.teller.spool.code)
            return key.NO_KEY


async def _of_the_switch(counter: "Counter", card: "CardData", title: str) -> "tuple[list[Row], int | None] | None":
    """(entries, balance), None when the switch cannot be asked. Raises Refused."""
    if not counter.switch.online():
        return None
    panel = counter.panel
    panel.show(screens.waiting(panel.text, title, None))
    try:
        entries, reply = await counter.office.statements().last(card, counter.books.member_no(card))
    except LinkError as error:
        counter.log.error(error, "statement")
        return None
    counter.books.remember(card.uid, reply)
    return [(one.verb, one.marks, one.day_utc, one.points, one.reference) for one in entries], reply.balance


async def _of_the_journal(counter: "Counter", card: "CardData") -> "list[Row]":
    """The newest entries of this card here, as far as the journal goes back."""
    panel = counter.panel
    panel.show(undo.searching(panel.text, "title_statement"))
    history = counter.journal.history(0)
    while history.load():
        panel.beat()
        await asyncio.sleep_ms(0)
    found: "list[tuple[int, Row]]" = []
    for looked, entry in enumerate(history):
        if looked % _STRIDE == 0:
            panel.beat()
            await asyncio.sleep_ms(0)
        t = entry.transaction
        if t.uid != card.uid or t.verb == REVERSAL or entry.state not in (APPROVED, SETTLED):
            continue
        mark = {VOID: _TAKEN_BACK, REMARK: _DISPUTED}.get(t.verb, 0)
        if mark and t.original_seq:
            found = [(seq, _marked(row, mark) if seq == t.original_seq else row) for seq, row in found]
        if t.verb == REMARK:
            continue
        points = entry.result.points if entry.result is not None else t.points
        marks = _OFFLINE if t.mode == OFFLINE else 0
        found = found[1 - _ENTRIES :] + [(t.seq, (t.verb, marks, t.time_utc, points, rrn_of(t.seq, t.time_utc)))]
    return [row for _seq, row in found][::-1]


def _marked(row: "Row", mark: int) -> "Row":
    return row[:1] + (row[1] | mark,) + row[2:]

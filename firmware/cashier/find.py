"""Find a receipt by its reference and print it again, with what came of it since; and the questions others need for it.

A reference ends in the STAN, which is a function of the SEQ: the journal finds a transaction by one number. What took
it back later is found by reading the journal from there on, a sector at a time.
"""

import asyncio

from micropython import const

from firmware.core.errors import Refused
from firmware.core.reference import rrn_of
from firmware.core.refusals import REFERENCE_UNKNOWN, WRONG_KEY
from firmware.core.types import APPROVED, REFUND, REMARK, REVERSAL, SETTLED, VOID
from firmware.screen import keys as key
from firmware.screen import undo as screens
from firmware.text.money import wordings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import JournalEntry
    from firmware.loyalty.outcome import Outcome

_STANS = const(999_999)
_ROUNDS = const(2)  # of the STAN: the newest, and the one before it
_SHORT = const(6)
_WHOLE = const(12)
_STRIDE = const(8)  # records looked at before the others run


async def find(counter: "Counter") -> int:
    """The whole story; returns the key that ended it."""
    panel = counter.panel
    entry = entry_of(counter, await reference(counter, "title_find", "ref_6_or_12"))
    if entry is None:
        raise Refused(REFERENCE_UNKNOWN)
    told = await as_it_stands(counter, entry, "title_find")
    pressed = await panel.page(screens.found(panel.text, told))
    if pressed != key.OK:
        return key.NO_KEY
    await counter.teller.again(told)
    return key.NO_KEY


async def reference(counter: "Counter", title: str, ask: str) -> str:
    """What was typed: 6 or 12 digits, by `ask` 12 alone, or none for the last receipt. Raises Cancelled, TimedOut."""
    panel, keyed, note = counter.panel, "", ""
    right = (_WHOLE,) if ask == "ref_12" else (_SHORT, _WHOLE) if ask == "ref_6_or_12" else (0, _SHORT, _WHOLE)
    while True:
        pressed = await panel.page(screens.reference(panel.text, title, keyed, ask, note))
        note, typed = "", key.typed(pressed)
        if typed and len(keyed) + len(typed) <= _WHOLE:
            keyed += typed
        elif pressed == key.CLEAR:
            keyed = keyed[:-1]
        elif pressed == key.OK and len(keyed) in right:
            return keyed
        else:
            note = panel.text.error(WRONG_KEY)[0]


def entry_of(counter: "Counter", keyed: str) -> "JournalEntry | None":
    """The transaction of this terminal with this reference, by all digits or the last six; None when it has none."""
    stan, journal = int(keyed[-_SHORT:]), counter.journal
    highest = journal.highest_seq()
    seq = highest - (highest - (stan - 1)) % _STANS
    for _ in range(_ROUNDS):
        entry = journal.find(seq) if stan and seq > 0 else None
        if entry is not None and entry.transaction.verb != REVERSAL:
            t = entry.transaction
            if t.verb == REMARK and not t.uid:
                return None  # an answer without a name: nobody asks after it
            if len(keyed) == _SHORT or rrn_of(t.seq, t.time_utc) == keyed:
                return entry
        seq -= _STANS
    return None


async def as_it_stands(counter: "Counter", entry: "JournalEntry", title: str) -> "Outcome":
    """What may be told of it now: its outcome, and what took it back or disputes it as far as this terminal knows."""
    panel, seq = counter.panel, entry.transaction.seq
    panel.show(screens.searching(panel.text, title))
    history = counter.journal.history(seq)
    while history.load():
        panel.beat()
        await asyncio.sleep_ms(0)
    given_back, disputed = 0, False
    marks: "list[tuple[str, str, str]]" = []
    for looked, other in enumerate(history):
        if looked % _STRIDE == 0:
            panel.beat()
            await asyncio.sleep_ms(0)
        t = other.transaction
        if t.original_seq != seq or other.state not in (APPROVED, SETTLED):
            continue
        if t.verb == VOID:
            marks.append(("mark_voided", "r_mark_voided", rrn_of(t.seq, t.time_utc)))
        elif t.verb == REFUND:
            given_back += t.amount
        elif t.verb == REMARK:
            disputed = True
    if given_back:
        marks.append(
            ("mark_refunded", "r_mark_refunded", wordings(panel.text, given_back, entry.transaction.new_money)[1])
        )
    if disputed:
        marks.append(("mark_disputed", "r_mark_disputed", ""))
    told = counter.books.outcome_of_entry(entry)
    told.marks = tuple(marks)
    return told

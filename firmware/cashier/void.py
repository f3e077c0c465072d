"""Void: undo one transaction of this terminal and this shift, whole.

What certainly was never sent is taken back in the journal, and the switch never hears of it. What the switch has booked
it undoes by a message of its own, whose unknown outcome is reversed like any other. Between the two lies what may have
been sent and is not acknowledged: it is waited for, a moment.
"""

import asyncio

from micropython import const

from firmware.cashier.books import is_approved
from firmware.cashier.exchange import ask_switch
from firmware.cashier.find import entry_of, reference
from firmware.core.errors import LinkError, Refused, StoreError, StoreFull
from firmware.core.reference import rrn_of
from firmware.core.refusals import NOT_TO_VOID, ON_ITS_WAY, REFERENCE_UNKNOWN
from firmware.core.types import ACCRUAL, APPROVED, ISSUE, OFFLINE, ONLINE, REDEMPTION, SETTLED, USE, VOID, CardData
from firmware.screen import outcomes, screens
from firmware.screen import undo as asking
from firmware.switch import tlv
from firmware.switch.profile import TAG_ORIGINAL, TAG_SUPERVISOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter
    from firmware.core.types import JournalEntry

_VOIDABLE = (ACCRUAL, REDEMPTION, ISSUE, USE)
_SETTLING_MS = const(5000)  # so long an acknowledgement that is under way is waited for
_TURN_MS = const(100)


async def void_last(counter: "Counter") -> int:
    """The newest transaction; returns the key that ended the story."""
    entry = counter.books.last_entry()
    if entry is None:
        raise Refused(NOT_TO_VOID)
    return await void_entry(counter, entry)


async def void_named(counter: "Counter") -> int:
    """The one with the reference that is typed; returns the key that ended the story."""
    entry = entry_of(counter, await reference(counter, "title_void", "ref_6_or_12"))
    if entry is None:
        raise Refused(REFERENCE_UNKNOWN)
    return await void_entry(counter, entry)


async def void_entry(counter: "Counter", entry: "JournalEntry") -> int:
    """This one; returns the key that ended the story. Raises Refused, Cancelled, TimedOut."""
    panel, t = counter.panel, entry.transaction
    if t.verb not in _VOIDABLE or entry.state not in (APPROVED, SETTLED):
        raise Refused(NOT_TO_VOID)
    counter.books.need_value()
    supervisor = await counter.allow("void", counter.books.money.in_old(t.amount, t.new_money))
    points = -(entry.result.points if entry.result is not None else t.points)
    rrn = rrn_of(t.seq, t.time_utc)
    await panel.confirm(asking.confirm(panel.text, "title_void_ask", t.amount, points, rrn, None, t.new_money))
    if t.mode == OFFLINE and _never_sent(counter, t.seq):
        return await _told(counter, t.seq)
    if t.mode == OFFLINE:
        await _settled(counter, t.seq)
    if not counter.switch.online():
        raise Refused(ON_ITS_WAY)
    details = details_of(rrn, supervisor)
    card = CardData(t.uid, "", t.auth, t.member_no)
    intent = counter.books.record(
        VOID, ONLINE, card, t.amount, points, details=details, visit=t.visit, original_seq=t.seq, new_money=t.new_money
    )
    reply = await ask_switch(counter, intent, panel.text.get("title_void"), t.amount)
    if not isinstance(reply, LinkError) and is_approved(reply):
        counter.books.taken_back(t.seq)
    return await counter.teller.outcome(counter.books.outcome(intent.seq))


def details_of(rrn: str, supervisor: int) -> bytes:
    """What a void or a refund says besides money and points."""
    tags = [(TAG_ORIGINAL, rrn.encode())]
    if supervisor:
        tags.append((TAG_SUPERVISOR, str(supervisor).encode()))
    return tlv.pack(tags)


def _never_sent(counter: "Counter", seq: int) -> bool:
    """Take it back in the journal; False when it may have been sent, and nothing was changed. Raises StoreFull,
    Cancelled."""
    books = counter.books
    order = books.ordered(VOID)
    try:
        counter.journal.void(seq, books.clerk, counter.clock.now_utc(), "", order.ref if order is not None else "")
    except StoreFull:
        raise
    except StoreError:
        return False
    books.taken_back(seq)
    if books.allowances is not None:
        books.allowances.left((seq,))
    counter.log.event("SEQ {} voided before it was sent".format(seq))
    return True


async def _told(counter: "Counter", seq: int) -> int:
    """Nothing was booked: screen and paper say so."""
    panel, told = counter.panel, counter.books.outcome(seq)
    lines = outcomes.outcome(panel.text, told)
    panel.show(lines)
    panel.signals.ok()
    counter.teller.print(told, False)
    return await panel.acknowledge(lines)


async def _settled(counter: "Counter", seq: int) -> None:
    """Wait until the switch has acknowledged what it may have been sent. Raises Refused."""
    panel = counter.panel
    panel.show(screens.waiting(panel.text, panel.text.get("title_void"), None))
    counter.switch.wake()
    waited = 0
    while True:
        entry = counter.journal.find(seq)
        if entry is not None and entry.state == SETTLED:
            return
        if entry is None or entry.state != APPROVED:
            raise Refused(NOT_TO_VOID)  # the switch has just refused it
        if waited >= _SETTLING_MS or not counter.switch.online():
            raise Refused(ON_ITS_WAY)
        panel.beat()
        await asyncio.sleep_ms(_TURN_MS)
        waited += _TURN_MS

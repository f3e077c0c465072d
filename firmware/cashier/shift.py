"""MENU, end of shift: send what waits, have the switch compare the totals, print the report, begin the next batch.

Number and first SEQ of the batch stand in a small value, and nothing else: totals are read from the journal. The number
goes up when the switch has closed the batch and the report is on paper; a cut before that leaves it as it is, and the
switch answers again what it did. Without the switch there is a report all the same, and the batch stays open.
"""

import asyncio
from struct import pack

from micropython import const

from firmware.cashier.open_batch import NAME, kept
from firmware.core.errors import Cancelled, LinkError, Refused, TimedOut
from firmware.core.refusals import NOT_ALL_SENT, NOT_RECONCILED, TOTALS_CHANGED, TOTALS_DISPUTED
from firmware.core.types import CLOCK_NEVER_SET
from firmware.core.visiting import visit
from firmware.receipt.shift_report import Report, report_lines
from firmware.screen import keys as key
from firmware.screen import shift as screens
from firmware.switch.batch import AGREED, CHANGED, DISPUTED, Batch, added_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.cashier.counter import Counter
    from firmware.core.types import Transaction
    from firmware.loyalty.totals import Totals
    from firmware.store.slots import Slots
    from firmware.switch.batch import Closed, Closing

_LOOK_MS = const(250)
_STILL_MS = const(30_000)  # so long nothing may leave the queue
_OFFLINE_MS = const(5_000)  # so long the line may be away
_BATCHES = const(3)  # one that was closed before without our hearing of it, and what came since
_LETTERS = const(20)  # listed on paper; the menu has them all
# By outcome: line of the report, code, big word of the screen.
_WORDS = {
    AGREED: ("r_agreed", "", ""),
    DISPUTED: ("r_disputed", TOTALS_DISPUTED, "big_disputed"),
    CHANGED: ("r_changed", TOTALS_CHANGED, "big_changed"),
}


class Shift:
    """The open batch and what closes it, joined by `app`. `slots` makes the small values, not opened yet."""

    def __init__(self, slots: "Callable[[], Slots]", closing: "Closing") -> None:
        self._slots = slots
        self.closing = closing

    def batch(self) -> Batch:
        """The open one. Raises StoreError."""
        return Batch(*kept(self._slots()))

    def keep(self, batch: Batch) -> None:
        """This one is open from now on; durable on return. Raises StoreError."""
        slots = self._slots()
        slots.open()
        slots.put(NAME, pack(">II", batch.number, batch.first))


class _Watch:
    """Shows how far it is and listens for CANCEL."""

    def __init__(self, counter: "Counter") -> None:
        self._panel = counter.panel
        self.waiting = 0

    async def wait(self, ms: int, done: int, total: int) -> None:
        """Let others run for so long. Raises Cancelled: what is open stays open."""
        lines = screens.busy(self._panel.text, self.waiting, done, total)
        await asyncio.sleep_ms(0)
        try:
            pressed = await self._panel.key_or_card(lambda: lines, ms, with_card=False)
        except TimedOut:
            return
        if pressed == key.CANCEL:
            raise Cancelled()


async def run(counter: "Counter") -> int:
    """For the menu. Limits begin anew with the next shift, so who is bound by them does not end this one alone."""
    await counter.allow("end_shift")
    return await end_shift(counter, counter.office.shift())


async def end_shift(counter: "Counter", shift: Shift) -> int:
    """The whole story; returns the key that ended it."""
    counter.books.recover_if_due()
    batch = shift.batch()
    await counter.panel.confirm(screens.ask(counter.panel.text, batch.number))
    watch = _Watch(counter)
    ended_by = key.NO_KEY
    for _ in range(_BATCHES):
        if not await _all_sent(counter, watch):
            code = NOT_ALL_SENT if watch.waiting else NOT_RECONCILED
            return await _without_switch(counter, batch, watch, code)
        try:
            closed = await shift.closing.close(batch, watch)
        except LinkError as error:
            counter.log.error(error, "end of shift")
            return await _without_switch(counter, batch, watch, NOT_RECONCILED)
        except Refused as refusal:
            counter.log.error(refusal, "end of shift")
            return await _without_switch(counter, batch, watch, refusal.code)
        batch = closed.next()
        # Printed first: a cut in between prints it twice, the other way round it would be missing.
        report = _report(counter, closed)
        report.top = await _top(counter, closed.totals, watch)
        printed = await _print(counter, report)
        shift.keep(batch)
        if counter.staff is not None:
            counter.staff.shift_over()
        counter.log.event("batch {} closed".format(closed.batch.number))
        ended_by = await _tell(counter, closed, printed)
        if not closed.more:
            break
    return ended_by


async def _all_sent(counter: "Counter", watch: _Watch) -> bool:
    """Whether the switch is there and has heard everything; waits for it as long as it gets on."""
    counter.books.let_go()
    still_ms = away_ms = 0
    before = 0
    while True:
        counter.books.recover_if_due()
        watch.waiting = counter.journal.pending_count() + counter.books.recovery_due()
        online = counter.switch.online()
        if online and not watch.waiting:
            return True
        away_ms = 0 if online else away_ms + _LOOK_MS
        still_ms = 0 if watch.waiting < before else still_ms + _LOOK_MS
        before = watch.waiting
        if away_ms > _OFFLINE_MS or still_ms > _STILL_MS:
            return False
        await watch.wait(_LOOK_MS, 0, 0)


async def _without_switch(counter: "Counter", batch: Batch, watch: _Watch, code: str) -> int:
    """A report all the same; the batch stays open."""
    waiting = watch.waiting
    watch.waiting = 0
    totals, whole = await added_up(counter.journal, batch, watch, worth=counter.books.money.worth)
    report = Report(batch.number, "r_open", code, totals, whole, counter.journal.last_tag(), _now(counter))
    report.top = await _top(counter, totals, watch)
    printed = await _print(counter, report)
    lines = screens.trouble(counter.panel.text, "big_open", batch.number, code, waiting)
    counter.panel.signals.refused()
    ended_by = await counter.panel.acknowledge(lines)
    return ended_by if printed else await _show(counter, totals)


def _report(counter: "Counter", closed: "Closed") -> Report:
    line, code, _big = _WORDS[closed.outcome]
    return Report(
        closed.batch.number,
        line,
        code,
        closed.totals,
        closed.whole,
        counter.journal.last_tag(),
        _now(counter),
        closed.uploaded,
        closed.differing,
        closed.visits,
    )


async def _top(counter: "Counter", totals: "Totals", watch: _Watch) -> "list[tuple[int, str, int]]":
    """Cards that came often, where clerks sell."""
    if totals.clerks()[-1:] in ([], [0]):
        return []
    with visit("firmware.cashier.top_cards"):
        from firmware.cashier.top_cards import top_cards

        return await top_cards(counter.journal, totals.low, totals.high, watch)


def _now(counter: "Counter") -> int:
    return counter.clock.now_utc() if counter.clock.quality != CLOCK_NEVER_SET else 0


async def _print(counter: "Counter", report: Report) -> bool:
    letters: "list[tuple[Transaction, str]]" = []
    for letter in counter.journal.dead():
        letters.append(letter)
        if len(letters) == _LETTERS:
            break
    lines = report_lines(counter.panel.text, counter.shop, report, letters, counter.journal.dead_count())
    return await counter.teller.paper(lines)


async def _tell(counter: "Counter", closed: "Closed", printed: bool) -> int:
    panel = counter.panel
    number = closed.batch.number
    if closed.outcome == AGREED:
        panel.signals.ok()
        ended_by = await panel.acknowledge(screens.agreed(panel.text, number, closed.totals))
    else:
        _line, code, big = _WORDS[closed.outcome]
        counter.log.fault(code, "batch {} is not agreed as it stands".format(number))
        panel.signals.refused()
        ended_by = await panel.acknowledge(screens.trouble(panel.text, big, number, code, 0))
    return ended_by if printed else await _show(counter, closed.totals)


async def _show(counter: "Counter", totals: "Totals") -> int:
    """The figures on the screen, one page after the other, because there is no paper."""
    try:
        for row in totals.rows():
            await counter.panel.page(screens.figures(counter.panel.text, row, totals.new_money))
    except (Cancelled, TimedOut):
        return key.NO_KEY
    return key.NO_KEY

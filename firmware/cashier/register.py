"""The cash register's room: what it orders by its own reference, how far that is, what became of it (docs/ecr.md).

An order runs as one story of the desk, as if the cashier had pressed the keys, so it knows no rules of its own. What it
came to is derived from the journal entry that bears the reference, so the same answer comes again after a power cut;
only an order that wrote no record, so moved nothing, is remembered here alone. Made when a register first speaks, gone
when none has spoken for long. Knows no line and no JSON. Money in minor units, times in milliseconds unless named `_s`.
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from firmware.cashier.register_order import (
    ACCEPTED,
    ASK,
    ASKING,
    BALANCE,
    BURN,
    CARD,
    DONE,
    EARN,
    SALE,
    SENDING,
    STATES,
    TAKE_BACK,
    WAITING,
    Order,
)
from firmware.core.errors import Cancelled, Refused, RpcError, TimedOut, VafaError
from firmware.core.refusals import AMOUNT_TOO_LARGE, REF_UNKNOWN, REF_USED, TILL_BUSY, TILL_LOCKED, TOO_LATE
from firmware.core.types import ACCRUAL, CLOCK_NEVER_SET, OPEN, VOID
from firmware.core.visiting import load, visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.cashier.counter import Counter
    from firmware.cashier.desk import Desk
    from firmware.core.ports import Search
    from firmware.core.types import JournalEntry

    Answer = dict[str, object]

_TEXTS = const(("", "big_tap", "big_wait", "ecr_asking", "wait_switch", ""))  # by state
# Numbers of refusals (docs/console.md).
_BUSY, _UNKNOWN_REF, _OTHER_AMOUNT, _LATE = const(1001), const(1004), const(1005), const(1006)
_BAD_PARAMS = const(-32602)
_KEPT = const(12)  # orders remembered besides the journal
_KEEP_S = const(7 * 86_400)
_SILENT_MS = const(600_000)  # so long after its last word the register counts as gone
_BEGIN_MS = const(200)  # within it the desk has begun an order, or does not get it
_LOOK_MS = const(10)
_RETRY_MS = const(500)
_WHOLE_MS = const(30_000)  # besides the wait for the card


class Register:
    """`event` tells the register something."""

    def __init__(
        self,
        counter: "Counter",
        desk: "Desk",
        event: "Callable[[Answer], None]",
    ) -> None:
        self._counter = counter
        self._desk = desk
        self._event = event
        self._orders: "list[Order]" = []
        self._heard = ticks_ms()
        self.clashes = 0  # references that came again for something else

    def idle(self) -> bool:
        """No order runs, and no register has spoken for long."""
        return not any([order.running for order in self._orders]) and ticks_diff(ticks_ms(), self._heard) >= _SILENT_MS

    def last(self) -> "Answer | None":
        """The newest order, as far as that is known without a search (`status` searches)."""
        if self._orders:
            order = self._orders[-1]
            return {"ref": order.ref, "state": STATES[order.state]}
        entry = self._counter.books.last_entry() if self._counter.books.started else None
        if entry is None or not entry.transaction.reference:
            return None
        return {"ref": entry.transaction.reference, "state": STATES[SENDING if entry.state == OPEN else DONE]}

    # --- orders -------------------------------------------------------------------------------------------------------

    async def sale(self, ref: str, amount: int, use: str) -> "Answer":
        """Begin a sale, or tell of the one with this reference. Raises RpcError."""
        counter = self._counter
        if amount > counter.panel.text.money.limit(counter.limits.max_amount):
            raise self._refusal(_BAD_PARAMS, AMOUNT_TOO_LARGE)
        return await self._begin(Order(ref, SALE, amount, use, 0, self._longest_ms()))

    async def take_back(self, ref: str, of: str) -> "Answer":
        """Begin to void the sale with the reference `of`."""
        found = await self._found(of)
        if found is None:
            raise self._refusal(_UNKNOWN_REF, REF_UNKNOWN)
        return await self._begin(Order(ref, TAKE_BACK, 0, "", found[0].transaction.seq, self._longest_ms()))

    async def balance(self, ref: str) -> "Answer":
        """Begin to ask for a balance."""
        return await self._begin(Order(ref, BALANCE, 0, "", 0, self._longest_ms()))

    async def _begin(self, order: Order) -> "Answer":
        self._heard = ticks_ms()
        same = await self._same(order)
        if same is not None:
            if not same:
                self.clashes += 1
                self._counter.log.fault(REF_USED, "a reference of the cash register comes again")
                raise self._refusal(_OTHER_AMOUNT, REF_USED)
            return {"ref": order.ref, "state": await self._state(order.ref), "again": True}
        self._need_free()
        order.on_change = self._changed
        self._remember(order)
        self._desk.order(lambda: self._run(order))
        waited = 0
        while order.state == ACCEPTED and not self._desk.not_begun and waited < _BEGIN_MS:
            await asyncio.sleep_ms(_LOOK_MS)
            waited += _LOOK_MS
        if order.state == ACCEPTED:
            code = self._desk.not_begun  # else a key was quicker
            self._desk.order(None)
            self._orders.remove(order)
            raise self._refusal(_BUSY, code or TILL_BUSY, 0 if code else _RETRY_MS)
        return {"ref": order.ref, "state": STATES[order.state], "again": False}

    def _need_free(self) -> None:
        """Raises RpcError when no order can begin now."""
        counter, staff = self._counter, self._counter.staff
        if counter.switch.value_stopped():
            raise self._refusal(_BUSY, counter.switch.halted())
        if not counter.books.started or not self._desk.free():
            raise self._refusal(_BUSY, TILL_BUSY, _RETRY_MS)
        if staff is not None:
            staff.rest()
            if staff.locked():
                raise self._refusal(_BUSY, TILL_LOCKED)

    def _remember(self, order: Order) -> None:
        if len(self._orders) >= _KEPT:
            self._orders.pop(0)
        self._orders.append(order)

    def cancel(self, ref: str) -> "Answer":
        """Ask a running order to end before anything is booked. Raises RpcError."""
        self._heard = ticks_ms()
        order = self._order(ref)
        if order is None:
            raise self._refusal(_UNKNOWN_REF, REF_UNKNOWN)
        if order.seq or order.state == DONE:
            raise self._refusal(_LATE, TOO_LATE)
        order.cancelling = True
        self._counter.panel.look()
        return {"ref": ref, "state": "cancelling"}

    async def booked(self, ref: str) -> "Answer":
        """The register has written the outcome down."""
        self._heard = ticks_ms()
        order = self._order(ref)
        if order is None and await self._found(ref) is None:
            raise self._refusal(_UNKNOWN_REF, REF_UNKNOWN)
        if order is not None and not order.booked:
            order.booked = True
            self._counter.log.event("the cash register has booked its sale")
        return {"ref": ref, "state": await self._state(ref)}

    # --- the story ----------------------------------------------------------------------------------------------------

    async def _run(self, order: Order) -> int:
        """The order as a story of the desk, which tells the person how it ended."""
        panel, books = self._counter.panel, self._counter.books
        before = panel.withdrawn
        books.order, panel.withdrawn = order, order.looked
        try:
            order.move(WAITING)
            return await self._story(order)
        except Cancelled:
            order.over("timed_out" if order.late() and not order.cancelling else "cancelled")
            raise
        except TimedOut:
            order.over("timed_out")
            raise
        except VafaError as error:
            order.over("declined", error.code)
            raise
        finally:
            books.order, panel.withdrawn, order.running = None, before, False
            order.over("cancelled")

    async def _story(self, order: Order) -> int:
        counter, panel = self._counter, self._counter.panel
        if order.kind == TAKE_BACK:
            order.move(ASKING)
            entry = counter.journal.find(order.of)
            if entry is None:
                raise Refused(REF_UNKNOWN)
            with visit("firmware.cashier.void"):
                from firmware.cashier.void import void_entry

                return await void_entry(counter, entry)
        title = panel.text.get("title_balance" if order.kind == BALANCE else "title_register")
        value = order.amount if order.kind == SALE else None
        card = await panel.card(title, value, order.use in (BURN, ASK), counter.limits.register_ms)
        order.move(CARD)
        if order.kind == BALANCE:
            with visit("firmware.cashier.balance"):
                from firmware.cashier.balance import balance

                return await balance(counter, card)
        if order.use == BURN or (order.use == ASK and not counter.switch.halted(spends=True) and await self._spends()):
            with visit("firmware.cashier.redeem"):
                from firmware.cashier.redeem import spend

                return await spend(counter, card, order.amount)
        from firmware.cashier.sale import sell

        return await sell(counter, card, order.amount)

    async def _spends(self) -> bool:
        """What the customer wants."""
        text = self._counter.panel.text
        rows = ["1 " + text.get("ecr_earn"), "2 " + text.get("ecr_burn")]
        return await self._counter.panel.choice(rows, "", "title_register") == 2

    def _changed(self, order: Order) -> None:
        text = self._counter.panel.text
        told = text.get(_TEXTS[order.state]) if _TEXTS[order.state] else ""
        self._event({"event": "sale", "ref": order.ref, "state": STATES[order.state], "text": told})

    # --- what became of it --------------------------------------------------------------------------------------------

    async def status(self, ref: str) -> "Answer":
        """How far it is and what it came to; "" is the newest. Raises RpcError."""
        self._heard = ticks_ms()
        if not ref:
            # Newer than all that is remembered no record can be: a register's order is in both.
            ref = self._orders[-1].ref if self._orders else (await self._searched("")).reference
            if not ref:
                raise self._refusal(_UNKNOWN_REF, REF_UNKNOWN)
        order, found = self._order(ref), await self._found(ref)
        if found is not None:
            with visit("firmware.cashier.register_answers"):
                from firmware.cashier.register_answers import recorded

                return recorded(self._counter, ref, *found)
        if order is None:
            raise self._refusal(_UNKNOWN_REF, REF_UNKNOWN)
        with visit("firmware.cashier.register_answers"):
            from firmware.cashier.register_answers import unrecorded

            return unrecorded(self._counter, order, STATES[order.state])

    async def receipt(self, ref: str) -> "list[str]":
        """The lines of its receipt. Raises RpcError."""
        self._heard = ticks_ms()
        found = await self._found(ref)
        if found is None:
            raise self._refusal(_UNKNOWN_REF, REF_UNKNOWN)
        with visit("firmware.cashier.register_answers"):
            from firmware.cashier.register_answers import receipt

            return receipt(self._counter, found[0])

    async def totals(self, shift: int) -> "Answer":
        """What the open shift adds up to, 0 whichever that is; of a closed one only its report tells."""
        self._heard = ticks_ms()
        names = ("firmware.store.slots", "firmware.store.history", "firmware.loyalty.totals", "firmware.switch.batch")
        with visit("firmware.cashier.register_answers", *names):
            from firmware.cashier.register_answers import totals

            found = await totals(self._counter)
        if shift not in (0, found["shift"]):
            raise self._refusal(_UNKNOWN_REF, REF_UNKNOWN)
        return found

    async def _state(self, ref: str) -> str:
        order = self._order(ref)
        if order is not None:
            return STATES[order.state]
        found = await self._found(ref)
        return STATES[SENDING if found is not None and found[0].state == OPEN else DONE]

    # --- finding ------------------------------------------------------------------------------------------------------

    def _order(self, ref: str) -> "Order | None":
        for order in self._orders:
            if order.ref == ref:
                return order
        return None

    async def _same(self, order: Order) -> "bool | None":
        """Whether its reference stands for just this order already; None: nothing bears it."""
        known = self._order(order.ref)
        if known is not None:
            return known.wish() == order.wish()
        found = await self._found(order.ref)
        if found is None:
            return None
        t, taken_back = found[0].transaction, found[1]
        if taken_back or t.verb == VOID:
            return order.kind == TAKE_BACK and order.of == (t.seq if taken_back else t.original_seq)
        asked = t.asked or self._counter.books.outcome_of_entry(found[0]).price or t.amount
        # Whether the customer was asked for it, the record does not tell.
        use = EARN if t.verb == ACCRUAL else BURN
        return order.kind == SALE and order.amount == asked and order.use in (use, ASK)

    async def _found(self, ref: str) -> "tuple[JournalEntry, bool] | None":
        """(the record that this reference stands for, whether by what was ordered with it that record was taken back
        before it was sent); the journal is read a sector between two turns of the others."""
        order, counter = self._order(ref), self._counter
        if order is not None:
            seq, taken_back = order.seq, order.of == order.seq
        else:
            search = await self._searched(ref)
            seq, taken_back = search.seq, search.taken_back
        entry = counter.journal.find(seq) if seq else None
        return (entry, taken_back) if entry is not None else None

    async def _searched(self, ref: str) -> "Search":
        """The journal, read to where this reference stands; "" is that of the newest order."""
        counter = self._counter
        if not counter.books.started:
            raise self._refusal(_BUSY, TILL_BUSY, _RETRY_MS)
        since_utc = counter.clock.now_utc() - _KEEP_S if counter.clock.quality != CLOCK_NEVER_SET else 0
        load("firmware.store.by_reference")
        search = counter.journal.search(ref, since_utc)
        while search.piece():
            await asyncio.sleep_ms(0)
        return search

    def _longest_ms(self) -> int:
        """How long an order may last."""
        return self._counter.limits.register_ms + _WHOLE_MS

    def _refusal(self, number: int, code: str, retry_ms: int = 0) -> RpcError:
        return RpcError(number, self._counter.panel.text.error(code)[0], code, retry_ms)

"""MENU 9, training: the four functions with any card, in rooms of their own (firmware/cashier/practice.py).

It is made of a counter that has no session, no journal on flash and no member cache, so nothing of it can be sent,
kept or counted. It ends by MENU, by time, and with every restart. Milliseconds.
"""

from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.cashier.balance import balance
from firmware.cashier.books import Books
from firmware.cashier.counter import Counter
from firmware.cashier.menu import reprint
from firmware.cashier.practice import (
    PracticeCanvas,
    PracticeForward,
    PracticeJournal,
    PracticeMembers,
    PracticePaper,
    PracticeReader,
    PracticeSwitch,
)
from firmware.cashier.redeem import redeem
from firmware.cashier.sale import sale
from firmware.cashier.teller import Teller
from firmware.core.errors import Cancelled, CardError, Refused, TimedOut, VafaError
from firmware.loyalty.offline import OfflinePolicy
from firmware.screen import keys as key
from firmware.screen.lines import BIG, GAP, HINT, TEXT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.core.types import CardData
    from firmware.screen.lines import Line

_REST_MS = const(300_000)
_LONGEST_MS = const(3_600_000)
_QUEUE = const(1)


def practice_counter(counter: Counter) -> Counter:
    """A counter like this one, of which nothing that is done can leave it."""
    text = counter.panel.text
    word, paper = text.get("training"), text.get("r_training")

    def marking(real: "Any") -> "Any":
        return PracticeCanvas(real, word)

    panel = counter.panel.through(marking, PracticeReader)
    journal: "Any" = PracticeJournal()
    members: "Any" = PracticeMembers(word, counter.clock)
    switch: "Any" = PracticeSwitch(members)
    forward: "Any" = PracticeForward(journal)
    office: "Any" = None  # rights, rejected transactions and the end of a shift are not practised
    policy = OfflinePolicy(True, _QUEUE, 0)
    books = Books(
        journal,
        members,
        switch,
        counter.clock,
        counter.books.rules,
        policy,
        forward,
        counter.log,
        money=counter.books.money,
    )
    books.started = True
    spool: "Any" = PracticePaper(counter.teller.spool, paper)
    teller = Teller(panel, spool, counter.shop, counter.log)
    return Counter(
        panel, books, switch, journal, counter.clock, teller, counter.shop, counter.limits, counter.log, office
    )


async def training(counter: Counter) -> int:
    """The whole of it; the key that ended it."""
    practice = practice_counter(counter)
    counter.log.event("training begins")
    ends = ticks_add(ticks_ms(), _LONGEST_MS)
    pressed, ended_by_rest = key.NO_KEY, False
    try:
        while ticks_diff(ends, ticks_ms()) > 0:
            event: "int | CardData" = pressed
            if pressed == key.NO_KEY:
                event = await _idle(practice)
            pressed = await _told(practice, event)
    except TimedOut:
        ended_by_rest = True
    except Cancelled:
        pass  # the normal end
    counter.log.event("training ends")
    if ended_by_rest and counter.staff is not None:
        counter.staff.leave()  # nobody has been there for long
    return key.NO_KEY


async def _idle(practice: Counter) -> "int | CardData":
    """The next key or card. Raises TimedOut when nobody is there any more."""
    text = practice.panel.text
    lines: "list[Line]" = [
        (GAP, ""),
        (BIG, text.get("big_ready")),
        (TEXT, text.get("idle_hint")),
        (TEXT, text.get("training_free")),
        (HINT, text.get("training_end")),
    ]
    try:
        return await practice.panel.key_or_card(lambda: lines, _REST_MS)
    except CardError as error:
        return await practice.teller.refusal(error.code, error.count)


async def _told(practice: Counter, event: "int | CardData") -> int:
    """One story to its end; the key that begins the next. Raises Cancelled when the training is over."""
    try:
        if not isinstance(event, int):
            return await balance(practice, event)
        if event == key.SALE or key.typed(event):
            return await sale(practice, key.NO_KEY if event == key.SALE else event)
        if event == key.REDEEM:
            return await redeem(practice)
        if event == key.BALANCE:
            return await balance(practice, None)
    except (Cancelled, TimedOut):
        return key.NO_KEY
    except Refused as refusal:
        return await practice.teller.refusal(refusal.code)
    except VafaError as error:
        practice.log.error(error, "training")
        return await practice.teller.refusal(error.code)
    if event == key.MENU:
        await _menu(practice)
    return key.NO_KEY


async def _menu(practice: Counter) -> None:
    """Raises Cancelled when the training is over."""
    text = practice.panel.text
    note = ""
    while True:
        items = ["1 " + text.get("menu_reprint"), "9 " + text.get("training_over")]
        try:
            chosen = await practice.panel.choice(items, note)
        except (Cancelled, TimedOut):
            return
        if chosen == 9:
            raise Cancelled()
        try:
            note = await reprint(practice)
        except Refused as refusal:
            note = text.error(refusal.code)[0]

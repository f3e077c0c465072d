"""MENU: print the last receipt again, send what waits, what support asks for, what was rejected, end of shift."""

from firmware.core.errors import Refused
from firmware.core.refusals import NOTHING_TO_REPRINT, PRINTER_NOT_READY
from firmware.core.visiting import visit
from firmware.screen import screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter


async def menu(counter: "Counter") -> int:
    """The menu stays until it is cancelled or nobody presses a key."""
    text = counter.panel.text
    note = ""
    while True:
        rejected = text.get("menu_rejected", counter.journal.dead_count())
        items = [text.get("menu_reprint"), text.get("menu_send"), text.get("menu_info"), rejected]
        items.append(text.get("menu_shift"))
        chosen = await counter.panel.choice(items, note)
        if chosen == 1:
            reprint(counter)
            note = text.get("menu_printed")
        elif chosen == 2:
            counter.switch.wake()
            note = text.get("menu_sent")
        elif chosen == 5:
            with visit("firmware.cashier.shift"):
                from firmware.cashier.shift import end_shift

                return await end_shift(counter, counter.office.shift())
        elif chosen == 4:
            note = ""
            with visit("firmware.cashier.letters"):
                from firmware.cashier.letters import letters

                await letters(counter)
        else:
            note = ""
            await counter.panel.acknowledge(screens.info(text, counter.shop.terminal_id, counter.status()))


def reprint(counter: "Counter") -> None:
    """The last accrual or redemption once more, from the journal. Raises Refused."""
    counter.books.need_members()
    entry = counter.books.last_entry()
    if entry is None:
        raise Refused(NOTHING_TO_REPRINT)
    if not counter.teller.print(counter.books.outcome_of_entry(entry), True):
        raise Refused(PRINTER_NOT_READY)

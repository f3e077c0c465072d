"""MENU 9, my shift: what the clerk at the till did in the open batch so far, on the screen; nothing ends by it."""

import asyncio

from firmware.core.errors import Cancelled, TimedOut
from firmware.core.visiting import visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter


class _Patience:
    """Lets others run while the journal is read."""

    def __init__(self, counter: "Counter") -> None:
        self._panel = counter.panel

    async def wait(self, ms: int, done: int, total: int) -> None:
        """One turn."""
        self._panel.beat()
        await asyncio.sleep_ms(ms)


async def my_shift(counter: "Counter") -> str:
    """Page after page until the last or CANCEL; the note for the menu. Raises StoreError."""
    text, clerk = counter.panel.text, counter.books.clerk
    with visit("firmware.store.slots", "firmware.screen.shift", "firmware.loyalty.totals", "firmware.switch.batch"):
        from firmware.screen import shift as screens
        from firmware.switch.batch import added_up

        batch = counter.office.shift().batch()
        counter.panel.show(screens.busy(text, 0, 0, 0))
        totals, _whole = await added_up(counter.journal, batch, _Patience(counter), worth=counter.books.money.worth)
        try:
            for row in totals.rows():
                if row[1] == clerk:
                    await counter.panel.page(screens.figures(text, row, totals.new_money))
            await counter.panel.page(screens.visits(text, totals.visits(clerk)))
        except (Cancelled, TimedOut):
            return ""
    return text.get("my_shift_end")

"""How a flow tells its end: screen, sound, receipt. One place, so that every outcome is told the same way."""

from micropython import const

from firmware.core.errors import Refused
from firmware.core.types import ACCRUAL
from firmware.core.visiting import visit
from firmware.loyalty.outcome import DONE
from firmware.receipt.content import receipt_lines
from firmware.screen import outcomes, screens
from firmware.screen.keys import DOWN, NO_KEY
from firmware.screen.lines import HINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    from firmware.core.log import Log
    from firmware.loyalty.outcome import Outcome
    from firmware.receipt.content import Shop
    from firmware.receipt.lines import Line
    from firmware.receipt.spool import Spool
    from firmware.screen.panel import Panel

_COPIES = const(("r_customer_copy", "r_merchant_copy"))


class Teller:
    """Tells outcomes and refusals; each returns the key that ended the screen, which may begin the next story."""

    def __init__(self, panel: "Panel", spool: "Spool", shop: "Shop", log: "Log") -> None:
        self._panel = panel
        self.spool = spool
        self._shop = shop
        self._log = log
        self._told_of_paper = False  # in this outage

    async def outcome(self, told: "Outcome") -> int:
        """Screen, sound and receipt of a transaction. The paper never holds up the sale."""
        self._log.event("outcome {} ref {} {}".format(told.kind, told.rrn, told.code or "ok"))
        lines = outcomes.outcome(self._panel.text, told)
        if told.kind == DONE and not self.spool.fitted:
            lines = lines[:-1] + [(HINT, self._panel.text.get("hint_read"))]
        self._panel.tell(lines)
        if told.kind != DONE:
            self._panel.signals.refused()
        elif told.offline:
            self._panel.signals.offline_ok()
        else:
            self._panel.signals.ok()
        # A sale that did not happen needs no paper; a redemption that did not is proof for the member.
        wanted = not ((told.kind != DONE and told.verb == ACCRUAL) or told.by_sms or not self.spool.fitted)
        if wanted:
            self.print(told, False)
        ended_by = await self._panel.acknowledge(lines)
        if ended_by == DOWN:
            ended_by = await self.read(receipt_lines(self._panel.text, self._shop, told, False))
        if told.kind == DONE and told.voucher and told.verb == ACCRUAL:
            ended_by = max(ended_by, await self._prize(told))
        if told.kind == DONE and told.new_tier and ended_by == NO_KEY:
            # After the outcome: a key that begins the next story has said that nobody waits for it; the paper tells it.
            ended_by = await self._level_up(told)
        if not wanted or ended_by != NO_KEY:
            return ended_by
        # Once per outage, after the outcome: it asks nothing of the customer.
        code, told_before = self.spool.code, self._told_of_paper
        self._told_of_paper = code != ""
        return (
            await self._panel.acknowledge(screens.error(self._panel.text, code)) if code and not told_before else NO_KEY
        )

    async def _prize(self, told: "Outcome") -> int:
        """A purchase that won: the voucher's number, whoever is in a hurry."""
        with visit("firmware.screen.vouchers"):
            from firmware.screen.vouchers import won

            self._panel.signals.ok()
            return await self._panel.acknowledge(won(self._panel.text, told.voucher, told.good_until, told.words))

    async def _level_up(self, told: "Outcome") -> int:
        """Once, with a screen and a sound of its own."""
        with visit("firmware.screen.standing"):
            from firmware.screen.standing import level_up

            lines = level_up(self._panel.text, told)
        self._panel.tell(lines)
        self._panel.signals.level_up()
        return await self._panel.acknowledge(lines)

    async def read(self, lines: "Iterable[Line]") -> int:
        """What would be on paper, on the screen; the key that ended it."""
        with visit("firmware.cashier.paper_pages"):
            from firmware.cashier.paper_pages import pages

            return await pages(self._panel, lines)

    async def again(self, told: "Outcome") -> str:
        """A receipt once more; without a printer on the screen. A note for the menu. Raises Refused."""
        text = self._panel.text
        if not self.spool.fitted:
            await self.read(receipt_lines(text, self._shop, told, True))
            return ""
        if not self.print(told, True):
            raise Refused(self.spool.code)
        return text.get("menu_printed")

    def print(self, told: "Outcome", reprint: bool) -> bool:
        """Whether the printer takes a receipt; MENU prints it again later from the journal."""
        text = self._panel.text
        marks = [text.get(name) for name in _COPIES[: self.spool.form.copies]]
        return self.spool.hand(receipt_lines(text, self._shop, told, reprint), marks, text.rtl)

    async def paper(self, lines: "Iterable[Line]") -> bool:
        """Whether these lines are on paper now, or were read where there is no printer. Waits for it."""
        if not self.spool.fitted:
            await self.read(lines)
            return True
        if not self.spool.hand(lines, ("",), self._panel.text.rtl):
            return False
        return await self.spool.printed(self._panel.beat)

    async def refusal(self, code: str, count: int = 0) -> int:
        """What happened, what to do next, the code, and the low tone; `count` cards where that is the matter."""
        lines = screens.error(self._panel.text, code, count)
        self._panel.show(lines)
        self._panel.signals.refused()
        return await self._panel.acknowledge(lines)

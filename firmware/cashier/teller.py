"""How a flow tells its end: screen, sound, receipt. One place, so that every outcome is told the same way."""

from firmware.core.refusals import PRINTER_NOT_READY
from firmware.core.types import ACCRUAL
from firmware.loyalty.outcome import DONE
from firmware.receipt.content import receipt_lines
from firmware.receipt.printing import print_lines
from firmware.screen import outcomes, screens
from firmware.screen.keys import NO_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    from firmware.core.log import Log
    from firmware.core.ports import Printer
    from firmware.loyalty.outcome import Outcome
    from firmware.receipt.content import Shop
    from firmware.screen.panel import Panel


class Teller:
    """Tells outcomes and refusals; each returns the key that ended the screen, which may begin the next story."""

    def __init__(self, panel: "Panel", printer: "Printer", shop: "Shop", log: "Log") -> None:
        self._panel = panel
        self._printer = printer
        self._shop = shop
        self._log = log
        self._paper_missed = False

    async def outcome(self, told: "Outcome") -> int:
        """Screen, sound and receipt of a transaction. The paper never holds up the sale."""
        self._log.event("outcome {} ref {} {}".format(told.kind, told.rrn, told.code or "ok"))
        lines = outcomes.outcome(self._panel.text, told)
        self._panel.show(lines)
        if told.kind != DONE:
            self._panel.signals.refused()
        elif told.offline:
            self._panel.signals.offline_ok()
        else:
            self._panel.signals.ok()
        # A sale that did not happen needs no paper; a redemption that did not is proof for the member.
        printed = (told.kind != DONE and told.verb == ACCRUAL) or self.print(told, False)
        ended_by = await self._panel.acknowledge(lines)
        missed_before, self._paper_missed = self._paper_missed, not printed
        if printed or missed_before or ended_by != NO_KEY:
            return ended_by
        # Once per empty roll, after the outcome: it asks nothing of the customer.
        return await self._panel.acknowledge(screens.error(self._panel.text, PRINTER_NOT_READY))

    def print(self, told: "Outcome", reprint: bool) -> bool:
        """Whether a receipt was printed; MENU prints it again later from the journal."""
        return print_lines(self._printer, receipt_lines(self._panel.text, self._shop, told, reprint), self._log)

    def paper(self, lines: "Iterable[str]") -> bool:
        """Whether these lines, 32 characters each, were printed."""
        return print_lines(self._printer, lines, self._log)

    async def refusal(self, code: str, count: int = 0) -> int:
        """What happened, what to do next, the code, and the low tone; `count` cards where that is the matter."""
        lines = screens.error(self._panel.text, code, count)
        self._panel.show(lines)
        self._panel.signals.refused()
        return await self._panel.acknowledge(lines)

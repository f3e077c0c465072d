"""What every flow at the counter works with: joined once by `app`, passed to each flow, owning no logic of its own."""

from firmware.core.types import CLOCK_NEVER_SET
from firmware.screen import screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.books import Books
    from firmware.cashier.letters import Office
    from firmware.cashier.teller import Teller
    from firmware.core.clock import Clock
    from firmware.core.log import Log
    from firmware.core.ports import Journal, Switch
    from firmware.receipt.content import Shop
    from firmware.screen.panel import Panel


class Limits:
    """What the cashier's keys may do. Amounts in minor units."""

    def __init__(self, max_amount: int, again_within_s: int) -> None:
        self.max_amount = max_amount
        self.again_within_s = again_within_s


class Counter:
    """What a flow needs, joined once by `app`."""

    def __init__(
        self,
        panel: "Panel",
        books: "Books",
        switch: "Switch",
        journal: "Journal",
        clock: "Clock",
        teller: "Teller",
        shop: "Shop",
        limits: Limits,
        log: "Log",
        office: "Office",
    ) -> None:
        self.panel = panel
        self.books = books
        self.switch = switch
        self.journal = journal
        self.clock = clock
        self.teller = teller
        self.shop = shop
        self.limits = limits
        self.log = log
        self.office = office

    def status(self) -> screens.Status:
        """The terminal's state for the idle screen and the info page."""
        waiting, oldest_age_s, policy = self.journal.pending_count(), self.books.oldest_age_s(), self.books.policy
        time = None
        if self.clock.quality != CLOCK_NEVER_SET:
            time = self.clock.now_local()[3:5]
        return screens.Status(
            self.switch.online(),
            waiting,
            oldest_age_s,
            self.journal.dead_count(),
            time,
            self.shop.name,
            self.switch.halted(),
            policy.fill(waiting),
            oldest_age_s >= policy.warn_age_s,
        )

"""What every flow at the counter works with: joined once by `app`, passed to each flow, owning no logic of its own."""

from firmware.core.types import CLOCK_NEVER_SET
from firmware.screen import screens
from firmware.text import days

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.cashier.attendance import Attendance
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

    def __init__(self, max_amount: int, again_within_s: int, channel: str = "ask", register_ms: int = 90_000) -> None:
        self.max_amount = max_amount
        self.again_within_s = again_within_s
        self.channel = channel  # how a new member hears of sales: ask, sms or paper
        self.register_ms = register_ms  # how long a card is waited for when the cash register ordered


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
        staff: "Attendance | None" = None,
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
        self.greets = False  # whether a sale begins with a greeting
        self.notice: "Callable[[], tuple[str, str] | None] | None" = None  # two lines in place of the idle screen
        self.staff = staff  # None: this terminal knows of no clerks

    def new_day(self) -> None:
        """Before a story: what is sold in it is in the currency of this day, to its end."""
        money = self.books.money
        if money.look(days.of(self.clock.now_utc())):
            self.log.event("what is sold from now on is in currency {}".format(money.now.code))

    async def allow(self, right: str, amount: int = 0) -> int:
        """Whether who stands at the till may do this: the number of the supervisor who allowed it by a PIN, 0 when
        nobody had to. `amount` is in what the right is limited by, money or points. Raises Refused, Cancelled."""
        return await self.staff.allow(self, right, amount) if self.staff is not None else 0

    def supervisor(self) -> int:
        """The number of the supervisor who stands at the till, 0 when a clerk does or nobody in particular."""
        return self.staff.clerk if self.staff is not None and self.staff.role > 1 else 0

    def status(self) -> screens.Status:
        """The terminal's state for the idle screen and the info page."""
        waiting, oldest_age_s, policy = self.journal.pending_count(), self.books.oldest_age_s(), self.books.policy
        time = None
        if self.clock.quality != CLOCK_NEVER_SET:
            time = self.clock.now_local()[3:5]
        staff = self.staff
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
            staff is not None and staff.locked(),
            staff.clerk if staff is not None else 0,
            self.teller.spool.code,
        )

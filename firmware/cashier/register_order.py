"""One order of the cash register: what was ordered, how far it is, and what the flow that carries it out tells of it.

Knows no journal and no line. Money in minor units, times in milliseconds.
"""

from time import ticks_diff, ticks_ms

from micropython import const

from firmware.core.types import ACCRUAL, REDEMPTION, VOID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.loyalty.outcome import Balance

# What may be ordered.
SALE, TAKE_BACK, BALANCE = const(1), const(2), const(3)
_VERBS = ((), (ACCRUAL, REDEMPTION), (VOID,), ())
# How the points of a sale are meant.
EARN, BURN, ASK = "earn", "burn", "ask"
# How far an order is, in this order.
STATES = ("", "waiting_card", "card", "asking", "sending", "done")
ACCEPTED, WAITING, CARD, ASKING, SENDING, DONE = range(6)


class Order:
    """One order. `seq` is its record in the journal, 0 none yet; `ended` the outcome of one that has no record."""

    def __init__(self, ref: str, kind: int, amount: int, use: str, of: int, longest_ms: int) -> None:
        self.ref = ref
        self.kind = kind
        self.amount = amount
        self.use = use
        self.of = of  # SEQ of what is taken back
        self.state = ACCEPTED
        self.seq = 0
        self.ended = ""
        self.code = ""
        self.booked = False
        self.balance: "Balance | None" = None
        self.cancelling = False
        self.running = True
        self.on_change: "Callable[[Order], None] | None" = None
        self._since = ticks_ms()
        self._longest_ms = longest_ms

    def wish(self) -> "tuple[int, int, str]":
        """What one reference stands for: with another it may not come again."""
        return self.kind, self.of if self.kind == TAKE_BACK else self.amount, self.use

    # --- what the flow tells ------------------------------------------------------------------------------------------

    def wants(self, verb: int) -> bool:
        """Whether a record of this verb is what was ordered."""
        return verb in _VERBS[self.kind]

    def recorded(self, seq: int) -> None:
        """It is in the journal."""
        self.seq = seq
        self.move(SENDING)

    def decided(self, seq: int) -> None:
        """What became of it is known."""
        self.seq = seq
        self.move(DONE)

    def balance_of(self, told: "Balance") -> None:
        """These points were shown."""
        self.balance, self.ended = told, "approved"
        self.move(DONE)

    def looked(self, with_card: bool) -> bool:
        """Somebody is asked something; whether it is to end."""
        if not with_card and self.state == CARD:
            self.move(ASKING)
        return self.withdrawn()

    def withdrawn(self) -> bool:
        """Whether it may come to no record any more."""
        if self.seq or self.state == DONE:
            return False
        return self.cancelling or self.late()

    def late(self) -> bool:
        """Whether it lasts too long."""
        return ticks_diff(ticks_ms(), self._since) >= self._longest_ms

    def over(self, ended: str, code: str = "") -> None:
        """The story has ended; with a record the journal knows better how."""
        if not self.seq and not self.ended:
            self.ended, self.code = ended, code
        self.move(DONE)

    def move(self, state: int) -> None:
        """A step on; never one back."""
        if state > self.state:
            self.state = state
            if self.on_change is not None:
                self.on_change(self)

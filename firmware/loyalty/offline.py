"""What this terminal may approve without the switch. Pure: numbers in, a decision out.

Earning offline is on by default, spending offline is not part of the programme: a UID can be copied and two terminals
cannot see each other's spending.
"""

from firmware.core.refusals import CARD_BLOCKED, NEEDS_CONNECTION, OFFLINE_NOT_ALLOWED, QUEUE_FULL
from firmware.core.types import ACCRUAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable


class Decision:
    """`code` is "" when approved, else the refusal."""

    def __init__(self, code: str = "") -> None:
        self.code = code
        self.approved = code == ""


class OfflinePolicy:
    """Limits of one terminal. `blocked` answers whether a UID is on the hotlist."""

    def __init__(
        self, earn_allowed: bool, queue_limit: int, review_above: int, blocked: "Callable[[bytes], bool] | None" = None
    ) -> None:
        self.earn_allowed = earn_allowed
        self.queue_limit = queue_limit
        self.review_above = review_above
        self._blocked = blocked

    def blocked(self, uid: bytes) -> bool:
        """Whether this card may do nothing at all, online or offline."""
        return self._blocked is not None and self._blocked(uid)

    def decide(self, verb: int, uid: bytes, pending_count: int) -> Decision:
        """May a transaction of this verb be approved here and now? Every readable card earns, also an unknown one."""
        if self.blocked(uid):
            return Decision(CARD_BLOCKED)
        if verb != ACCRUAL:
            return Decision(NEEDS_CONNECTION)
        if not self.earn_allowed:
            return Decision(OFFLINE_NOT_ALLOWED)
        if pending_count >= self.queue_limit:
            return Decision(QUEUE_FULL)
        return Decision()

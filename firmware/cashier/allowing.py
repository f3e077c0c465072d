"""What each role may do, with limits from configuration; above them a supervisor's number and PIN, on the spot.

`staff_roles` is the lowest role of each right, `staff_limits` how far it goes alone. What is counted by the shift is
counted in the journal, so no restart gives any of it back. Money is in the currency of the settings, before any
redenomination.
"""

from micropython import const

from firmware.cashier.open_batch import kept
from firmware.core.errors import Refused
from firmware.core.keyed import is_keyed
from firmware.core.refusals import ABOVE_LIMIT
from firmware.core.types import ACCRUAL, ISSUE, REFUSED, REVERSED
from firmware.store.staff import CLERK, LIMITS, RIGHTS, ROLES, STAFF_RIGHT, SUPERVISOR
from firmware.switch.profile import TAG_REASON, TAG_SUPERVISOR
from firmware.switch.tlv import every

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.attendance import Attendance
    from firmware.cashier.counter import Counter

# Places in staff_limits.
RECOVERY_SHIFT = const(0)  # all of a clerk's in a shift
REFUND = const(1)
REFUND_SUPERVISOR = const(2)
KEYED_SHIFT = const(3)  # how many sales without a card
REDEEM_OFFLINE = const(4)  # points
GIFT = const(5)  # one gift card of a clerk
GIFT_SHIFT = const(6)
GIFT_SUPERVISOR = const(7)
_FOR_SHIFT = {"recovery": RECOVERY_SHIFT, "keyed": KEYED_SHIFT, "gift_card": GIFT_SHIFT}
_NO_LIMIT = const(999_999_999_999)


async def allow(counter: "Counter", staff: "Attendance", right: str, amount: int) -> int:
    """0: who stands at the till may. Else the number of the supervisor who typed a PIN for it. Raises Refused when
    nobody here may, Cancelled."""
    role = SUPERVISOR if right == STAFF_RIGHT else _of(staff.roles, ROLES, RIGHTS.index(right))
    if amount > _highest(counter, staff, right, max(staff.role, SUPERVISOR)):
        raise Refused(ABOVE_LIMIT, "{} {} is above every limit".format(right, amount))
    enough = staff.role >= role and amount <= _highest(counter, staff, right, staff.role)
    if enough and staff.role == CLERK and right in _FOR_SHIFT:
        used = await _used(counter, staff, right)
        enough = used + (1 if right == "keyed" else amount) <= _limit(staff, _FOR_SHIFT[right])
    if enough:
        return 0
    counter.log.event("clerk {} needs a supervisor: {}".format(staff.clerk, right))
    from firmware.cashier.login import called

    clerk = await called(counter, staff)
    if clerk.role < max(role, SUPERVISOR):
        raise Refused(ABOVE_LIMIT, "clerk {} may not allow {}".format(clerk.number, right))
    counter.log.event("supervisor {} allows clerk {}: {} {}".format(clerk.number, staff.clerk, right, amount))
    staff.touch()
    return clerk.number


def _highest(counter: "Counter", staff: "Attendance", right: str, role: int) -> int:
    """The most of a right this role goes to alone."""
    if right == "recovery":
        return counter.books.rules.recovery_limits[role - 1]
    if right == "refund":
        return _limit(staff, REFUND if role == CLERK else REFUND_SUPERVISOR)
    if right == "gift_card":
        return _limit(staff, GIFT if role == CLERK else GIFT_SUPERVISOR)
    return _limit(staff, REDEEM_OFFLINE) if right == "redeem_offline" and role == CLERK else _NO_LIMIT


def _limit(staff: "Attendance", place: int) -> int:
    return _of(staff.limits, LIMITS, place)


def _of(given: "tuple[int, ...]", else_: "tuple[int, ...]", place: int) -> int:
    """What configuration says, or what counts where it was written before there was such a place."""
    return (given if place < len(given) else else_)[place]


async def _used(counter: "Counter", staff: "Attendance", right: str) -> int:
    """What this clerk used up of a right in the open batch, without what a supervisor allowed."""
    import asyncio

    history = counter.journal.history(kept(staff.rooms.small_values())[1])
    while history.load():
        counter.panel.beat()
        await asyncio.sleep_ms(0)
    used = 0
    for entry in history:
        t = entry.transaction
        if t.clerk != staff.clerk or every(t.details, TAG_SUPERVISOR):
            continue
        if entry.state in (REFUSED, REVERSED):
            continue  # it came to nothing
        if right == "keyed":
            used += t.verb == ACCRUAL and is_keyed(t.uid)
        elif t.verb == ISSUE and (right == "recovery") == bool(every(t.details, TAG_REASON)):
            # a gift card that is paid for has no reason
            used += counter.books.money.in_old(t.amount, t.new_money)
    return used

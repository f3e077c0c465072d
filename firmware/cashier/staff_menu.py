"""MENU 9: log out, my shift, training, clerks. Where nobody works here yet, clerks begins with the first supervisor."""

from micropython import const

from firmware.core.visiting import visit
from firmware.screen import keys as key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter

# What each of the two loads, with care for the heap.
_LIST = const(
    (
        "firmware.store.slots",
        "firmware.store.staff",
        "firmware.core.pin",
        "firmware.screen.staff",
        "firmware.cashier.asking",
        "firmware.cashier.people",
    )
)
_FIRST = _LIST + ("firmware.screen.right", "firmware.cashier.right", "firmware.cashier.recovery")
TITLE = "title_staff"
# As in member_menu. The first two stand there where somebody works here; their digits are part of the words.
ITEMS = (
    ("staff_log_out", "", "", ""),
    ("staff_my_shift", "firmware.cashier.my_shift", "my_shift", ""),
    ("staff_training", "firmware.cashier.training", "training", "training"),
    ("staff_clerks", "firmware.cashier.clerks", "clerks", "staff"),
)
_ALONE = const(2)
_CLERKS = _LIST + ("firmware.cashier.login", "firmware.cashier.allowing", "firmware.cashier.clerks")


async def run(counter: "Counter") -> "int | str":
    """For the menu. Raises Refused, Cancelled, StoreError."""
    staff, text = counter.staff, counter.panel.text
    assert staff is not None
    items = [text.get(row[0]) for row in ITEMS[0 if staff.present else _ALONE :]]
    chosen = await counter.panel.choice(items, "", TITLE)
    if chosen == 1:
        staff.leave()
        counter.log.event("logged out")
        return key.NO_KEY
    if chosen == 2:
        with visit("firmware.cashier.my_shift"):
            from firmware.cashier.my_shift import my_shift

            return await my_shift(counter)
    if chosen == 3:
        await counter.allow("training")
        with visit("firmware.cashier.practice", "firmware.cashier.training"):
            from firmware.cashier.training import training

            return await training(counter)
    if not staff.present:
        with visit(*_FIRST):
            from firmware.cashier.recovery import by_right

            return await by_right(counter, staff)
    with visit(*_CLERKS):
        from firmware.cashier.clerks import clerks
        from firmware.store.staff import STAFF_RIGHT

        await counter.allow(STAFF_RIGHT)
        return await clerks(counter, staff)

"""The list of who works here, changed at the keypad: a new PIN twice, what may be one, who has it already.

Whether a PIN is somebody else's is asked of everybody alike and told like any other that cannot be taken: nobody learns
of another's. Never log a PIN.
"""

from micropython import const

from firmware.cashier.asking import digits, pin_of
from firmware.core import pin
from firmware.core.cmac import tag_equal
from firmware.core.errors import Refused
from firmware.core.refusals import PIN_NOT_TAKEN
from firmware.screen import screens as plain
from firmware.screen import staff as screens
from firmware.store.staff import CLERK, NUMBER_MAX, Clerk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.attendance import Attendance
    from firmware.cashier.counter import Counter
    from firmware.store.staff import StaffStore

_NUMBER_DIGITS = const(3)


async def number_of(counter: "Counter", title: str) -> int:
    """A number from 1 to 255. Raises Cancelled."""
    panel = counter.panel
    text = panel.text
    while True:
        typed = await digits(
            panel,
            lambda keyed: screens.number(text, text.get(title), text.get("staff_ask_clerk"), keyed, False),
            _NUMBER_DIGITS,
        )
        if typed and 1 <= int(typed) <= NUMBER_MAX:
            return int(typed)


async def new_pin(
    counter: "Counter", staff: "Attendance", store: "StaffStore", number: int, role: int
) -> "tuple[bytes, bytes] | None":
    """(salt, verifier) of a PIN that was typed twice, None when it was not the same. Raises Refused when it cannot be
    taken, Cancelled."""
    panel = counter.panel
    text = panel.text
    title = text.get("title_new_pin")
    length = pin.DIGITS if role == CLERK else pin.DIGITS_SENIOR
    typed = await pin_of(panel, title, "staff_pin_rule_4" if length == pin.DIGITS else "staff_pin_rule_6")
    if len(typed) != length or pin.too_easy(typed):
        raise Refused(PIN_NOT_TAKEN)
    if await pin_of(panel, title, "staff_pin_again") != typed:
        return None
    panel.show(screens.checking(text, title))
    key = pin.pin_key(staff.rooms.master, staff.terminal_id.encode())
    taken = False
    for clerk in store.clerks:
        same = tag_equal(await pin.verifier(key, typed, clerk.salt, panel.beat), clerk.verifier)
        taken = taken or (same and clerk.number != number)
    if taken:
        raise Refused(PIN_NOT_TAKEN)
    salt = b"".join([staff.rooms.board.random_number(32).to_bytes(4, "big") for _ in range(pin.SALT // 4)])
    return salt, await pin.verifier(key, typed, salt, panel.beat)


def put(staff: "Attendance", store: "StaffStore", clerk: Clerk) -> None:
    """Add or replace somebody; what was tried at the number is forgiven. Raises StoreError."""
    store.save([one for one in store.clerks if one.number != clerk.number] + [clerk])
    if store.tries(clerk.number):
        store.forgive(clerk.number)
    staff.failed_s.pop(clerk.number, None)
    staff.look()


async def saved(counter: "Counter", title: str) -> None:
    """Told in one screen."""
    panel = counter.panel
    panel.signals.ok()
    await panel.acknowledge(plain.notice(panel.text, panel.text.get(title), panel.text.get("clerks_saved")))

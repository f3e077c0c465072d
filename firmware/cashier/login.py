"""Number and PIN: who comes to the till, and who is called because somebody else may not.

The try is counted on flash before the PIN is checked and forgiven after a success of the same number; a cut in between
costs a try. A number that nobody has is asked, counted, checked and refused as any other. Waits count uptime and begin
again with each start, never the settable clock. Seconds. Never log a PIN.
"""

from micropython import const

from firmware.cashier.asking import digits, pin_of
from firmware.core import pin
from firmware.core.cmac import tag_equal
from firmware.core.errors import Cancelled, Refused
from firmware.core.refusals import PIN_LOCKED, PIN_PAUSED, PIN_WRONG
from firmware.core.visiting import visit
from firmware.screen import keys as key
from firmware.screen import staff as screens
from firmware.store.staff import NOBODY, NUMBER_MAX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence

    from firmware.cashier.attendance import Attendance
    from firmware.cashier.counter import Counter
    from firmware.screen.lines import Line
    from firmware.screen.panel import Panel
    from firmware.store.staff import Clerk, StaffStore

_FREE = const(3)  # wrong PINs before the first wait
_LOCKS = const(10)
_WAITS_S = const((30, 120, 480, 1800))
_NUMBER_DIGITS = const(3)
_RECOVERY = ("firmware.cashier.people", "firmware.screen.right", "firmware.cashier.right", "firmware.cashier.recovery")


def pause_s(tries: int) -> int:
    """How long nothing is checked after so many failures."""
    return 0 if tries < _FREE else _WAITS_S[min(tries - _FREE, len(_WAITS_S) - 1)]


def locked(tries: int) -> bool:
    """Whether only somebody else can help."""
    return tries >= _LOCKS


async def login(counter: "Counter", first_key: int) -> int:
    """Until somebody stands at the till, or nobody answers; the key that ended it. Raises Refused, Cancelled."""
    staff, panel = counter.staff, counter.panel
    assert staff is not None
    if staff.trouble:
        pressed = await counter.teller.refusal(staff.trouble)
        if pressed != key.MENU:
            return key.NO_KEY
        number = ""
    else:
        number = await digits(panel, _asks_number(panel), _NUMBER_DIGITS, key.typed(first_key), first_key == key.MENU)
    if not number:
        with visit(*_RECOVERY):
            from firmware.cashier.recovery import by_right

            return await by_right(counter, staff)
    typed = await pin_of(panel, panel.text.get("title_login"))
    store = staff.store()
    store.open()
    clerk = await checked(counter, staff, store, int(number), typed)
    staff.enter(clerk)
    panel.signals.ok()
    return await panel.acknowledge(screens.who(panel.text, clerk.number, clerk.role))


def _asks_number(panel: "Panel") -> "Callable[[str], Sequence[Line]]":
    text = panel.text
    return lambda keyed: screens.number(text, text.get("title_login"), text.get("staff_ask_number"), keyed, True)


async def checked(counter: "Counter", staff: "Attendance", store: "StaffStore", number: int, typed: str) -> "Clerk":
    """Whose number and PIN these are; a pause that still lasts is told here. Raises Refused, Cancelled, and StoreError
    when the try cannot be counted: then nothing was checked. `store` is open."""
    number = number if number <= NUMBER_MAX else NOBODY
    tries = store.tries(number)
    if locked(tries):
        raise Refused(PIN_LOCKED, "clerk {}".format(number))
    uptime_s = staff.rooms.uptime_s()
    left_s = staff.failed_s.get(number, 0) + pause_s(tries) - uptime_s
    panel = counter.panel
    if tries >= _FREE and left_s > 0:
        counter.log.fault(PIN_PAUSED, "clerk {}, {} s left".format(number, left_s))
        panel.signals.refused()
        await panel.acknowledge(screens.paused(panel.text, PIN_PAUSED, left_s))
        raise Cancelled()
    panel.show(screens.checking(panel.text, panel.text.get("title_login")))
    clerk = store.find(number)
    store.count(number)
    salt, kept = (clerk.salt, clerk.verifier) if clerk is not None else (bytes(pin.SALT), bytes(pin.SALT))
    found = await pin.verifier(pin.pin_key(staff.rooms.master, staff.terminal_id.encode()), typed, salt, panel.beat)
    if not tag_equal(found, kept) or clerk is None:
        staff.failed_s[number] = staff.rooms.uptime_s()
        raise Refused(PIN_WRONG, "clerk {}, {} in a row".format(number, tries + 1))
    store.forgive(number)
    staff.failed_s.pop(number, None)
    return clerk


async def called(counter: "Counter", staff: "Attendance") -> "Clerk":
    """Who was called to allow something, and typed number and PIN. Raises Cancelled, Refused."""
    panel = counter.panel
    text = panel.text
    number = ""
    while not number:
        number = await digits(panel, lambda keyed: screens.supervisor(text, keyed), _NUMBER_DIGITS)
    typed = await pin_of(panel, text.get("staff_needed_1"))
    store = staff.store()
    store.open()
    return await checked(counter, staff, store, int(number), typed)

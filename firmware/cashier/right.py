"""A right of the switch's operator, asked for at the keypad: a number is shown, eight digits come back."""

from micropython import const

from firmware.screen import keys as key
from firmware.screen import right as screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter

_DIGITS = const(8)
_CALL_MS = const(900_000)  # somebody telephones: as long as the number is good


async def authorised(counter: "Counter", right: str) -> None:
    """The right stands, or the switch's digits give it. Raises Cancelled, TimedOut and what the rights raise."""
    rights, panel = counter.office.rights(), counter.panel
    if rights.stands(right):
        return
    nonce = rights.ask(right)
    counter.log.event("right {} asked for".format(right))
    keyed = ""
    while True:
        pressed = await panel.key(screens.right(panel.text, right, nonce, keyed), _CALL_MS)
        typed = key.typed(pressed)
        if typed and len(keyed) + len(typed) <= _DIGITS:
            keyed += typed
        elif pressed == key.CLEAR:
            keyed = keyed[:-1]
        elif pressed == key.OK and len(keyed) == _DIGITS:
            rights.answer(keyed)
            counter.log.event("right {} given".format(right))
            return

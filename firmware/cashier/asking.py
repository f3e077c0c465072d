"""Numbers and PINs typed by staff: questions that several flows ask alike. Never log a PIN."""

from firmware.core import pin
from firmware.screen import keys as key
from firmware.screen import staff as screens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Sequence

    from firmware.screen.lines import Line
    from firmware.screen.panel import Panel


async def digits(
    panel: "Panel", draw: "Callable[[str], Sequence[Line]]", most: int, keyed: str = "", menu: bool = False
) -> str:
    """What was typed, at least one digit; "" for the menu key, or when it was pressed before. Raises Cancelled."""
    keyed = keyed[:most]
    while not menu:
        pressed = await panel.page(draw(keyed))
        typed = key.typed(pressed)
        if typed and len(keyed) + len(typed) <= most:
            keyed += typed
        elif pressed == key.CLEAR:
            keyed = keyed[:-1]
        elif pressed == key.OK and keyed:
            return keyed
        menu = pressed == key.MENU
    return ""


async def pin_of(panel: "Panel", title: str, what: str = "staff_ask_pin") -> str:
    """A PIN as it was typed; too short a one is wrong, and not told before it was checked."""
    text = panel.text
    while True:
        typed = await digits(
            panel, lambda keyed: screens.pin(text, title, text.get(what), len(keyed)), pin.DIGITS_SENIOR
        )
        if typed:
            return typed

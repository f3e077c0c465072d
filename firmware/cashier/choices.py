"""DOWN at the idle screen, and MENU 0: the language, which sounds are heard, how bright the screen is.

Each counts as soon as it is pressed. Languages name themselves, so who cannot read the screen finds the own one.
"""

from micropython import const

from firmware.cashier.menu import in_each
from firmware.text.catalogue import LANGUAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cashier.counter import Counter

TITLE = "title_choices"
# Below the languages, each of which is a row by its own name; as in member_menu.
ITEMS = (
    ("choice_sounds", "", "", ""),
    ("choice_brightness", "", "", ""),
)
# Bytes of a choice: two letters of the language, then these.
_BRIGHTNESS = const(2)
_SOUNDS = const(3)
_LEVELS = const(4)  # of brightness
_KINDS = const(3)  # of sounds: all, refusals, none


async def run(counter: "Counter") -> int:
    """Until it is cancelled. Raises Cancelled, TimedOut, StoreError."""
    office, text = counter.office, counter.panel.text
    while True:
        choice = office.chosen
        items = in_each(text, "language_name")
        items.append(text.get(ITEMS[0][0], text.get("sounds_{}".format(choice[_SOUNDS]))))
        items.append(text.get(ITEMS[1][0], choice[_BRIGHTNESS], _LEVELS))
        rows = ["{} {}".format(n + 1, item) for n, item in enumerate(items)]
        chosen = await counter.panel.choice(rows, "", TITLE) - 1
        changed = bytearray(choice)
        if chosen < len(LANGUAGES):
            changed[:_BRIGHTNESS] = LANGUAGES[chosen].encode()
        elif chosen == len(LANGUAGES):
            changed[_SOUNDS] = (choice[_SOUNDS] + 1) % _KINDS
        else:
            changed[_BRIGHTNESS] = choice[_BRIGHTNESS] % _LEVELS + 1
        office.choose(bytes(changed))
        counter.panel.signals.ok()

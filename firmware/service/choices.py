"""What the person at the counter chose for this terminal: language, brightness, sounds. Kept as a small value.

Whoever decided last is obeyed: beside each choice stands what the settings said when it was made. As long as they say
the same, the choice holds over restarts and whatever else the switch sends; once settings.json or the switch says
something new, that is the newer word. Four bytes: two letters of the language, brightness 1 to 4, which sounds.
One small value holds all of it, so a power cut leaves the old choice or the new one. Applies them, too; knows no key.
"""

from micropython import const

from firmware.screen.signals import SILENT
from firmware.text.catalogue import LANGUAGES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from firmware.settings import Settings

NAME = "choices"
_BYTES = const(4)
# Contrast of the display by brightness; the third is the controller's own after its reset.
_CONTRAST = const(b"\x08\x40\x7f\xff")


def given_by(settings: "Settings") -> bytes:
    """What the settings say."""
    from firmware.settings import SOUNDS

    sounds = SOUNDS.index(settings.text("sounds"))
    return settings.text("language").encode() + bytes((settings.number("brightness"), sounds))


def in_force(kept: bytes, given: bytes) -> bytes:
    """What counts at a start, of what was `kept` and what the settings have `given`."""
    if len(kept) != 2 * _BYTES:
        return given
    parts = []
    for first, end in ((0, 2), (2, 3), (3, 4)):
        chosen, then, now = kept[first:end], kept[_BYTES + first : _BYTES + end], given[first:end]
        parts.append(chosen if then == now else now)
    found = b"".join(parts)
    return found if _known(found) else given


def _known(choice: bytes) -> bool:
    return (
        choice[:2] in [language.encode() for language in LANGUAGES]
        and 1 <= choice[2] <= len(_CONTRAST)
        and choice[3] <= SILENT
    )


def apply(app: "Any", choice: bytes) -> None:
    """From now on. A display that does not answer gets its brightness when it does."""
    app.chosen, language = choice, choice[:2].decode()
    if language != app.panel.text.language:
        app.panel.text.use(language)
    app.signals.sounds = choice[3]
    try:
        app.display.contrast(_CONTRAST[choice[2] - 1])
    except OSError as error:
        app.log.fault("R02", "display: {}".format(error))


def choose(app: "Any", choice: bytes) -> None:
    """From now on and after every start; durable on return. Raises StoreError: then it counts until the next start."""
    apply(app, choice)
    slots = app.small_values()
    slots.open()
    slots.put(NAME, choice + app.given)
    app.log.event("chosen at the counter: {} brightness {} sounds {}".format(choice[:2].decode(), choice[2], choice[3]))

"""Which letters a text is set in: the grid of the built-in font, or Script for Persian and all that is not ASCII."""

from firmware.screen.grid import Grid
from firmware.screen.script import Script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.core.ports import Face

    class Language(Protocol):
        """What decides; it may change while the terminal runs."""

        rtl: bool


class Faces:
    """Both kinds of letters; Script's tables are opened when a text needs them first."""

    def __init__(self, language: "Language") -> None:
        self._language = language
        self._grid = Grid()
        self._script: "Script | None" = None

    @property
    def rtl(self) -> bool:
        """Whether a row begins at the right."""
        return self._language.rtl

    def of(self, text: str) -> "Face":
        """The letters for this text: the language's own, unless it does not have them."""
        if not self._language.rtl and _ascii(text):
            return self._grid
        if self._script is None:
            self._script = Script()
        return self._script


def _ascii(text: str) -> bool:
    return len(text) == len(text.encode("utf-8", "surrogatepass"))

"""Two lamps, green and red, active high. Knows no meaning of a colour; touches a pin only when its level changes."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Leds:
    """`green` and `red` are output pins, called with a value."""

    def __init__(self, green: "Any", red: "Any") -> None:
        self._green = green
        self._red = red
        self._lit = (False, False)
        green(0)
        red(0)

    def show(self, green: bool = False, red: bool = False) -> None:
        """Light exactly the lamps named."""
        if green != self._lit[0]:
            self._green(1 if green else 0)
        if red != self._lit[1]:
            self._red(1 if red else 0)
        self._lit = (green, red)

    def off(self) -> None:
        """Both dark."""
        self.show()

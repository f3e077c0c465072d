"""The two lamps, active high: their levels and the history of changes. Times in microseconds."""

from __future__ import annotations

from tools.sim.clock import SimClock


class Leds:
    """`seen` lists (time_us, name, lit) at each change."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.lit = {"green": False, "red": False}
        self.seen: list[tuple[int, str, bool]] = []

    @property
    def green(self) -> bool:
        """The green lamp."""
        return self.lit["green"]

    @property
    def red(self) -> bool:
        """The red lamp."""
        return self.lit["red"]

    def set(self, name: str, lit: bool) -> None:
        """The lamp's pin has this level now."""
        if self.lit[name] != lit:
            self.lit[name] = lit
            self.seen.append((self._clock.now_us, name, lit))

    def power_off(self) -> None:
        """Both dark."""
        for name in self.lit:
            self.set(name, False)

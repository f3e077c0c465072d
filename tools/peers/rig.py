"""What a foreign driver finds on its single-board computer: the modelled chip behind SPI and three pins, and a clock.

The stand-ins in `shims/` are thin faces of the rig in use. Costs are those of `tools.sim.board`, except that the chip
select costs nothing here: the SPI controller of those computers drives it. Times in microseconds.
"""

from __future__ import annotations

from collections.abc import Callable

from tools.peers.air import AirTime
from tools.sim.board import PIN_CALL_US, SPI_CALL_US
from tools.sim.cards.field import Field
from tools.sim.chips.rc522 import Rc522
from tools.sim.clock import SimClock

_EDGE_STEP_US = 50  # how finely the line is looked at while a driver waits for its edge


class Rig:
    """One chip, one driver. `Rig.current` is what the stand-ins reach."""

    current: Rig

    def __init__(self) -> None:
        self.clock = SimClock()
        self.field = Field(self.clock)
        self.air = AirTime(self.clock, self.field)
        self.chip = Rc522(self.clock, self.field, soft_reset_us=0)  # these drivers do not wait for it
        self.transactions = 0
        self._on_edge: Callable[[], object] | None = None
        self._level = 1
        self.clock.advance(10_000)  # the crystal has started long ago

    def transfer(self, tx: bytes, spi_hz: int) -> list[int]:
        """One transaction."""
        self.transactions += 1
        self.clock.advance(SPI_CALL_US - (-len(tx) * 8_000_000 // spi_hz))
        self.chip.select()
        rx = self.chip.transfer(tx)
        self.chip.deselect()
        self._look()
        return list(rx)

    def set_reset(self, level: int) -> None:
        """The reset line."""
        self.clock.advance(PIN_CALL_US)
        self.chip.set_reset_pin(level)

    def irq(self) -> int:
        """The interrupt line, pulled up."""
        self.clock.advance(PIN_CALL_US)
        return self._line()

    def on_falling_irq(self, callback: Callable[[], object]) -> None:
        """The kernel calls back at an edge; that costs the driver nothing."""
        self._on_edge = callback

    def sleep(self, seconds: float) -> None:
        """time.sleep."""
        left_us = round(seconds * 1_000_000)
        while left_us > 0:
            step = min(left_us, _EDGE_STEP_US)
            self.clock.advance(step)
            self._look()
            left_us -= step

    def _line(self) -> int:
        driven = self.chip.irq_pin()
        return 1 if driven is None else driven

    def _look(self) -> None:
        before, self._level = self._level, self._line()
        if before and not self._level and self._on_edge is not None:
            self._on_edge()


class SimulatedTime:
    """The `time` a driver imports. Any name it does not have is an AttributeError."""

    @staticmethod
    def sleep(seconds: float) -> None:
        """Only the simulated clock moves."""
        Rig.current.sleep(seconds)

    @staticmethod
    def time() -> float:
        """Seconds on the simulated clock."""
        return Rig.current.clock.now_us / 1_000_000


class SimulatedEvent:
    """The `threading.Event` a driver waits on."""

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        """It happened."""
        self._set = True

    def clear(self) -> None:
        """Not yet."""
        self._set = False

    def wait(self, seconds: float) -> bool:
        """Whether it happens in time; looks every 0.1 ms of simulated time."""
        end_us = Rig.current.clock.now_us + round(seconds * 1_000_000)
        while not self._set and Rig.current.clock.now_us < end_us:
            Rig.current.sleep(0.0001)
        return self._set


class SimulatedThreading:
    """The `threading` a driver imports."""

    Event = SimulatedEvent

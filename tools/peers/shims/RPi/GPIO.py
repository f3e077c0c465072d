"""Stand-in for `RPi.GPIO`: reset and interrupt line of the modelled chip, by their usual board pins. Ours."""

from __future__ import annotations

from collections.abc import Callable

from tools.peers.rig import Rig

BOARD, BCM = 10, 11
OUT, IN = 0, 1
PUD_UP = 22
FALLING = 32
_RESET, _IRQ = {BOARD: 22, BCM: 25}, {BOARD: 18, BCM: 24}

_mode: list[int] = []


def getmode() -> int | None:
    """How pins are numbered, None when nobody said."""
    return _mode[0] if _mode else None


def setmode(mode: int) -> None:
    """Number pins in one of two ways."""
    _mode[:] = [mode]


def setup(pin: int, direction: int, pull_up_down: int | None = None) -> None:
    """Reset is an output, the interrupt line an input with a pull-up."""
    _known(pin, direction)
    if direction == IN and pull_up_down != PUD_UP:
        raise ValueError("the interrupt line is open drain and needs its pull-up")


def output(pin: int, level: int) -> None:
    """Set the reset line."""
    _known(pin, OUT)
    Rig.current.set_reset(level)


def input(pin: int) -> int:
    """Read the interrupt line."""
    _known(pin, IN)
    return Rig.current.irq()


def add_event_detect(pin: int, edge: int, callback: Callable[[int], object]) -> None:
    """Call back at every falling edge of the interrupt line."""
    _known(pin, IN)
    if edge != FALLING:
        raise ValueError("only falling edges are modelled")
    Rig.current.on_falling_irq(lambda: callback(pin))


def cleanup() -> None:
    """Forget the numbering."""
    _mode.clear()


def _known(pin: int, direction: int) -> None:
    expected = (_RESET if direction == OUT else _IRQ)[_mode[0]]
    if pin != expected:
        raise ValueError(f"nothing hangs on pin {pin}")

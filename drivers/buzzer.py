"""A passive buzzer on a PWM output. Starts and stops tones, knows no melodies, does not wait. Frequencies in hertz."""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HALF = const(32768)  # of 65536: a square wave is loudest


class Buzzer:
    """`pwm` offers `freq(hz)` and `duty_u16(value)`."""

    def __init__(self, pwm: "Any") -> None:
        self._pwm = pwm
        self._hz = 0

    def tone(self, hz: int) -> None:
        """Sound `hz` until told otherwise; 0 is silence."""
        if hz == self._hz:
            return
        if hz:
            self._pwm.freq(hz)
            self._pwm.duty_u16(_HALF)
        else:
            self._pwm.duty_u16(0)
        self._hz = hz

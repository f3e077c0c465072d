"""A passive buzzer on a PWM pin: keeps what was to be heard. It knows no melodies; times in microseconds."""

from __future__ import annotations

from tools.sim.clock import SimClock


class Buzzer:
    """`heard` lists (time_us, hz) at each change; 0 Hz is silence."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.hz = 0
        self.heard: list[tuple[int, int]] = []

    def pwm(self, freq_hz: int, duty_u16: int) -> None:
        """The pin's PWM now runs so; a duty of nothing or everything makes no sound."""
        hz = freq_hz if 0 < duty_u16 < 65535 else 0
        if hz != self.hz:
            self.hz = hz
            self.heard.append((self._clock.now_us, hz))

    def power_off(self) -> None:
        """No current, no sound."""
        self.pwm(0, 0)

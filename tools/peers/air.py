"""What is on air over one field, noted frame by frame; of the chip model it needs nothing. Times in microseconds."""

from __future__ import annotations

from tools.sim.cards.field import Field
from tools.sim.cards.frames import ANSWER_DELAY, Frame, Heard, us_of
from tools.sim.clock import SimClock


class AirTime:
    """Sums exchanges from the first bit of a frame to the last bit of its answer, the card's own thinking left out."""

    def __init__(self, clock: SimClock, field: Field) -> None:
        self._clock, self._transmit = clock, field.transmit
        field.transmit = self._noted
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.frames = 0
        self.us = 0  # on air
        self.card_us = 0  # cards took to think, beyond the least delay of an answer
        self.began_us: int | None = None
        self.ended_us = 0

    @property
    def span_us(self) -> int:
        """From the first bit to the last, with everything between, less what cards took to think."""
        return 0 if self.began_us is None else self.ended_us - self.began_us - self.card_us

    def _noted(self, frame: Frame) -> Heard | None:
        now_us = self._clock.now_us
        heard = self._transmit(frame)
        sent = frame.cycles
        answered = thought = 0
        if heard is not None:
            answered, thought = ANSWER_DELAY + heard.cycles, heard.delay
        self.frames += 1
        self.us += us_of(sent + answered)
        self.card_us += us_of(thought)
        self.began_us = now_us - us_of(sent) if self.began_us is None else self.began_us
        self.ended_us = now_us + us_of(answered + thought)
        return heard

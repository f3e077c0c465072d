"""The RF field: which cards lie in it, whether it is on, what they answer together, and what goes wrong on the way.

It knows frames and cards, nothing of the reader chip. A card needs `start_up_us` of unmodulated field before it hears.
Faults are exact (a card leaves at the n-th frame from now) or drawn from a seeded generator. Times in microseconds.
"""

from __future__ import annotations

import random
from typing import Protocol

from tools.sim.cards.frames import ETU, Answer, Frame, Heard
from tools.sim.clock import SimClock


class Layable(Protocol):
    """What the field asks of a card."""

    uid: bytes
    start_up_us: int
    powered_us: int | None
    torn: bool

    def power_up(self, now_us: int) -> None: ...
    def power_down(self) -> None: ...
    def receive(self, frame: Frame) -> Answer | None: ...


class Noise:
    """Chances, each 0..1 and per exchange: `deaf` the card hears nothing, `silence` its answer is lost, `crc` two bits
    of one byte flip (parity stays right), `parity` one bit flips, `short` only three bits arrive. `exact` says which of
    these befalls the n-th exchange (1 is the first), whatever the chances are, or `nibble`: four bits arrive."""

    def __init__(
        self,
        seed: int = 1,
        *,
        deaf: float = 0.0,
        silence: float = 0.0,
        crc: float = 0.0,
        parity: float = 0.0,
        short: float = 0.0,
        exact: dict[int, str] | None = None,
    ) -> None:
        self._random = random.Random(seed)
        self._chances = (("deaf", deaf), ("silence", silence), ("crc", crc), ("parity", parity), ("short", short))
        self._exact = exact or {}
        self._drawn = 0
        self.struck = 0

    def draw(self) -> str:
        """The fault of the next exchange, empty for none."""
        self._drawn += 1
        if self._drawn in self._exact:
            self.struck += 1
            return self._exact[self._drawn]
        point = self._random.random()
        for name, chance in self._chances:
            if point < chance:
                self.struck += 1
                return name
            point -= chance
        return ""

    def spoil(self, fault: str, heard: Heard) -> Heard | None:
        """Apply a fault to what the reader would hear."""
        if fault == "silence":
            return None
        if fault in ("short", "nibble"):
            heard.cut_at(3 if fault == "short" else 4)
        elif fault == "crc":
            byte = self._random.randrange(max(1, heard.nbits // 8)) * 8
            heard.bits ^= 0b101 << byte
            heard.spoilt = True
        elif fault == "parity":
            heard.bits ^= 1 << self._random.randrange(heard.nbits)
            heard.parity_error = heard.spoilt = True
        return heard


class Field:
    """The space above the reader. `cards` are those lying in it."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self.cards: list[Layable] = []
        self.on = False
        self.noise: Noise | None = None
        self.frames = 0
        self.answers = 0
        self._pulls: list[tuple[int, Layable, str]] = []
        self._flying: Heard | None = None

    def lay(self, card: Layable) -> None:
        """Put a card into the field."""
        if card in self.cards:
            raise ValueError("the card lies there already")
        self.cards.append(card)
        if self.on:
            card.power_up(self._clock.now_us)

    def remove(self, card: Layable) -> None:
        """Take a card away, perhaps in the middle of its answer."""
        self.cards.remove(card)
        card.power_down()
        if self._flying is not None and self._flying.cut_us is None and self._flying.cards == [card]:
            self._flying.cut_us = self._clock.now_us

    def clear(self) -> None:
        """Take all cards away."""
        for card in list(self.cards):
            self.remove(card)

    def pull_at_frame(self, card: Layable, n: int, moment: str = "before") -> None:
        """Take the card away around the n-th reader frame from now (1 is the next).

        `before`: it does not hear the frame. `torn`: it hears it, and a write it asks for stops half-way. `after`: it
        obeys, but is gone before it can answer. `answering`: it leaves in the middle of its answer.
        """
        if n < 1 or moment not in ("before", "torn", "after", "answering"):
            raise ValueError("which frame, and when")
        self._pulls.append((self.frames + n, card, moment))

    def set_carrier(self, on: bool) -> None:
        """Switch the field; off resets every card."""
        if on == self.on:
            return
        self.on = on
        for card in self.cards:
            if on:
                card.power_up(self._clock.now_us)
            else:
                card.power_down()

    def transmit(self, frame: Frame) -> Heard | None:
        """A reader frame has just ended: what all cards answer to it, None for silence."""
        self.frames += 1
        frame.at_us = self._clock.now_us
        leaving = self._due()
        fault = self.noise.draw() if self.noise is not None else ""
        answers: list[Answer] = []
        speakers: list[object] = []
        for card in list(self.cards):
            moment = leaving.get(id(card), "")
            if moment == "before":
                self.remove(card)
                continue
            ready_us = None if card.powered_us is None else card.powered_us + card.start_up_us
            if fault == "deaf" or ready_us is None or self._clock.now_us < ready_us:
                continue
            # What a card agreed to in an answer holds from the next frame on (PPS, ISO/IEC 14443-4, 5.3).
            hears, speaks = getattr(card, "rate", (0, 0))
            if frame.rate != hears:
                continue
            card.torn = moment == "torn"
            answer = card.receive(frame)
            card.torn = False
            if moment in ("torn", "after"):
                self.remove(card)
            elif answer is not None:
                answer.rate = speaks
                answers.append(answer)
                speakers.append(card)
        if not answers:
            return None
        heard: Heard | None = Heard(answers, speakers)
        if fault and self.noise is not None and heard is not None:
            heard = self.noise.spoil(fault, heard)
        if heard is not None:
            self.answers += 1
            self._flying = heard
            self._leave_while_answering(leaving, heard)
        return heard

    def landed(self) -> None:
        """The answer in the air has ended; a card that leaves now spoils nothing."""
        self._flying = None

    def _due(self) -> dict[int, str]:
        due = {id(card): moment for at, card, moment in self._pulls if at == self.frames}
        if due:
            self._pulls = [pull for pull in self._pulls if pull[0] > self.frames]
        return due

    def _leave_while_answering(self, leaving: dict[int, str], heard: Heard) -> None:
        for card in list(self.cards):
            if leaving.get(id(card)) == "answering":
                middle = (1204 + heard.delay + heard.cycles // 2 + ETU) * 25 // 339
                self._clock.after(middle, lambda card=card: self.remove(card) if card in self.cards else None)

"""What goes wrong with a message: drawn from the run's chance, message by message, by the weather of its terminal.

Knows names and numbers only; `network` and `switch` do it. Durations in milliseconds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

FAIR, FLAKY, FOUL = "fair", "flaky", "foul"
_TROUBLE = {FAIR: 0.0, FLAKY: 0.3, FOUL: 0.6}

# On the way to the switch, at the switch, on the way back.
REQUEST_LOST, REQUEST_GARBLED, REQUEST_TWICE, REQUEST_LATE = "lost", "garbled", "twice", "late"
REQUEST_BROKEN = "broken off"
ANSWER_LOST, ANSWER_LATE, ANSWER_TWICE, ANSWER_GARBLED = "answer lost", "answer late", "answer twice", "answer garbled"
ANSWER_OVERTAKEN, ANSWER_CLOSED = "answer overtaken", "closed at byte"
REFUSED, WRONG_MAC, REPLAYED, WRONG_CLOCK = "refused", "wrong MAC", "replayed", "wrong clock"
KINDS = (
    (REQUEST_LOST, 3),
    (REQUEST_GARBLED, 1),
    (REQUEST_TWICE, 2),
    (REQUEST_LATE, 2),
    (REQUEST_BROKEN, 2),
    (ANSWER_LOST, 4),
    (ANSWER_LATE, 3),
    (ANSWER_TWICE, 2),
    (ANSWER_GARBLED, 2),
    (ANSWER_OVERTAKEN, 2),
    (ANSWER_CLOSED, 3),
    (REFUSED, 3),
    (WRONG_MAC, 2),
    (REPLAYED, 1),
    (WRONG_CLOCK, 1),
)
_NAMES = [name for name, _ in KINDS]
_WEIGHTS = [weight for _, weight in KINDS]
_VALUE_WEIGHTS = [4 * weight if name == REFUSED else weight for name, weight in KINDS]  # there a code decides most

# Every code of the table, and one that no table has.
UNDECIDED = ("68", "91", "96", "63", "58")  # 58 is about the terminal, not about the points
FOR_GOOD = ("51", "14", "54", "41", "43", "62", "61", "65", "57", "59", "12", "13", "30", "95", "25", "05")


@dataclass(frozen=True)
class Fate:
    """What happens to one message; `kind` "" for nothing. Delays on the way there and back."""

    kind: str
    there_ms: int
    back_ms: int
    rc: str = ""
    seconds: int = 0


class Weather:
    """The weather of one terminal's line. `wifi` False: no line at all."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.kind = FAIR
        self.wifi = True

    def change(self) -> str:
        """Another weather, perhaps; its name."""
        draw = self._chance.random()
        self.wifi = draw > 0.2
        self.kind = FAIR if draw > 0.75 else FOUL if draw > 0.6 else FLAKY
        return self.kind if self.wifi else "no Wi-Fi"

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        self.kind, self.wifi = FAIR, True

    def fate(self, value: bool) -> Fate:
        """What becomes of the next message; `value`: it is about points."""
        chance = self._chance
        there, back = chance.randint(10, 150), chance.randint(10, 150)
        if chance.random() >= _TROUBLE[self.kind]:
            return Fate("", there, back)
        kind = chance.choices(_NAMES, _VALUE_WEIGHTS if value else _WEIGHTS)[0]
        if kind == REQUEST_LATE:
            return Fate(kind, chance.randint(5_500, 30_000), back)
        if kind == ANSWER_LATE:
            return Fate(kind, there, chance.choice((chance.randint(3_000, 5_800), chance.randint(5_900, 20_000))))
        if kind == ANSWER_OVERTAKEN:
            return Fate(kind, there, chance.randint(300, 2_000))
        if kind == REFUSED:
            return Fate(kind, there, back, rc=chance.choice(chance.choice((UNDECIDED, FOR_GOOD))))
        if kind == WRONG_CLOCK:
            return Fate(kind, there, back, seconds=chance.choice((-86_400, -3_600, 3_600, 86_400, 400_000)))
        return Fate(kind, there, back)

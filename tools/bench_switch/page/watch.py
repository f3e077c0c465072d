"""What the page heard of each terminal since the switch started: when it last spoke, and how long its sales had waited.

Fed by the message log, so it costs the books nothing. Times in seconds since 1970-01-01 UTC, durations in seconds.
"""

from __future__ import annotations

import datetime
import threading
from dataclasses import dataclass, replace

from tools.bench_switch.log import IN, Entry
from tools.bench_switch.messages import TEHRAN

_ADVICES = ("0220", "0221")
_DAY_S = 86_400


@dataclass(frozen=True)
class Heard:
    """One terminal; `waited_s` is the age of the sale in its last advice when that came, None when none came."""

    seen_utc: int
    waited_s: int | None = None
    advice_utc: int | None = None


class Watch:
    """A listener of the message log; safe from any thread."""

    def __init__(self) -> None:
        self._heard: dict[str, Heard] = {}
        self._lock = threading.Lock()

    def hear(self, entry: Entry) -> None:
        """Take note of a message a terminal sent."""
        if entry.direction != IN or not entry.terminal_id:
            return
        with self._lock:
            before = self._heard.get(entry.terminal_id, Heard(0))
            now = replace(before, seen_utc=entry.at_utc)
            if entry.mti in _ADVICES:
                age = _age_s(entry.fields.get("13", ""), entry.fields.get("12", ""), entry.at_utc)
                if age is not None:
                    now = replace(now, waited_s=age, advice_utc=entry.at_utc)
            self._heard[entry.terminal_id] = now

    def heard(self) -> dict[str, Heard]:
        with self._lock:
            return dict(self._heard)


def _age_s(mmdd: str, hhmmss: str, now_utc: int) -> int | None:
    """How long ago DE 13 and DE 12 were, at most a year; None when they are no time."""
    year = datetime.datetime.fromtimestamp(now_utc, TEHRAN).year
    for candidate in (year, year - 1):
        try:
            made = datetime.datetime.strptime(f"{candidate}{mmdd}{hhmmss}", "%Y%m%d%H%M%S").replace(tzinfo=TEHRAN)
        except ValueError:
            continue
        age = now_utc - int(made.timestamp())
        if age >= -_DAY_S:  # the terminal's clock may run before the switch's
            return max(age, 0)
    return None

"""Faults on request: what the switch does wrong to the next N requests.

The script is a list; the oldest entry that fits a request's terminal and message type and has turns left is used, once
for one request. It knows no sockets and no ledger: it only says what shall go wrong. Durations in milliseconds, clock
offsets in seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.bench_switch.errors import LedgerError

KINDS = {
    "silent": "swallow the request; when=after (booked, the answer is lost) or when=before (never seen)",
    "late": "book at once, answer after `ms` milliseconds",
    "refuse": "refuse with response code `rc`, nothing is booked",
    "garbage": "answer with bytes that are no message",
    "garble": "answer with `n` bytes of the answer changed (8 when 0), in a good frame",
    "close": "close the connection instead of answering; when=after or before booking",
    "close_after_bytes": "send the first `n` bytes of the answer, then close",
    "duplicate": "send the answer twice",
    "reorder": "hold the answer back until this terminal's next answer, then send it behind that",
    "replay": "send the answer of an earlier request instead",
    "wrong_mac": "answer with a spoilt MAC",
    "wrong_clock": "answer with a HOST_TIME that is `seconds` off",
}

REQUESTS = ("0800", "0100", "0120", "0121", "0200", "0220", "0221", "0420", "0421", "0500", "0501", "0320", "0321")
_MOST = 1_000_000
_LONGEST_MS = 3_600_000
_BYTES = 65_535
_SECONDS = 1_000_000_000  # HOST_TIME is u32


class FaultError(LedgerError):
    """A fault that cannot be scripted; the text says what is possible."""

    def __init__(self, text: str) -> None:
        super().__init__("B60", text)


@dataclass
class Fault:
    """One scripted fault with `count` turns left; `mti` and `terminal` limit it to one of them, None means any."""

    kind: str
    count: int = 1
    mti: str | None = None
    when: str = "after"
    ms: int = 0
    rc: str = "96"
    n: int = 0
    seconds: int = 86_400
    terminal: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FaultError(f"unknown fault {self.kind!r}; possible: {', '.join(KINDS)}")
        if not 1 <= self.count <= _MOST:
            raise FaultError(f"count must be 1 or more, {_MOST} at most")
        if self.mti is not None and self.mti not in REQUESTS:
            raise FaultError(f"mti must be four digits that a terminal sends ({', '.join(REQUESTS)}), not {self.mti!r}")
        if self.terminal is not None and not (1 <= len(self.terminal) <= 8 and self.terminal.isascii()):
            raise FaultError(f"a terminal id has 1 to 8 ASCII characters, not {self.terminal!r}")
        if self.when not in ("before", "after"):
            raise FaultError(f"when must be 'before' or 'after', not {self.when!r}")
        if self.ms < 0 or self.n < 0:
            raise FaultError("ms and n cannot be negative")
        if self.ms > _LONGEST_MS or self.n > _BYTES or abs(self.seconds) > _SECONDS:
            raise FaultError(f"ms is {_LONGEST_MS} at most, n {_BYTES}, seconds {_SECONDS} either way")
        if not (len(self.rc) == 2 and self.rc.isalnum() and self.rc.isascii()):
            raise FaultError(f"rc must be two letters or digits (DE39), not {self.rc!r}")

    def meets(self, mti: str, terminal: str) -> bool:
        """Whether a request of this type from this terminal is one of its turns."""
        return self.mti in (None, mti) and self.terminal in (None, terminal)

    @property
    def books(self) -> bool:
        """Whether the ledger still sees the request."""
        return self.kind != "refuse" and not (self.kind in ("silent", "close") and self.when == "before")


@dataclass
class FaultScript:
    """The faults waiting for their request; safe to use from any thread."""

    _waiting: list[Fault] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    # A second source, asked when this script has nothing: what another process wrote into the database.
    other: Callable[[str, str], Fault | None] | None = None

    def next(
        self,
        kind: str,
        count: int = 1,
        mti: str | None = None,
        *,
        when: str = "after",
        ms: int = 0,
        rc: str = "96",
        n: int = 0,
        seconds: int = 86_400,
        terminal: str | None = None,
    ) -> None:
        """Let the next `count` requests (of type `mti`, from `terminal`) meet the fault `kind`."""
        fault = Fault(kind, count, mti, when, ms, rc, n, seconds, terminal)
        with self._lock:
            self._waiting.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._waiting.clear()

    def pending(self) -> list[Fault]:
        with self._lock:
            return list(self._waiting)

    def take(self, mti: str, terminal: str, *, elsewhere: bool = True) -> Fault | None:
        """The fault that this request meets, one turn of it used up; `elsewhere`: the second source has some."""
        with self._lock:
            for fault in self._waiting:
                if fault.meets(mti, terminal):
                    fault.count -= 1
                    if fault.count == 0:
                        self._waiting.remove(fault)
                    return fault
        return self.other(mti, terminal) if elsewhere and self.other is not None else None

"""The switch's message log: what came, what went, what was odd, decoded and without anything secret.

A ring in memory. MACs, keys and members' names never enter it; a listener gets each entry as it is written.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.bench_switch.codec import tlv, wire
from tools.bench_switch.keyed import hidden

# Never logged: the MAC, the bitmaps, the card number, and DE48, which is shown decoded.
_LEFT_OUT = ("p", "1", "2", "48", "64", "128")
IN, OUT, NOTE = "in", "out", "note"


@dataclass(frozen=True)
class Entry:
    """One line: `direction` in, out or note; `fields` by DE, `tags` of DE48 by name."""

    number: int
    at_utc: int
    direction: str
    terminal_id: str = ""
    mti: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str | int] = field(default_factory=dict)
    note: str = ""

    def line(self) -> str:
        """For people who watch."""
        if self.direction == NOTE:
            return f"      {self.terminal_id} {self.note}"
        arrow = "->" if self.direction == IN else "<-"
        shown = [f"rc {self.fields['39']}"] if "39" in self.fields else []
        shown += [f"{name} {self.tags[name]}" for name in ("SEQ", "UID", "POINTS") if name in self.tags]
        shown += [f"amount {int(self.fields['4'])}"] if self.fields.get("4", "").isdigit() else []
        return f"   {arrow} {self.terminal_id} {self.mti} {', '.join([*shown, *filter(None, [self.note])])}"


class MessageLog:
    """The last `size` entries, and those who want to hear of new ones."""

    def __init__(self, clock: Callable[[], int], size: int = 500) -> None:
        self._clock = clock
        self._ring: deque[Entry] = deque(maxlen=size)
        self._listeners: list[Callable[[Entry], None]] = []
        self._lock = threading.Lock()
        self._count = 0

    def listen(self, listener: Callable[[Entry], None]) -> Callable[[], None]:
        """Call `listener` with each new entry, from the switch's threads; returns a function that ends it."""
        with self._lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def entries(self) -> list[Entry]:
        with self._lock:
            return list(self._ring)

    def message(self, direction: str, message: wire.Split, note: str = "") -> None:
        try:
            tags = tlv.read(message.de48)
        except tlv.TlvError as error:
            tags = error.found
        shown = {de: value for de, value in message.fields.items() if de not in _LEFT_OUT and de != "t"}
        terminal_id = message.fields.get("41", "").rstrip()
        self._write(direction, terminal_id, message.mti, shown, tlv.readable(tags), note)

    def take(self, entry: Entry) -> None:
        """An entry of another process's log, numbered anew."""
        self._write(entry.direction, entry.terminal_id, entry.mti, entry.fields, entry.tags, entry.note)

    def note(self, text: str, terminal_id: str = "") -> None:
        self._write(NOTE, terminal_id, "", {}, {}, text)

    def _write(
        self,
        direction: str,
        terminal_id: str,
        mti: str,
        fields: dict[str, str],
        tags: dict[str, str | int],
        note: str,
    ) -> None:
        with self._lock:
            self._count += 1
            entry = Entry(self._count, self._clock(), direction, terminal_id, mti, fields, tags, hidden(note))
            self._ring.append(entry)
            listeners = list(self._listeners)
        for listener in listeners:
            listener(entry)

"""Runs on the device's interpreter: a shop day of 500 transactions through the real stores and the real housekeeping.

Prints a line of JSON; the argument is the board, s3 or pico. The clock is the program's own; flash work and waiting
advance it. `Housekeeping` runs as in the terminal: a piece of idle work only when the desk has rested for three
seconds, 50 ms between pieces, half a minute after a look that found nothing. A story at the desk takes six seconds, its
first write comes three seconds in.

The script (SCRIPT): power on at nine and the first card 20 s later; a morning of gaps from 5 to 150 s; the noon rush,
40 sales with one to two and a half seconds between them; two hours with the line down; the queue drained in batches of
20, a batch every two seconds, while sales go on; three intents that are never answered and are reversed; a power cut
in the afternoon with sales going on 20 s later; the evening rush. Every tenth sale is a redemption. An answer brings
the member's new balance into the cache, so does each settled advice. The cache was full and the ring in use before.

Told: erases in front of a customer (in a story), in other writes, in idle time; the slowest append and write.
"""

import sys

from firmware.core.types import ACCRUAL, APPROVED, OFFLINE, ONLINE, REDEMPTION, REVERSAL, Member, Result, Transaction
from firmware.store.buckets import Buckets
from firmware.store.journal import Journal
from firmware.store.members import Members
from firmware.store.seal import Sealer
from tools.bench.on_device.counting_flash import Nor, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SECTOR = 4096
_BATCH = 20
_QUEUE_PAUSE_MS = 2_000
_FIRST_CARD_MS = 20_000
_TO_WRITE_MS = 3_000  # from the story's beginning
_TO_END_MS = 3_000
_UTC = 1_790_000_000
_TMK = bytes(range(16))

# What happens, in order: (what, how many sales, least and greatest gap in ms between two stories).
POWER_ON, LINE_DOWN, LINE_UP, SALES, LOST = "power on", "line down", "line up", "sales", "no answer"
SCRIPT = (
    (POWER_ON, 0, 0, 0),
    (SALES, 140, 5_000, 150_000),
    (SALES, 40, 1_000, 2_500),
    (SALES, 60, 5_000, 150_000),
    (LOST, 3, 5_000, 60_000),
    (LINE_DOWN, 0, 0, 0),
    (SALES, 70, 5_000, 150_000),
    (SALES, 20, 1_000, 2_500),
    (LINE_UP, 0, 0, 0),
    (SALES, 67, 5_000, 150_000),
    (POWER_ON, 0, 0, 0),
    (SALES, 60, 5_000, 120_000),
    (SALES, 40, 1_000, 2_500),
)


class VirtualTime:
    """`time` and the part of `asyncio` that housekeeping uses; `ms` is moved by the day."""

    ms = 0

    def ticks_ms(self) -> int:
        return self.ms

    def ticks_add(self, ticks: int, by: int) -> int:
        return ticks + by

    def ticks_diff(self, one: int, other: int) -> int:
        return one - other

    async def sleep_ms(self, ms: int) -> None:
        await _Pause(ms)


class _Pause:
    """Awaited, it hands its milliseconds to whoever drives the coroutine."""

    def __init__(self, ms: int) -> None:
        self._ms = ms
        self._told = False

    def __iter__(self) -> "_Pause":
        return self

    __await__ = __iter__

    def __next__(self) -> int:
        if self._told:
            raise StopIteration
        self._told = True
        return self._ms


class Day:
    """Both stores on one chip, the desk, the line. `page_only`: the small board's flash, cache and sizes."""

    def __init__(self, clock: VirtualTime, housekeeping: "Any", page_only: bool) -> None:
        self.clock = clock
        self.housekeeping = housekeeping
        self.page_only = page_only
        self.queue_flash, self.member_flash = Nor(32 if page_only else 256), Nor(64 if page_only else 160)
        self.members_held = 2000 if page_only else 5000
        self.state = 1
        self.busy = True
        self.rest_since_ms = 0
        self.online = True
        self.waiting: "list[Transaction]" = []
        self.next_batch_ms = 0
        self.sales = 0
        self.erases = {"front": 0, "other": 0, "idle": 0}
        self.appends_us: "list[int]" = []
        self.worst_us = {"front": 0, "other": 0, "idle": 0}
        self.start()

    # --- flash and time ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Power on: nothing of the former objects is left."""
        sealer, sector = Sealer(_TMK, b"VAFA0001"), bytearray(_SECTOR)
        cache = Buckets if self.page_only else Members
        self.members = cache(self.member_flash, sealer, 7, self.page_only, sector)
        self.journal = Journal(self.queue_flash, sealer, 9, self.page_only, sector)
        self.journal.open()
        self.members.open()
        while self.journal.load():  # as the desk does before its first story
            pass
        works = (self.journal.idle_work, self.members.idle_work)
        # Retired is what the switch told nothing of since long before this day: nobody, but all is searched.
        keeper = self.housekeeping(self.quiet, works, self.nothing, lambda: self.members.retire(1))
        self.keeper = keeper.run(self.nothing)
        self.keeper_due_ms = self.clock.ms + self.keeper.send(None)

    def nothing(self) -> None:
        """What the day leaves out."""

    def quiet(self, for_ms: int) -> bool:
        return not self.busy and self.clock.ms - self.rest_since_ms >= for_ms

    def cost(self, work: "Callable[[], object]") -> "tuple[int, int]":
        """(erases, microseconds) of the flash in this work, by which the clock goes on."""
        erases = self.queue_flash.erases + self.member_flash.erases
        before_us = self.queue_flash.busy_us() + self.member_flash.busy_us()
        work()
        took_us = self.queue_flash.busy_us() + self.member_flash.busy_us() - before_us
        self.clock.ms += took_us // 1000
        return self.queue_flash.erases + self.member_flash.erases - erases, took_us

    def note(self, when: str, work: "Callable[[], object]") -> None:
        erases, took_us = self.cost(work)
        self.erases[when] += erases
        self.worst_us[when] = max(self.worst_us[when], took_us)

    def write(self, work: "Callable[[], object]") -> None:
        """What is not idle work."""
        self.note("front" if self.busy else "other", work)

    def until(self, ms: int) -> None:
        """Let housekeeping and the queue work until then."""
        while min(self.keeper_due_ms, self.next_batch_ms or ms) < ms:
            if self.next_batch_ms and self.next_batch_ms <= self.keeper_due_ms:
                self.clock.ms = max(self.clock.ms, self.next_batch_ms)
                self.settle_batch()
            else:
                self.clock.ms = max(self.clock.ms, self.keeper_due_ms)
                pauses: "list[int]" = []
                self.note("idle", lambda: pauses.append(self.keeper.send(None)))  # noqa: B023 (at once)
                self.keeper_due_ms = self.clock.ms + pauses[0]
        self.clock.ms = max(self.clock.ms, ms)

    # --- what happens -----------------------------------------------------------------------------------------------

    def drawn(self, least: int, greatest: int) -> int:
        self.state = self.state * 1103515245 + 12345 & 0x7FFFFFFF
        return least + (self.state >> 8) % (greatest - least + 1)

    def transaction(self, verb: int, mode: int, uid: bytes, original: int = 0) -> Transaction:
        seq = self.journal.next_seq()
        return Transaction(seq, verb, mode, uid, 2, 1_250_000, 1250, _UTC + seq, 2, 0, 0, original, 3, 1)

    def append(self, transaction: Transaction) -> None:
        before_us = self.queue_flash.busy_us()
        self.write(lambda: self.journal.append(transaction))
        self.appends_us.append(self.queue_flash.busy_us() - before_us)

    def member(self, n: int) -> Member:
        return Member(_uid(n), n, "Sara", 1250, _UTC + self.clock.ms // 1000)

    def sale(self, answered: bool = True) -> None:
        n = self.drawn(0, self.members_held - 1)
        verb = REDEMPTION if self.online and answered and self.sales % 10 == 9 else ACCRUAL
        self.sales += 1
        self.busy = True
        self.until(self.clock.ms + _TO_WRITE_MS)
        made = self.transaction(verb, ONLINE if self.online else OFFLINE, _uid(n))
        self.append(made)
        if not self.online:
            self.waiting.append(made)
        elif answered:
            self.until(self.clock.ms + 300)
            self.write(lambda: self.journal.append_result(Result(made.seq, APPROVED, "00", 1250, 20_000, "F12345")))
            self.write(lambda: self.members.put(self.member(n)))
        else:
            self.until(self.clock.ms + 10_000)
            for verb, original in ((REVERSAL, made.seq), (ACCRUAL, 0)):
                later = self.transaction(verb, OFFLINE, made.uid, original)
                self.append(later)
                self.waiting.append(later)
            self.next_batch_ms = self.clock.ms + _QUEUE_PAUSE_MS
        self.until(self.clock.ms + _TO_END_MS)
        self.busy = False
        self.rest_since_ms = self.clock.ms

    def settle_batch(self) -> None:
        batch, self.waiting = self.waiting[:_BATCH], self.waiting[_BATCH:]
        self.write(lambda: self.journal.settle_all([t.seq for t in batch]))
        for t in batch:
            if t.verb == ACCRUAL:
                n = t.uid[2] << 8 | t.uid[3]
                self.write(lambda: self.members.put(self.member(n)))  # noqa: B023 (at once)
        self.next_batch_ms = self.clock.ms + _QUEUE_PAUSE_MS if self.waiting else 0

    def power_on(self) -> None:
        self.start()
        self.busy = False
        self.rest_since_ms = self.clock.ms
        self.until(self.clock.ms + _FIRST_CARD_MS)

    def before(self) -> None:
        """Yesterday and before: the cache full, the ring in use."""
        self.journal.continue_above(0)
        for n in range(self.members_held):
            self.members.put(self.member(n))
            self.rest()
        for _ in range(1000):
            made = self.transaction(ACCRUAL, ONLINE, _uid(1))
            self.journal.append(made)
            self.journal.append_result(Result(made.seq, APPROVED, "00", 1250, 20_000, "F12345"))
            self.rest()
        for flash in (self.queue_flash, self.member_flash):
            flash.reset()

    def rest(self) -> None:
        while self.journal.idle_work() or self.members.idle_work():
            pass

    def play(self, script: "tuple[tuple[str, int, int, int], ...]") -> None:
        for what, count, least, greatest in script:
            if what == POWER_ON:
                self.power_on()
            elif what in (LINE_DOWN, LINE_UP):
                self.online = what == LINE_UP
                self.next_batch_ms = self.clock.ms if self.online and self.waiting else 0
            for _ in range(count):
                self.sale(what != LOST)
                self.until(self.clock.ms + self.drawn(least, greatest))


def _uid(n: int) -> bytes:
    return bytes((4, 0, n >> 8 & 255, n & 255, 7, 7, 7))


def longest_rush(day: Day) -> int:
    """Online sales with no pause at all between them until one waits for an erase."""
    day.until(day.clock.ms + 120_000)
    sales, erases = 0, day.erases["front"]
    while day.erases["front"] == erases and sales < 1000:
        day.sale()
        sales += 1
    return sales - 1


def main() -> None:
    """The day, then a rush without end."""
    clock = VirtualTime()
    sys.modules["time"] = sys.modules["asyncio"] = clock  # type: ignore[assignment]  # what housekeeping imports
    from firmware.service.housekeeping import Housekeeping

    day = Day(clock, Housekeeping, "pico" in sys.argv)
    day.before()
    day.play(SCRIPT)
    figures = {
        "sales": day.sales,
        "hours": clock.ms / 3_600_000,
        "append_ms": sum(day.appends_us) / len(day.appends_us) / 1000,
        "worst_append_ms": max(day.appends_us) / 1000,
        "programmed": (day.queue_flash.programmed + day.member_flash.programmed) / day.sales,
        "pending": day.journal.pending_count(),
    }
    for when in day.erases:
        figures[when + "_erases"] = day.erases[when]
        figures["worst_" + when + "_ms"] = day.worst_us[when] / 1000
    tell("shop_day", "pico" if day.page_only else "s3", rush=longest_rush(day), **figures)


if __name__ == "__main__":
    main()

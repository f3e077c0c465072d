"""A cashier's desk with a scripted person before it and hand-written rooms behind it, on virtual time.

`calls` is the story as the rooms saw it: what was appended, asked, shown, printed, in order.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import ticks_diff, ticks_ms

from firmware.cashier.attendance import Attendance
from firmware.cashier.books import Books
from firmware.cashier.counter import Counter, Limits
from firmware.cashier.desk import Desk
from firmware.cashier.teller import Teller
from firmware.core.errors import CardError, CardTimeout, StoreError, StoreFull
from firmware.core.log import Log
from firmware.core.types import (
    APPROVED,
    AUTH_LEGACY,
    CLOCK_OK,
    OFFLINE,
    ONLINE,
    OPEN,
    REMARK,
    REVERSAL,
    REVERSED,
    SETTLED,
    VOIDED,
    CardData,
    JournalEntry,
    Member,
    Reply,
    Result,
    Transaction,
)
from firmware.loyalty.allowances import Allowances
from firmware.loyalty.offline import OfflinePolicy, Spending
from firmware.loyalty.rules import Rules
from firmware.receipt.content import Shop
from firmware.receipt.lines import Form
from firmware.receipt.spool import Spool
from firmware.screen import keys as key
from firmware.screen.keys import Keys
from firmware.screen.lines import fits
from firmware.screen.panel import Panel, Times
from firmware.screen.signals import Signals
from firmware.text import catalogue
from host_tests.unit.screen_kit import FACES, pages_of, rows_of
from tools.sim import onhost

START_UTC = 1_795_400_000
ALI = CardData(bytes.fromhex("9C599B32"), "classic-1k", AUTH_LEGACY, 4711)

NAMES = {
    "SALE": key.SALE,
    "REDEEM": key.REDEEM,
    "BALANCE": key.BALANCE,
    "MENU": key.MENU,
    "UP": key.UP,
    "DOWN": key.DOWN,
    "CANCEL": key.CANCEL,
    "CLEAR": key.CLEAR,
    "000": key.TRIPLE_ZERO,
    "OK": key.OK,
    **{digit: index for digit, index in zip("1234567890", (4, 5, 6, 8, 9, 10, 12, 13, 14, 17), strict=True)},
}


def member(points: int, as_of_utc: int = START_UTC) -> Member:
    return Member(ALI.uid, 4711, "Ali", points, as_of_utc)


class FakeClock:
    """Wall time of the virtual loop."""

    quality = CLOCK_OK

    def __init__(self) -> None:
        self._born = onhost.ticks_source()

    def now_utc(self) -> int:
        return START_UTC + (onhost.ticks_source() - self._born) // 1_000_000

    def now_local(self) -> tuple[int, int, int, int, int, int]:
        return 2026, 11, 22, 14, 5, 0


class FakeHistory(list[JournalEntry]):
    """What a journal's history gives; one sector is still to be read."""

    unread = 1

    def load(self) -> bool:
        self.unread -= 1
        return self.unread >= 0


class FakeJournal:
    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.entries: dict[int, JournalEntry] = {}
        self.high = 100
        self.room = 10**6
        self.deaf = False  # the flash takes no answer
        self.sent: set[int] = set()  # advices that may have been
        self.void_references: dict[str, int] = {}

    def load(self) -> bool:
        return False

    def next_seq(self) -> int:
        self.high += 1
        return self.high

    def append(self, transaction: Transaction) -> None:
        if self.room <= 0:
            raise StoreFull()
        self.room -= 1
        names = {
            1: "accrual", 2: "redemption", 3: "reversal", 4: "refund", 5: "void", 6: "issue", 7: "use", 8: "enrolment",
            9: "remark",
        }  # fmt: skip
        what = names[transaction.verb]
        mode = "" if transaction.verb == REVERSAL else " online" if transaction.mode == ONLINE else " offline"
        self.calls.append(f"append {what}{mode}")
        assert transaction.seq not in self.entries, "SEQ used twice"
        self.entries[transaction.seq] = JournalEntry(transaction, OPEN if transaction.mode == ONLINE else 1)
        if transaction.verb == REVERSAL:
            original = self.entries[transaction.original_seq]
            self.entries[transaction.original_seq] = JournalEntry(original.transaction, REVERSED, original.result)

    def append_result(self, result: Result) -> None:
        if self.deaf:
            raise StoreError("the flash failed")
        self.calls.append(f"result {result.rc}")
        intent = self.entries[result.seq]
        assert intent.state == OPEN, "an answer to what is closed"
        self.entries[result.seq] = JournalEntry(intent.transaction, result.state, result)

    def highest_seq(self) -> int:
        return self.high

    def void(self, seq: int, clerk: int, time_utc: int, reason: str = "", reference: str = "") -> None:
        entry = self.entries[seq]
        if seq in self.sent or entry.state != APPROVED or entry.transaction.mode != OFFLINE:
            raise StoreError("it may have been sent")
        self.calls.append("void")
        self.entries[seq] = JournalEntry(entry.transaction, VOIDED)
        self.void_references[reference] = seq

    def settle(self, seq: int) -> None:
        self.entries[seq] = JournalEntry(self.entries[seq].transaction, SETTLED)

    def history(self, first_seq: int, last_seq: int = 0xFFFFFFFF) -> FakeHistory:
        return FakeHistory([one for seq, one in self.entries.items() if first_seq <= seq <= last_seq])

    def find(self, seq: int) -> JournalEntry | None:
        return self.entries.get(seq)

    def last(self) -> JournalEntry | None:
        value = [entry for entry in self.entries.values() if entry.transaction.verb not in (REVERSAL, REMARK)]
        return value[-1] if value else None

    def unanswered(self) -> Iterator[Transaction]:
        return iter([entry.transaction for entry in self.entries.values() if entry.state == OPEN])

    def _pending(self) -> list[Transaction]:
        waiting = [entry for entry in self.entries.values() if entry.state == APPROVED]
        return [entry.transaction for entry in waiting if entry.transaction.mode == OFFLINE]

    def pending(self) -> Iterator[Transaction]:
        return iter(self._pending())

    def pending_of(self, uid: bytes, reversals: bool = False) -> Iterator[Transaction]:
        return iter([t for t in self._pending() if t.uid == uid and (t.verb == REVERSAL) == reversals])

    def pending_count(self) -> int:
        return len(self._pending())

    def dead_count(self) -> int:
        return 0

    def dead(self) -> Iterator[tuple[Transaction, str]]:
        return iter(())

    def oldest_pending_utc(self) -> int:
        return min((t.time_utc for t in self._pending()), default=0)

    def pending_points(self, uid: bytes) -> int:
        return sum(t.points for t in self._pending() if t.verb != REVERSAL and t.uid == uid)


class FakeMembers:
    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.known: dict[bytes, Member] = {}

    def get(self, uid: bytes) -> Member | None:
        return self.known.get(uid)

    def put(self, member: Member, now: bool = False) -> bool:
        if member.uid[-1:] == b"A" and len(member.uid) == len(ALI.uid) + 1:
            self.calls.append(f"hold {member.points}" if member.points else "drop")
        self.known[member.uid] = member
        return True


class FakeSwitch:
    """Answers from `replies`: a Reply, an exception to raise, or a function called at that moment."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.up = True
        self.stopped = False
        self.earns_only = False
        self.halt = ""
        self.replies: list[Reply | Exception | Callable[[], Reply]] = []
        self.sent: list[Transaction] = []
        self.takes_ms = 200
        self.counters: list[int] = []
        self.allowances: list[tuple[int, int] | None] = []  # what each request said of one

    def online(self) -> bool:
        return self.up

    def halted(self, spends: bool = False) -> str:
        return self.halt or ("P27" if self.stopped else "U30" if spends and self.earns_only else "")

    def value_stopped(self) -> bool:
        return self.halted() != ""

    fault = ""

    def wake(self) -> None:
        self.calls.append("wake")

    def hurry(self) -> None:
        self.calls.append("hurry")

    async def inquire(
        self,
        uid: bytes,
        auth: int,
        member_no: int,
        counter: int = 0,
        sun: bytes = b"",
        allowance: tuple[int, int] | None = None,
        more: Sequence[tuple[int, bytes]] = (),
    ) -> Reply:
        self.allowances.append(allowance)
        self.calls.append("inquire with sun" if sun else "inquire for more" if more else "inquire")
        self.counters.append(counter)
        return await self._answer()

    async def relay(self, uid: bytes, step: bytes) -> tuple[bytes, Reply]:
        raise AssertionError("no card of these tests is relayed")

    async def request(self, transaction: Transaction, allowance: tuple[int, int] | None = None) -> Reply:
        self.allowances.append(allowance)
        self.calls.append("request")
        assert transaction.seq not in [t.seq for t in self.sent], "a 0200 is sent once"
        self.sent.append(transaction)
        return await self._answer()

    async def _answer(self) -> Reply:
        await asyncio.sleep(self.takes_ms / 1000)
        answer = self.replies.pop(0)
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        return answer


class FakeForward:
    def __init__(self, journal: FakeJournal) -> None:
        self.journal = journal

    def start(self) -> int:
        open_intents = list(self.journal.unanswered())
        for intent in open_intents:
            self.reverse(intent)
        return len(open_intents)

    def let_go(self) -> None:
        pass

    def reverse(self, original: Transaction) -> Transaction:
        reversal = Transaction(
            self.journal.next_seq(), REVERSAL, OFFLINE, original.uid, original.auth, original.amount,
            original.points, START_UTC, CLOCK_OK, original_seq=original.seq,
        )  # fmt: skip
        self.journal.append(reversal)
        return reversal


class FakeReader:
    """`laid` is the next tap: a card or the error reading it gives."""

    def __init__(self) -> None:
        self.laid: CardData | CardError | None = None
        self.proofs: list[bool] = []
        self._waiting = False

    async def wait_card(self, timeout_ms: int, prove: bool = False) -> CardData:
        assert not self._waiting, "one wait at a time"
        self._waiting = True
        self.proofs.append(prove)
        try:
            for _ in range(max(1, timeout_ms // 20)):
                if self.laid is not None:
                    laid, self.laid = self.laid, None
                    if isinstance(laid, CardError):
                        raise laid
                    return laid
                await asyncio.sleep(0.02)
            raise CardTimeout()
        finally:
            self._waiting = False

    def healthy(self) -> bool:
        return True


class FakeCanvas:
    """What stands on the panel, as text rows."""

    faces = FACES

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.rows: list[str] = []
        self.unseen = 0  # pages that were not shown yet
        self.gone_ms: int | None = None  # since when the display does not answer

    def dark(self) -> bool:
        return self.gone_ms is not None and ticks_diff(ticks_ms(), self.gone_ms) >= 2_000

    def reaches(self) -> bool:
        return self.gone_ms is None

    def unread(self) -> bool:
        return self.unseen > 0

    def go(self, away: bool = True) -> None:
        """The display dies, or answers again."""
        self.gone_ms = ticks_ms() if away else None

    def draw(self, lines: list[tuple[int, str]]) -> None:
        rows = rows_of(lines)
        if rows != self.rows:
            self.rows = rows
            self.calls.append("show " + rows[0].split("  ")[0])

    def folds(self, lines: list[tuple[int, str]]) -> int:
        return len(pages_of(lines))

    def fits(self, text: str) -> bool:
        return fits(text, FACES)

    def turn(self, pages: int) -> None:
        self.calls.append("turn {}".format(pages))
        self.unseen = max(0, self.unseen - 1)


class FakePrinter:
    heard = True

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.paper = True
        self.receipts: list[list[str]] = []
        self._lines: list[str] = []

    def ready(self) -> bool:
        return self.paper

    def busy(self, whole: bool = False) -> bool:
        return False

    def line(self, text: str, size: int = 0, place: int = 0) -> None:
        self._lines.append(text)

    def cut(self) -> None:
        self.receipts.append(self._lines)
        self._lines = []
        self.calls.append("print")


class FakeKeypad:
    def __init__(self) -> None:
        self.pressed: list[int] = []

    def scan(self) -> int:
        return self.pressed.pop(0) if self.pressed else -1


class FakeSounder:
    def __init__(self) -> None:
        self.tones: list[int] = []

    def tone(self, hz: int) -> None:
        self.tones.append(hz)


class FakeLamps:
    lit = ""

    def show(self, green: bool = False, red: bool = False) -> None:
        self.lit = "green" * green + "red" * red


class World:
    """Everything around one desk; `play` runs a person's story against it."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.journal = FakeJournal(self.calls)
        self.members = FakeMembers(self.calls)
        self.switch = FakeSwitch(self.calls)
        self.forward = FakeForward(self.journal)
        self.reader = FakeReader()
        self.canvas = FakeCanvas(self.calls)
        self.printer = FakePrinter(self.calls)
        self.keypad = FakeKeypad()
        self.sounder = FakeSounder()
        self.lamps = FakeLamps()
        self.log = Log(200)
        self.blocked: set[bytes] = set()
        self.queue_limit = 500
        self.spending: Spending | None = None
        self.beats = 0
        self.chosen = b"en\x03\x00"
        self.desk: Desk

    def play(self, story: Callable[[World], Awaitable[None]]) -> None:
        async def main() -> None:
            keys = Keys(self.keypad)
            signals = Signals(self.sounder, self.lamps)
            text = catalogue.load("en")
            panel = Panel(self.canvas, keys, self.reader, signals, text, Times(60_000, 30_000, 20_000), self.log)  # type: ignore[arg-type]
            policy = OfflinePolicy(
                True, self.queue_limit, 100_000_000, self.blocked.__contains__, spending=self.spending
            )
            clock = self.clock = FakeClock()
            allowances = Allowances(self.members, self.journal, clock) if self.spending is not None else None  # type: ignore[arg-type]
            books = Books(
                self.journal, self.members, self.switch, clock, Rules(1000, 1, 500, 100, 100), policy,
                self.forward, self.log, allowances,
            )  # type: ignore[arg-type]  # fmt: skip
            shop = Shop("Corner Shop", "M00000000000001", "T0000001")
            teller = Teller(panel, Spool(self.printer, self.log, Form(qr=False)), shop, self.log)
            limits = Limits(1_000_000_000, 120)
            self.books = books
            self.counter = Counter(
                panel, books, self.switch, self.journal, clock, teller, shop, limits, self.log, self, self.hire(books)
            )  # type: ignore[arg-type]  # fmt: skip
            self.desk = Desk(self.counter)
            tasks = [
                asyncio.create_task(keys.run(lambda: None)),
                asyncio.create_task(signals.run(lambda: None)),
                asyncio.create_task(self.desk.run(self._beat)),
            ]
            told = asyncio.create_task(story(self))  # type: ignore[arg-type]
            done, _ = await asyncio.wait([told, tasks[2]], return_when=asyncio.FIRST_COMPLETED)
            while any(not task.done() for task in tasks):
                # CPython's wait_for may swallow a cancellation that meets the end of what it waits for.
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=1)
            for task in done:
                task.result()

        onhost.run_virtual(main())

    def hire(self, books: Books) -> Attendance | None:
        """Who looks after the staff; nobody in a shop of one person."""
        return None

    def choose(self, choice: bytes) -> None:
        self.chosen = choice
        self.counter.panel.text.use(choice[:2].decode())
        self.counter.panel.signals.sounds = choice[3]

    def _beat(self) -> None:
        self.beats += 1

    # --- a person -----------------------------------------------------------------------------------------------------

    async def keys(self, *names: str) -> None:
        for name in names:
            self.keypad.pressed.append(NAMES[name])
            await asyncio.sleep(0.05)

    async def tap(self, laid: CardData | CardError = ALI) -> None:
        self.reader.laid = laid
        await asyncio.sleep(0.1)

    async def sees(self, text: str, within_ms: int = 3000) -> None:
        for _ in range(within_ms // 20):
            if any(text in row for row in self.canvas.rows):
                await asyncio.sleep(0.35)  # a person reads before the next key
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"no {text!r} on the screen but {self.canvas.rows}; log {self.log.newest(9)}")

    def order(self, *kinds: str) -> list[str]:
        """The calls that begin with one of these words."""
        return [call for call in self.calls if call.startswith(kinds)]

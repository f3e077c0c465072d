"""What one room of the house asks of another, as Protocols. Nothing here exists at run time.

Drivers and rooms satisfy these structurally; `app.py` joins them and the type checker compares. A port says what, in
which unit, how long it may take and what it raises.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator, Protocol

    from firmware.core.types import CardData, JournalEntry, Member, Reply, Result, Transaction

    class BlockDevice(Protocol):
        """Raw NOR flash by MicroPython's extended block protocol; 4096-byte blocks.

        `writeblocks` with an offset programs without erasing: bits only go from 1 to 0. `ioctl(4, 0)` is the number
        of blocks, `ioctl(5, 0)` the block size, `ioctl(6, n)` erases block n. Raises OSError.
        """

        def readblocks(self, block_num: int, buf: bytearray | memoryview, offset: int = 0) -> object: ...
        def writeblocks(self, block_num: int, buf: bytes | bytearray | memoryview, offset: int = 0) -> object: ...
        def ioctl(self, op: int, arg: int) -> int | None: ...

    class Rtc(Protocol):
        """A battery clock (DS3231): UTC calendar time, and whether it stopped since it was last set."""

        def read(self) -> tuple[int, int, int, int, int, int]: ...
        def write(self, year: int, month: int, day: int, hour: int, minute: int, second: int) -> None: ...
        def lost_power(self) -> bool: ...

    class Reader(Protocol):
        """The card reader task's outside. Waits end by a card, by the deadline or by cancellation."""

        async def wait_card(self, timeout_ms: int, prove: bool = False) -> CardData:
            """The next card newly laid on the reader, identified and authenticated as far as it allows.

            `prove`: value will be spent, so what only the switch can verify is read or relayed too; an accrual goes
            without, it is quicker.
            Raises CardTimeout, TwoCards, CardLeft, CardUnreadable (all `firmware.core.errors.CardError`).
            """
            ...

        def healthy(self) -> bool: ...

    class History(Protocol):
        """Entries of the journal; `whole` when nothing was recycled from its first SEQ on."""

        whole: bool

        def load(self) -> bool:
            """Read one more sector of what iterating needs first; True: call again."""
            ...

        def __iter__(self) -> Iterator[JournalEntry]: ...

    class Journal(Protocol):
        """The journal of transactions on raw flash. When a call returns, what it wrote survives a power cut."""

        def open(self, bad: bytes = b"") -> None:
            """Recover whatever a power cut left; bounded. Raises StoreError when the flash is not ours. `bad`: what
            `bad_sectors` said before."""
            ...

        def bad_sectors(self) -> bytes:
            """Sectors that take nothing any more: salt u32 and a bit for each sector."""
            ...

        def load(self) -> bool:
            """Read one more sector of what `open` left out; True: call again. Every other call but `highest_seq` and
            `continue_above` reads at once all that is missing: up to the whole partition."""
            ...

        def loading(self) -> int:
            """Sectors that `load` has still to read, about; 0 when the journal knows all it holds."""
            ...

        def next_seq(self) -> int:
            """The sequence number for the next transaction. Raises StoreNotReady on a fresh store before sign-on."""
            ...

        def highest_seq(self) -> int:
            """Every number handed out or in the journal is at most this, every later one above it. Writes nothing."""
            ...

        def continue_above(self, high_seq: int) -> None:
            """Take HIGH_SEQ at sign-on: a fresh store continues at high_seq + 1000, another never goes back."""
            ...

        def append(self, transaction: Transaction) -> None:
            """Write an intent. Raises StoreFull (nothing was written) or StoreError."""
            ...

        def append_result(self, result: Result) -> None: ...
        def settle(self, seq: int) -> None:
            """The switch has it for good."""
            ...

        def settle_all(self, seqs: Iterable[int]) -> None:
            """The switch has these for good; together they cost less than one by one."""
            ...

        def sending(self, seq: int) -> bool:
            """It is about to be sent and cannot be voided any more; False when it is not pending: do not send it."""
            ...

        def void(self, seq: int, clerk: int, time_utc: int, reason: str = "") -> None:
            """Take back a pending sale that was certainly never sent. Raises StoreError when it may have been. With a
            reason, of 27 bytes at most: a person gives a dead letter up."""
            ...

        def bury(self, seq: int, rc: str) -> None:
            """The switch refused it for good: a dead letter, listed until a person resolves it."""
            ...

        def find(self, seq: int) -> JournalEntry | None: ...
        def last(self) -> JournalEntry | None:
            """The newest accrual or redemption, for the reprint after a power cut."""
            ...

        def unanswered(self) -> Iterator[Transaction]:
            """ONLINE transactions with neither result nor reversal: each needs a reversal."""
            ...

        def pending(self) -> Iterator[Transaction]:
            """What the switch still has to hear of, reversals first, then advices, oldest first."""
            ...

        def dead(self) -> Iterator[tuple[Transaction, str]]:
            """Dead letters with the response code of their refusal, oldest first."""
            ...

        def pending_count(self) -> int: ...
        def dead_count(self) -> int: ...
        def pending_of(self, uid: bytes, reversals: bool = False) -> Iterator[Transaction]:
            """What the switch still has to hear of this card: advices, or reversals."""
            ...

        def oldest_pending_utc(self) -> int:
            """Time of the oldest pending transaction, 0 when none."""
            ...

        def pending_points(self, uid: bytes) -> int:
            """Signed points of this card that were approved here and are not settled."""
            ...

        def history(self, first_seq: int, last_seq: int = 0xFFFFFFFF) -> History:
            """Every transaction of these SEQs with what became of it, in the order they were decided."""
            ...

        def last_tag(self) -> tuple[bytes, int]:
            """(tag of the newest frame, its generation), which prove later that nothing before it is missing."""
            ...

        def idle_work(self) -> bool:
            """One bounded piece of housekeeping (an erase ahead of need); True when there is more to do."""
            ...

    class Members(Protocol):
        """The member cache; advisory, may be dropped whole."""

        def open(self) -> None: ...
        def get(self, uid: bytes) -> Member | None: ...
        def put(self, member: Member, now: bool = False) -> bool:
            """Keep this state, on the flash `now`. False: it is not kept."""
            ...

        def forget(self, uid: bytes) -> None: ...

    class Switch(Protocol):
        """The session with the loyalty switch."""

        def online(self) -> bool:
            """Signed on and, as far as known, reachable."""
            ...

        async def inquire(
            self,
            uid: bytes,
            auth: int,
            member_no: int,
            counter: int = 0,
            sun: bytes = b"",
            allowance: tuple[int, int] | None = None,
        ) -> Reply:
            """0100/0110, processing code 31; `sun` is offered as proof; `allowance` is (number, points) to name, (0, 0)
            none held, when one is asked for. Raises LinkError."""
            ...

        async def relay(self, uid: bytes, step: bytes) -> tuple[bytes, Reply]:
            """One 0100/0110 of an EV2First the switch makes through us: (its tag 33 or b"", what it said).

            Raises LinkError.
            """
            ...

        async def request(self, transaction: Transaction, allowance: tuple[int, int] | None = None) -> Reply:
            """0200/0210 for an ONLINE transaction in the journal; sent once, never repeated. An accrual asks for an
            allowance as an inquiry does, a redemption gives it back. Raises LinkError."""
            ...

        def value_stopped(self) -> bool:
            """Whether no value may be moved; see `halted`."""
            ...

        def halted(self) -> str:
            """Code of what forbids value: keys refused, terminal blocked, stopped; "" when nothing does."""
            ...

        def wake(self) -> None:
            """Something was appended to the queue."""
            ...

    class Display(Protocol):
        """128x64, one bit, MONO_VLSB: `buffer` holds 8 pages of 128 bytes; `show` sends what changed."""

        buffer: bytearray
        width: int
        height: int

        def show(self) -> None: ...

    class Keypad(Protocol):
        """`scan` returns the index of a newly pressed key (row * columns + column) or -1; debounces by itself."""

        def scan(self) -> int: ...

    class Sounder(Protocol):
        """Starts a tone and returns at once; `hz` 0 is silence."""

        def tone(self, hz: int) -> None: ...

    class Printer(Protocol):
        """Line printer. `ready` says whether paper can be printed now; nothing is ever lost when it is not."""

        def ready(self) -> bool: ...
        def line(self, text: str) -> None: ...
        def cut(self) -> None: ...

"""What one room of the house asks of another, as Protocols. Nothing here exists at run time.

Drivers and rooms satisfy these structurally; `app.py` joins them and the type checker compares. A port says what, in
which unit, how long it may take and what it raises.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, Protocol, Sequence

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

    class Search(Protocol):
        """Looks for one record; `seq` is what it found, 0 nothing (yet). `taken_back`: it was by this reference."""

        reference: str
        seq: int
        taken_back: bool

        def piece(self) -> bool:
            """Read one more sector; True: call again."""
            ...

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

        def void(self, seq: int, clerk: int, time_utc: int, reason: str = "", reference: str = "") -> None:
            """Take back a pending sale that was certainly never sent. Raises StoreError when it may have been. With a
            reason, of 27 bytes at most: a person gives a dead letter up. `reference` of the cash register's order."""
            ...

        def bury(self, seq: int, rc: str) -> None:
            """The switch refused it for good: a dead letter, listed until a person resolves it."""
            ...

        def find(self, seq: int) -> JournalEntry | None: ...
        def last(self) -> JournalEntry | None:
            """The newest that is neither reversal nor remark, for the reprint after a power cut."""
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

        def search(self, reference: str, since_utc: int = 0) -> Search:
            """For the newest transaction with this reference of the cash register; what is older than that need not be
            found. Only once all is loaded."""
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
            more: Sequence[tuple[int, bytes]] = (),
        ) -> Reply:
            """0100/0110, processing code 31; `sun` is offered as proof; `allowance` is (number, points) to name, (0, 0)
            none held, when one is asked for; `more` LT-87 tags say what else is. Raises LinkError."""
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

        def halted(self, spends: bool = False) -> str:
            """Code of what forbids value: keys refused, terminal blocked, stopped; with `spends` also of what lets it
            earn only. "" when nothing does."""
            ...

        fault: str  # code of what keeps the terminal offline, "" when nothing does

        def wake(self) -> None:
            """Something was appended to the queue."""
            ...

        def hurry(self) -> None:
            """Somebody waits for a connection: try now, however long the last tries failed."""
            ...

    class Display(Protocol):
        """128x64, one bit, MONO_VLSB: `buffer` holds 8 pages of 128 bytes; `show` sends what changed, `alive` nothing.

        Both raise OSError when nobody takes it.
        """

        buffer: bytearray
        width: int
        height: int

        def show(self) -> None: ...
        def alive(self) -> None: ...
        def contrast(self, level: int) -> None:
            """Brightness, 0 to 255. Raises OSError."""
            ...

    class Face(Protocol):
        """One kind of letters. Heights and widths in pixels."""

        @property
        def ROW_PX(self) -> int: ...
        @property
        def BIG_PX(self) -> int: ...
        @property
        def MARGIN_PX(self) -> int: ...
        def width(self, text: str, big: bool, rtl: bool) -> int: ...
        def draw(self, frame: Any, text: str, x: int, y: int, big: bool, ink: int, rtl: bool) -> None: ...

    class Faces(Protocol):
        """The letters there are; `rtl`: a row begins at the right."""

        @property
        def rtl(self) -> bool: ...
        def of(self, text: str) -> Face: ...

    class Keypad(Protocol):
        """`scan` returns the index of a newly pressed key (row * columns + column) or -1; debounces by itself."""

        def scan(self) -> int: ...

    class Sounder(Protocol):
        """Starts a tone and returns at once; `hz` 0 is silence."""

        def tone(self, hz: int) -> None: ...

    class Printer(Protocol):
        """Receipt printer; it never waits but in `ready`, and raises OSError when what it was given is lost.

        `heard`: what keeps it from printing it said itself. `ready`: whether it can print now. `busy`: it must not be
        given more yet; with `whole`, it has not printed everything. `size` 1 emphasised, 2 tall, 3 tall and wide;
        `place` 1 centred, 2 right. A band is rows of dots, `width` bytes each, highest bit left.
        """

        heard: bool

        def ready(self) -> bool: ...
        def busy(self, whole: bool = False) -> bool: ...
        def line(self, text: str, size: int = 0, place: int = 0) -> None: ...
        def band(self, width: int, dots: bytearray) -> None: ...
        def qr(self, text: str) -> None: ...
        def cut(self) -> None: ...

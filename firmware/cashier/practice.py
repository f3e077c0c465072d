"""The rooms of training: a journal, a switch, members and a queue that are a few lists in memory, and nothing else.

None of them knows a session, a flash or a cache, so what is done there cannot reach them: it is not told apart from
value by a mark, it stands elsewhere. All of it is gone when the training ends. Points as whole points.
"""

from micropython import const

from firmware.core.errors import LinkDown
from firmware.core.types import (
    APPROVED,
    AUTH_LEGACY,
    OFFLINE,
    ONLINE,
    OPEN,
    REVERSAL,
    REVERSED,
    CardData,
    JournalEntry,
    Member,
    Reply,
    Transaction,
)
from firmware.receipt.lines import HEADING, QR
from firmware.screen.lines import BIG, GAP, NOTE, TITLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Sequence

    from firmware.core.clock import Clock
    from firmware.core.ports import Reader
    from firmware.core.types import Result
    from firmware.receipt.lines import Line as Paper
    from firmware.receipt.spool import Spool
    from firmware.screen.canvas import Canvas
    from firmware.screen.faces import Faces
    from firmware.screen.lines import Line

_KEPT = const(8)  # entries, and cards
_FIRST_POINTS = const(5000)


class PracticeJournal:
    """The newest entries, by the port's rules."""

    def __init__(self) -> None:
        self._entries: "list[JournalEntry]" = []
        self._seq = 0

    def next_seq(self) -> int:
        """One more than the last."""
        self._seq += 1
        return self._seq

    def append(self, transaction: Transaction) -> None:
        """Remember it; the oldest goes."""
        state = OPEN if transaction.mode == ONLINE else APPROVED
        self._entries = self._entries[1 - _KEPT :] + [JournalEntry(transaction, state)]
        if transaction.verb == REVERSAL:
            self._change(transaction.original_seq, REVERSED, None)

    def append_result(self, result: "Result") -> None:
        """What was answered."""
        self._change(result.seq, result.state, result)

    def _change(self, seq: int, state: int, result: "Result | None") -> None:
        for at, entry in enumerate(self._entries):
            if entry.transaction.seq == seq:
                self._entries[at] = JournalEntry(entry.transaction, state, result)

    def find(self, seq: int) -> "JournalEntry | None":
        """By its number."""
        for entry in self._entries:
            if entry.transaction.seq == seq:
                return entry
        return None

    def last(self) -> "JournalEntry | None":
        """The newest that is no reversal."""
        found = [entry for entry in self._entries if entry.transaction.verb != REVERSAL]
        return found[-1] if found else None

    def unanswered(self) -> "Iterator[Transaction]":
        """Without answer."""
        return iter([entry.transaction for entry in self._entries if entry.state == OPEN])

    def pending(self) -> "Iterator[Transaction]":
        """Nothing waits for anybody."""
        return iter(())

    def pending_of(self, _uid: bytes, _reversals: bool = False) -> "Iterator[Transaction]":
        """Nothing waits for anybody."""
        return iter(())

    def dead(self) -> "Iterator[tuple[Transaction, str]]":
        """Nothing is refused."""
        return iter(())

    def pending_count(self) -> int:
        """Nothing waits."""
        return 0

    def dead_count(self) -> int:
        """Nothing is refused."""
        return 0

    def loading(self) -> int:
        """There is nothing to read."""
        return 0

    def oldest_pending_utc(self) -> int:
        """Nothing waits."""
        return 0

    def pending_points(self, _uid: bytes) -> int:
        """Nothing waits."""
        return 0


class PracticeMembers:
    """Whoever tapped: each card is a member with points to spend."""

    def __init__(self, name: str, clock: "Clock") -> None:
        self._name = name
        self._clock = clock
        self._points: "dict[bytes, int]" = {}

    def get(self, uid: bytes) -> Member:
        """Every card is known."""
        points = self._points.get(uid, _FIRST_POINTS)
        return Member(uid, 0, self._name, points, self._clock.now_utc(), 0, 1, self._clock.now_utc())

    def put(self, _member: Member, _now: bool = False) -> bool:
        """The switch is in this room, too: it told nothing new."""
        return True

    def post(self, uid: bytes, points: int) -> int:
        """Book; the balance after it."""
        before = self._points.get(uid, _FIRST_POINTS)
        if len(self._points) >= _KEPT:
            self._points = {}
        self._points[uid] = before + points
        return before + points


class PracticeSwitch:
    """Says yes to everything, at once."""

    def __init__(self, members: PracticeMembers) -> None:
        self._members = members

    def online(self) -> bool:
        """Always."""
        return True

    def halted(self, spends: bool = False) -> str:
        """Never."""
        return ""

    def value_stopped(self) -> bool:
        """Never."""
        return False

    fault = ""

    def wake(self) -> None:
        """There is nobody to wake."""

    def hurry(self) -> None:
        """Nor to hurry."""

    async def inquire(
        self,
        uid: bytes,
        auth: int,
        member_no: int,
        counter: int = 0,
        sun: bytes = b"",
        allowance: "tuple[int, int] | None" = None,
        reason: int = 0,
    ) -> Reply:
        """The points of this card."""
        member = self._members.get(uid)
        return Reply("00", 0, member.points, "", member, "", auth, counter)

    async def relay(self, _uid: bytes, _step: bytes) -> "tuple[bytes, Reply]":
        """No card is asked to prove anything."""
        raise LinkDown("training")

    async def request(self, transaction: Transaction, allowance: "tuple[int, int] | None" = None) -> Reply:
        """Booked."""
        balance = self._members.post(transaction.uid, transaction.points)
        return Reply("00", transaction.points, balance, "000000")


class PracticeForward:
    """What undoes an intent."""

    def __init__(self, journal: PracticeJournal) -> None:
        self._journal = journal

    def start(self) -> int:
        """Nothing was left by anybody."""
        return 0

    def reverse(self, original: Transaction) -> Transaction:
        """Note it."""
        t = Transaction(
            self._journal.next_seq(),
            REVERSAL,
            OFFLINE,
            original.uid,
            original.auth,
            original.amount,
            original.points,
            original.time_utc,
            original.clock,
            original_seq=original.seq,
            new_money=original.new_money,
        )
        self._journal.append(t)
        return t


class PracticeCanvas:
    """Every screen begins with the word; a gap or the title gives its row."""

    def __init__(self, canvas: "Canvas", word: str) -> None:
        self._canvas = canvas
        self._word = word
        self._lines: "list[Line] | None" = None  # shown last, and as they are marked
        self._marked: "list[Line]" = []

    def draw(self, lines: "Sequence[Line]") -> None:
        """Show these lines, and what they are."""
        if list(lines) != self._lines:
            self._lines = list(lines)
            self._marked = self._with_word(list(lines))
        self._canvas.draw(self._marked)

    def _with_word(self, lines: "list[Line]") -> "list[Line]":
        """In big letters still, where there is room for both."""
        if lines and lines[0][0] == BIG and GAP not in [role for role, _text in lines]:
            whole = [(TITLE, self._word)] + lines
            if self._canvas.folds(whole) <= self._canvas.folds(marked(list(lines), self._word)):
                return whole
        return marked(lines, self._word)

    @property
    def faces(self) -> "Faces":
        """The letters the panel has."""
        return self._canvas.faces

    def folds(self, lines: "Sequence[Line]") -> int:
        """How many pages these lines take."""
        return self._canvas.folds(self._with_word(list(lines)))

    def fits(self, text: str) -> bool:
        """Whether one row holds it."""
        return self._canvas.fits(text)

    def unread(self) -> bool:
        """Whether what is shown has pages that nobody can have seen yet."""
        return self._canvas.unread()

    def turn(self, pages: int) -> None:
        """To the next page, or the one before."""
        self._canvas.turn(pages)

    def dark(self) -> bool:
        """Whether nobody can read what is drawn."""
        return self._canvas.dark()

    def reaches(self) -> bool:
        """Whether the display takes what is sent, asked now."""
        return self._canvas.reaches()


def marked(lines: "list[Line]", word: str) -> "list[Line]":
    """The word in the first row, the rest below it. A title gives its row up when there is no gap to close."""
    gaps = [at for at, line in enumerate(lines) if line[0] == GAP]
    if gaps:
        lines.pop(gaps[0])
    elif lines and lines[0][0] == TITLE:
        return [(NOTE, word)] + lines[1:]
    elif lines and lines[0][0] == BIG:  # it takes two rows; as a plain one it leaves room
        return [(TITLE, word), (NOTE, lines[0][1])] + lines[1:]
    return [(TITLE, word)] + lines


class PracticePaper:
    """Every receipt begins and ends with the word, and has no code for a dispute."""

    def __init__(self, paper: "Spool", word: str) -> None:
        self._paper = paper
        self._word = word
        self.form = paper.form
        self.fitted = paper.fitted

    @property
    def code(self) -> str:
        """Why the newest is not on paper."""
        return self._paper.code

    def hand(self, lines: "Sequence[Paper]", _marks: "Sequence[str]", rtl: bool) -> bool:
        """Print it."""
        word = (HEADING, self._word)
        return self._paper.hand([word] + [line for line in lines if line[0] != QR] + [word], ("",), rtl)


class PracticeReader:
    """Any card may do anything: it is read as for a sale, by no key of the switch's, and counts as known."""

    def __init__(self, reader: "Reader") -> None:
        self._reader = reader

    async def wait_card(self, timeout_ms: int, prove: bool = False) -> CardData:
        """The next card. Raises CardError."""
        card = await self._reader.wait_card(timeout_ms, False)
        return CardData(card.uid, card.kind, AUTH_LEGACY)

    def healthy(self) -> bool:
        """The reader's own word."""
        return self._reader.healthy()

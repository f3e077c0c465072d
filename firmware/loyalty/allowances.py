"""What the switch lets this terminal spend without it: one allowance a card, held in the member cache.

An allowance is spent by one redemption that names it, and the journal says so before it leaves the cache: whatever a
power cut comes between, a card with an offline redemption that the switch has not acknowledged spends no more, and what
was spent is in the cache no more when that acknowledgement is settled. A cache that does not take that is given up
whole, from the next start on. What the switch refused (a dead letter) keeps its card from another allowance until it is
resolved: sent again it may spend the same one. A cache whose newest record went bad may show an older one again: the
switch refuses what it has seen spent. Knows no screen and no message. Times in UTC seconds.
"""

from micropython import const

from firmware.core.errors import StoreError
from firmware.core.types import CLOCK_OK, OFFLINE, REDEMPTION, Allowance, Member

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Iterator, Protocol

    from firmware.core.clock import Clock
    from firmware.core.ports import Journal
    from firmware.core.types import Transaction

    class Cache(Protocol):
        """The member cache as this uses it."""

        def get(self, uid: bytes) -> Member | None: ...
        def put(self, member: Member, now: bool = False) -> bool: ...
        def forget(self, uid: bytes) -> None: ...
        def working(self) -> bool: ...


MARGIN_S = const(900)  # none is used so shortly before its end: what the switch was told to free must stay unused
_WORTH_WRITING_S = const(3600)  # a later end alone is not written for less: each tap would cost a record
UID_MAX = const(9)  # with the mark behind it a UID must fit the record
_MARK = const(b"A")
_SLICE = const(16)


def key_of(uid: bytes) -> bytes:
    """Under which a card's allowance stands in the member cache: no card has a UID of that length."""
    return uid + _MARK


class Allowances:
    """Of one terminal. Until `recall` has run to its end nothing is known to be settled."""

    def __init__(
        self,
        members: "Cache",
        journal: "Journal",
        clock: "Clock",
        complete: "Callable[[], bool] | None" = None,
        give_up: "Callable[[], object] | None" = None,
    ) -> None:
        """`complete` says whether the cache shows all it holds; `give_up` makes the next start forget all of it, and
        raises StoreError when not even that can be written down."""
        self._members = members
        self._complete = complete
        self._journal = journal
        self._clock = clock
        self._give_up = give_up
        self._given_up = False
        self._unsettled: "dict[int, tuple[bytes, int, int]]" = {}  # SEQ of offline redemptions: card, points, number
        self._letters: "dict[int, bytes]" = {}  # SEQ of dead letters that name an allowance: card
        self._recalled = False
        self._ended_utc = 0  # the latest end of which the switch was told that nothing is unsettled

    # --- after a start ------------------------------------------------------------------------------------------------

    def recall(self) -> "Iterator[int]":
        """Find what waits for the switch, and drop what it spent: a cut may have come before. To be run to its end
        before anything is sent or spent; each step is short."""
        self._unsettled, self._letters = {}, {}
        for count, (letter, _rc) in enumerate(self._journal.dead()):
            if letter.allowance:
                self._letters[letter.seq] = letter.uid
            if count % _SLICE == _SLICE - 1:
                yield count
        for count, transaction in enumerate(self._journal.pending()):
            if transaction.verb == REDEMPTION and transaction.mode == OFFLINE:
                self.spent(transaction)
            if count % _SLICE == _SLICE - 1:
                yield count
        self._recalled = True

    # --- one card's ---------------------------------------------------------------------------------------------------

    def get(self, uid: bytes) -> "Allowance | None":
        """What this card may spend here, used or not beyond its end: `usable` says that."""
        return None if uid in self._letters.values() else self._kept(uid)

    def _kept(self, uid: bytes) -> "Allowance | None":
        kept = self._members.get(key_of(uid)) if len(uid) <= UID_MAX else None
        if kept is None or kept.points <= 0:
            return None
        return Allowance(kept.member_no, kept.points, kept.last_visit_utc, kept.as_of_utc)

    def usable(self, allowance: Allowance) -> bool:
        """Whether it may be spent now, by a clock that is right; not one of which the switch was told that it ended."""
        now = self._clock.now_utc()
        return (
            self._clock.quality == CLOCK_OK
            and allowance.granted_utc <= now + MARGIN_S
            and max(now + MARGIN_S, self._ended_utc) < allowance.valid_until_utc
        )

    def asks(self, uid: bytes) -> "tuple[int, int] | None":
        """(number, points) to name when asking the switch for one, (0, 0) when there is none; None: do not ask.

        Who asks says that this card has nothing on its way to the switch that could have spent or undone any.
        """
        if not self._recalled or len(uid) > UID_MAX or uid in self._letters.values() or self.spent_by(uid):
            return None
        if self._complete is not None and not self._complete():
            return None  # one that is not seen yet could not be dropped
        for _reversal in self._journal.pending_of(uid, True):
            return None
        held = self.get(uid)
        return (held.number, held.points) if held is not None else (0, 0)

    def told(self, uid: bytes, allowance: "Allowance | None") -> None:
        """What the switch answered when it was asked: keep that, and nothing else."""
        held = self.get(uid)
        if allowance is None:
            if held is not None:
                self.drop(uid)
            return
        if (
            held is not None
            and (held.number, held.points) == (allowance.number, allowance.points)
            and 0 <= allowance.valid_until_utc - held.valid_until_utc < _WORTH_WRITING_S
        ):
            return
        kept = Member(
            key_of(uid),
            allowance.number,
            "",
            allowance.points,
            allowance.granted_utc,
            last_visit_utc=allowance.valid_until_utc,
        )
        self._members.put(kept)

    def drop(self, uid: bytes) -> bool:
        """It is not held any more when this returns; whether also after a power cut. A cache that fails is closed till
        the next start, which finds what was there, unless it is told to forget all of it."""
        key = key_of(uid)
        if self._members.put(Member(key, 0, "", 0, self._clock.now_utc()), True):
            return True
        self._members.forget(key)
        if self._members.working() or self._given_up:
            return True
        try:
            if self._give_up is not None:
                self._give_up()
                self._given_up = True
        except (StoreError, MemoryError):
            pass  # tried again by the next one that is dropped
        return self._given_up

    def release(self, uid: bytes) -> "tuple[int, int] | None":
        """Give up what is held: (number, points) for the switch, which takes it back with the message that says so.
        None also when a restart might show it again: then it stays reserved."""
        held = self.get(uid)
        if held is None or not self.drop(uid):
            return None
        return held.number, held.points

    # --- spending -----------------------------------------------------------------------------------------------------

    def spent(self, transaction: "Transaction") -> None:
        """An offline redemption is in the journal: its card's allowance goes, also one the cache does not show yet."""
        self._unsettled[transaction.seq] = (transaction.uid, -transaction.points, transaction.allowance)
        if transaction.allowance:
            self.drop(transaction.uid)

    def spent_by(self, uid: bytes) -> int:
        """Points of this card spent here and not settled; the journal's own word, whatever the cache says."""
        return -sum([t.points for t in self._journal.pending_of(uid) if t.verb == REDEMPTION])

    def spent_in_all(self) -> int:
        """Points spent here, by all cards, that the switch has not acknowledged."""
        return sum([points for _uid, points, _number in self._unsettled.values()])

    def settling(self, seqs: "Iterable[int]") -> None:
        """These will be settled: what they spent must be gone before the journal lets go of them. Raises StoreError
        when neither the cache nor the word to forget it can be written: later, or after a restart."""
        for seq in seqs:
            uid = self._unsettled[seq][0] if seq in self._unsettled else self._letters.get(seq, b"")
            if uid and not (self._members.working() and self._kept(uid) is None) and not self.drop(uid):
                raise StoreError("what SEQ {} spent stays in the cache".format(seq))

    def left(self, seqs: "Iterable[int]") -> None:
        """These are settled, or given up by a person."""
        for seq in seqs:
            self._unsettled.pop(seq, None)
            self._letters.pop(seq, None)

    def buried(self, seq: int) -> None:
        """The switch refused it for good, and a person may send it again."""
        uid, _points, number = self._unsettled.pop(seq, (b"", 0, 0))
        if number:
            self._letters[seq] = uid

    def ended_utc(self) -> int:
        """Of what ended by this time nothing is unsettled here, and none of it will be used; 0: that cannot be said.

        True when it is said and from then on, however late it is heard: what may still be used ends `MARGIN_S` later.
        """
        if not self._recalled or self._unsettled or self._clock.quality != CLOCK_OK:
            return 0
        self._ended_utc = max(self._ended_utc, self._clock.now_utc())
        return self._ended_utc

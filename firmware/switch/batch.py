"""The end of a batch: totals to the switch, the records when they differ, totals again (docs/lt87.md section 15).

Reads the journal and writes nothing: what a cut interrupts is begun again with the same number, and the switch answers
what it closed already as it did then, unless the figures have changed since. Knows no screen and no paper; `Watch` is
asked whether to go on. Money in minor units, durations in milliseconds.
"""

from micropython import const

from firmware.core.errors import BadAnswer, LinkDown, LinkError, Refused
from firmware.core.refusals import host_refusal
from firmware.core.types import ACCRUAL, OFFLINE, REDEMPTION, REVERSAL, Transaction
from firmware.loyalty.totals import COMPARED, VISITS, Totals, kind_of, points_of
from firmware.switch import tlv
from firmware.switch.profile import (
    CODE_TOTALS,
    CODE_UPLOADED,
    RC_CHANGED,
    RC_RENUMBERED,
    RC_TOTALS_DIFFER,
    SECURITY,
    SESSION_BIT,
    TAG_CHAIN,
    TAG_CLOCK,
    TAG_EST,
    TAG_OFFLINE,
    UNKNOWN,
    verdict,
)
from firmware.switch.session import SwitchUnable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware.core.clock import Clock
    from firmware.core.log import Log
    from firmware.core.ports import Journal
    from firmware.core.types import JournalEntry
    from firmware.switch.iso8583 import Value
    from firmware.switch.messages import Answer, Messages, Outgoing
    from firmware.switch.session import Session

    class Watch(Protocol):
        """Who waits for the end of a batch."""

        async def wait(self, ms: int, done: int, total: int) -> None:
            """Let others run for so long; `done` of `total` records are uploaded. Raises Cancelled."""
            ...


AGREED = const(1)
DISPUTED = const(2)
CHANGED = const(3)
LAST_BATCH = const(999_999)
LAST_SEQ = const(0x7FFFFFFF)

_TIMEOUT_MS = const(6000)
_TRIES = const(3)
_AGAIN_MS = const(5000)
_LOOK_MS = const(500)
_ONLINE_MS = const(30_000)  # how long a line that broke may take to come back
_STRIDE = const(8)  # records added up before the others run

_RANGE = const(26)  # digits of DE 60 in an 0510
_RANGE_VISITS = const(44)  # with the switch's count of visits
_ROW = const("{}{:03d}{:06d}{:016d}{}{:013d}")
ROWS_MOST = const(24)  # of 41 characters in 999
ALL_CLERKS = "***"


class Batch:
    """Which batch: its number and the SEQ it begins with, 0 when that is not known."""

    def __init__(self, number: int = 1, first: int = 0) -> None:
        self.number = number
        self.first = first


class Closed:
    """A batch that the switch has closed as AGREED or DISPUTED, or CHANGED: agreed before, with other totals.
    `uploaded` records were compared one by one, of which it has `differing` otherwise. `whole`: the journal still had
    its beginning. `more`: the next one has records. `visits`: the switch's own count of new, returning and won back
    members, empty when it told none."""

    def __init__(
        self,
        batch: Batch,
        outcome: int,
        totals: Totals,
        whole: bool,
        uploaded: int,
        differing: int,
        more: bool,
        visits: "list[int] | None" = None,
    ) -> None:
        self.batch = batch
        self.outcome = outcome
        self.totals = totals
        self.whole = whole
        self.uploaded = uploaded
        self.differing = differing
        self.more = more
        self.visits = visits or []

    def next(self) -> Batch:
        """The batch that follows it."""
        return Batch(self.batch.number % LAST_BATCH + 1, self.totals.high + 1)


def totals_text(totals: Totals) -> str:
    """DE 63: a row of 41 characters for each kind and clerk, or for each kind alone when those would be too many."""
    rows = totals.rows()
    counts = totals.visits()
    visits = [_of_all(VISITS[at], counts[at], 0, 0) for at in range(len(VISITS)) if counts[at]]
    if len(rows) + len(visits) > ROWS_MOST:
        kinds = []
        for kind, _, _, _, _ in rows:
            if kind not in kinds:
                kinds.append(kind)
        return "".join([_of_all(kind, *totals.of(kind)) for kind in kinds] + visits)
    return "".join([_row(*row) for row in rows] + visits)


def _of_all(kind: str, count: int, money: int, points: int) -> str:
    return _row(kind, 0, count, money, points).replace(kind + "000", kind + ALL_CLERKS)


def _row(kind: str, clerk: int, count: int, money: int, points: int) -> str:
    return _ROW.format(kind, clerk, count, money, "D" if points < 0 else "C", abs(points))


def totals_fields(code: str, number: int, totals: Totals, whole: bool, generation: int) -> "dict[int, Value]":
    """What only an 0500 carries."""
    seqs = "{:010d}{:010d}".format(totals.low, totals.high)
    batch = "{:06d}{}{}{:010d}".format(number, seqs, "W" if whole else "L", generation)
    return {3: code, 60: batch, 63: totals_text(totals)}


def record(messages: "Messages", number: int, entry: "JournalEntry", sent_utc: int, repeat: bool) -> "Outgoing":
    """0320, or 0321 as `repeat`: the original's fields with the points that count."""
    t, points = entry.transaction, points_of(entry)
    verb = t.verb
    if verb == REVERSAL:  # it says what it undoes: of the two, only a redemption is negative
        verb = REDEMPTION if points < 0 else ACCRUAL
    booked = Transaction(t.seq, verb, t.mode, t.uid, t.auth, t.amount, points, t.time_utc, t.clock)
    booked.new_money = t.new_money
    offline = t.mode == OFFLINE and t.verb != REVERSAL
    fields, tags = messages.value_parts(t, booked, "06" if offline else "00")
    fields[60] = "{:06d}{}".format(number, kind_of(entry))
    fields[38] = "F{:05d}".format(t.seq % 100_000) if offline else "      "
    if entry.result is not None:
        fields[38] = (entry.result.approval + "      ")[:6]
    if offline:
        tags.append((TAG_EST, tlv.from_signed32(t.points)))
        tags.append((TAG_OFFLINE, bytes([t.offline_reason])))
    return messages.finish("0321" if repeat else "0320", fields, t.seq, sent_utc, tags)


async def added_up(
    journal: "Journal", batch: Batch, watch: "Watch", last: int = LAST_SEQ, worth: int = 1
) -> "tuple[Totals, bool]":
    """(totals of a batch as the journal has it, whether its beginning is still there). `worth` is the new money's."""
    history = journal.history(batch.first, last)
    while history.load():
        await watch.wait(0, 0, 0)
    totals = Totals(worth)
    for looked, entry in enumerate(history):
        totals.add(entry)
        if looked % _STRIDE == 0:
            await watch.wait(0, 0, 0)
    empty = totals.high == 0
    if batch.first or empty:
        totals.low = batch.first or journal.highest_seq() + 1
    if empty:
        totals.high = totals.low - 1
    return totals, history.whole


class Closing:
    """Closes one batch. `session_number` gives 31 fresh random bits a call."""

    def __init__(
        self,
        journal: "Journal",
        session: "Session",
        messages: "Messages",
        clock: "Clock",
        log: "Log",
        session_number: "Callable[[], int]",
    ) -> None:
        self._journal = journal
        self._session = session
        self._messages = messages
        self._clock = clock
        self._log = log
        self._session_number = session_number
        self._uploaded = 0
        self._differing = 0

    async def close(self, batch: Batch, watch: "Watch") -> Closed:
        """Until the switch has closed this batch, which may get another number or beginning from it.

        Nothing may wait for the switch, and nothing be appended meanwhile. Raises LinkError, Refused, Cancelled: then
        the batch is open as before, or the switch closed it and says so the next time.
        """
        self._uploaded = self._differing = 0
        totals, whole = await self._added_up(batch, watch)
        said = await self._totals(CODE_TOTALS, batch, totals, whole, watch)
        if said.rc == RC_RENUMBERED:
            batch = self._renumbered(said, totals)
            self._log.event("batch is {} from SEQ {}, says the switch".format(batch.number, batch.first))
            totals, whole = await self._added_up(batch, watch)
            said = await self._totals(CODE_TOTALS, batch, totals, whole, watch)
        if said.rc == RC_TOTALS_DIFFER:
            self._log.event("batch {} differs, upload".format(batch.number))
            await self._upload(batch, totals, watch)
            said = await self._totals(CODE_UPLOADED, batch, totals, whole, watch)
        low, high = _closed(said, batch, totals)
        more = high != totals.high
        if more:  # it closed this batch before, and what came after is another's
            totals, whole = await self._added_up(batch, watch, high)
            totals.low, totals.high = low, high
            if said.rc == "00":  # to more than these: of these alone it can say whether they are what it agreed to
                said = await self._totals(CODE_TOTALS, batch, totals, whole, watch)
                if _closed(said, batch, totals) != (low, high):
                    raise BadAnswer("a closed batch has another end")
        outcome = {"00": AGREED, RC_CHANGED: CHANGED}.get(said.rc, DISPUTED)
        visits = _visits(said)
        if visits and visits != totals.visits():
            self._log.event("visits {}, says the switch, here {}".format(visits, totals.visits()))
        return Closed(batch, outcome, totals, whole, self._uploaded, self._differing, more, visits)

    async def _added_up(self, batch: Batch, watch: "Watch", last: int = LAST_SEQ) -> "tuple[Totals, bool]":
        return await added_up(self._journal, batch, watch, last, self._messages.worth)

    def _renumbered(self, said: "Answer", totals: Totals) -> Batch:
        number, low, _ = _range(said)
        if not (1 <= number <= LAST_BATCH and 1 <= low <= totals.high + 1):
            raise BadAnswer("batch {} from SEQ {} cannot be".format(number, low))
        return Batch(number, low)

    async def _totals(self, code: str, batch: Batch, totals: Totals, whole: bool, watch: "Watch") -> "Answer":
        chain = self._journal.last_tag()

        def build(repeat: bool) -> "Outgoing":
            fields = totals_fields(code, batch.number, totals, whole, chain[1])
            fields[49] = self._messages.currency_of(totals.new_money)
            seq = self._session_number() | SESSION_BIT
            tags = [(TAG_CLOCK, bytes([self._clock.quality])), (TAG_CHAIN, chain[0])]
            return self._messages.finish("0501" if repeat else "0500", fields, seq, self._clock.now_utc(), tags)

        return await self._asked(build, watch, 0, 0)

    async def _upload(self, batch: Batch, totals: Totals, watch: "Watch") -> None:
        """Every record that the switch must have, one at a time."""
        total = totals.compared()
        history = self._journal.history(batch.first, totals.high)
        while history.load():
            await watch.wait(0, 0, total)
        for entry in history:
            if kind_of(entry) not in COMPARED:
                continue

            def build(repeat: bool, entry: "JournalEntry" = entry) -> "Outgoing":
                return record(self._messages, batch.number, entry, self._clock.now_utc(), repeat)

            answer = await self._asked(build, watch, self._uploaded, total)
            self._uploaded += 1
            if answer.rc != "00":
                self._differing += 1
                self._log.fault(host_refusal(answer.rc), "SEQ {} is not the same".format(entry.transaction.seq))
            await watch.wait(0, self._uploaded, total)

    async def _asked(self, build: "Callable[[bool], Outgoing]", watch: "Watch", done: int, total: int) -> "Answer":
        """The switch's word; asked again, as a repeat, when it does not come or decides nothing."""
        failures = 0
        while True:
            try:
                answer = await self._session.ask(build(failures > 0), _TIMEOUT_MS)
                if verdict(answer.rc) not in (UNKNOWN, SECURITY):
                    return answer
                raise SwitchUnable(answer.rc)
            except LinkError as error:
                self._log.error(error, "batch")
                failures += 1
                if failures == _TRIES:
                    raise
            await watch.wait(_AGAIN_MS, done, total)
            waited = 0
            while not self._session.online():
                if waited >= _ONLINE_MS:
                    raise LinkDown("the line does not come back")
                await watch.wait(_LOOK_MS, done, total)
                waited += _LOOK_MS


def _closed(said: "Answer", batch: Batch, totals: Totals) -> "tuple[int, int]":
    """(first, last SEQ) of the batch as the switch closed it. Raises Refused, BadAnswer."""
    if said.rc not in ("00", RC_CHANGED, RC_TOTALS_DIFFER):
        raise Refused(host_refusal(said.rc), "the switch refuses batch {}".format(batch.number))
    number, low, high = _range(said)
    if number != batch.number or low != totals.low or not low - 1 <= high <= totals.high:
        raise BadAnswer("another batch is answered")
    return low, high


def _range(answer: "Answer") -> "tuple[int, int, int]":
    """(batch, first SEQ, last SEQ) of DE 60. Raises BadAnswer."""
    text = answer.fields.get(60)
    if not isinstance(text, str) or len(text) not in (_RANGE, _RANGE_VISITS) or not text.isdigit():
        raise BadAnswer("an 0510 without its batch")
    return int(text[:6]), int(text[6:16]), int(text[16:_RANGE])


def _visits(answer: "Answer") -> "list[int]":
    """The switch's own count of visits, which decides nothing; empty when it gave none."""
    text = answer.fields.get(60)
    if not isinstance(text, str) or len(text) != _RANGE_VISITS:
        return []
    return [int(text[at : at + 6]) for at in range(_RANGE, _RANGE_VISITS, 6)]

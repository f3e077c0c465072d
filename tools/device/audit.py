"""What a journal's flash says to whoever has its keys: every record, its seal and its link checked; its transactions.

Frames, seals and states are read by the firmware's own code, on a copy: nothing here writes to a terminal. Only what
proves itself counts (tools/device/evidence.py). Whether all of it is there is told by the links, by the tails, and by
records that follow one another without a gap; what did not come with the capture accuses nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.core.errors import StoreError, StoreSealed
from firmware.core.types import APPROVED, OFFLINE, REFUSED, REVERSAL, Result, Transaction
from firmware.store import frames, records
from firmware.store.frames import Frame
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from firmware.store.state import State, position_of
from tools.device.capture import SECTOR, Capture, Place
from tools.device.evidence import GRAVE, LINKED, NOTE, UNPROVEN, Evidence, Finding, gather
from tools.device.following import Following

_RESULT_STATES = {APPROVED: "approved", REFUSED: "refused"}


class Image:
    """A block device on bytes: flash that only loses bits."""

    def __init__(self, image: bytearray) -> None:
        self._image = image

    def readblocks(self, block_num: int, buf: bytearray | memoryview, offset: int = 0) -> None:
        """As on the device."""
        at = block_num * SECTOR + offset
        buf[:] = self._image[at : at + len(buf)]

    def writeblocks(self, block_num: int, buf: bytes | bytearray | memoryview, offset: int = 0) -> None:
        """As on the device."""
        at = block_num * SECTOR + offset
        for i, byte in enumerate(bytes(buf)):
            self._image[at + i] &= byte

    def ioctl(self, op: int, arg: int) -> int:
        """As on the device."""
        if op == 6:
            self._image[arg * SECTOR : (arg + 1) * SECTOR] = b"\xff" * SECTOR
        return len(self._image) // SECTOR if op == 4 else SECTOR


@dataclass
class Row:
    """One transaction and what became of it."""

    transaction: Transaction
    state: str
    rc: str
    approval: str
    place: Place
    reason: str = ""


@dataclass
class Audit:
    """`code` is that of the firmware when it would not open this journal, else "". `newest_tag` and `newest_generation`
    name the newest record: who knows them can tell later that nothing up to it was taken away."""

    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    frames: int = 0
    linked: int = 0
    mended: int = 0
    refused: int = 0
    damaged: int = 0
    duplicates: int = 0
    code: str = ""
    newest_tag: bytes = b""
    newest_generation: int = 0
    tail: int = 1
    tags: frozenset[bytes] = frozenset()

    @property
    def altered_or_missing(self) -> bool:
        """Whether somebody has to explain something."""
        return any(finding.grave for finding in self.findings)

    @property
    def unproven(self) -> bool:
        """Whether something may be missing, and nothing says so or says that not."""
        return any(finding.level == UNPROVEN for finding in self.findings)


def audit(capture: Capture, sealer: Sealer) -> Audit:
    """Everything the capture tells."""
    evidence = gather(capture, sealer)
    following = Following(capture, evidence, sealer)
    following.check()
    found = Audit(
        findings=evidence.findings,
        frames=len(evidence.frames),
        linked=sum(frame.kind in LINKED for frame in evidence.frames.values()),
        mended=evidence.mended,
        refused=evidence.refused,
        damaged=evidence.damaged,
        duplicates=following.duplicates,
        tail=evidence.tail,
        tags=frozenset(frame.tag for frame in evidence.frames.values()),
    )
    if evidence.frames:
        newest = evidence.frames[max(evidence.frames)]
        found.newest_tag, found.newest_generation = newest.tag, newest.generation
    found.code = _refusal(capture, sealer)
    if evidence.refused and not evidence.frames and not found.code:
        found.code = StoreSealed.code
    found.rows = _rows(_History(evidence), following.doubtful, known=not found.code)
    return found


def _refusal(capture: Capture, sealer: Sealer) -> str:
    """The firmware's code when it would not open it."""
    try:
        Journal(Image(capture.image()), sealer, 0).open()
    except StoreError as error:
        return error.code
    return ""


def compared(found: Audit, tag: bytes, generation: int) -> Finding | None:
    """Whether the newest record of an earlier time, with this tag, is still there; generation 0 when not known."""
    if tag in found.tags:
        return None
    if 0 < generation < found.tail:
        return Finding("the record of --last-tag was recycled since: everything up to it was settled", NOTE)
    if generation:
        return Finding("the record of --last-tag is not there: what was written last was taken away", GRAVE)
    return Finding(
        "the record of --last-tag is not there: it was taken away, or recycled since (then name its generation: TAG@N)",
        GRAVE,
    )


class _History:
    """What the frames say, in the order they were written."""

    def __init__(self, evidence: Evidence) -> None:
        self.transactions: dict[int, tuple[Transaction, Frame]] = {}
        self.results: dict[int, Result] = {}
        self.voided: dict[int, str] = {}  # SEQ to the reason why a dead letter was given up
        self.buried: dict[int, tuple[Transaction, str, Frame]] = {}
        self.state = State(lambda _seq: 0)
        for place in sorted(evidence.frames):
            frame = evidence.frames[place]
            if frame.version != frames.VERSION:
                continue  # of later firmware, in a layout nobody here reads; its seal and its link are as ever
            self._take(frame)
            if frame.generation >= evidence.tail:  # what is older is settled and may be half gone
                self.state.take(frame)

    def _take(self, frame: Frame) -> None:
        if frame.kind == records.TRANSACTION:
            self.transactions.setdefault(frame.seq, (records.unpack_transaction(frame.body), frame))
        elif frame.kind == records.RESULT:
            self.results[frame.seq] = records.unpack_result(frame.body)
        elif frame.kind == records.VOID:
            self.voided[frame.seq] = records.reason_of(frame.body)
        elif frame.kind == records.DEAD:
            dead = records.unpack_transaction(frame.body)
            self.buried[dead.seq] = (dead, records.rc_of(frame.body), frame)


def _rows(history: _History, doubtful: Place, *, known: bool) -> list[Row]:
    """By SEQ. Of a journal that the firmware would not open only what single records say is known; so it is of what
    stands before the place `doubtful`."""
    state = history.state
    reversed_by = {t.original_seq for t, _ in history.transactions.values() if t.verb == REVERSAL}
    found = {seq: (t, frame) for seq, (t, _, frame) in history.buried.items()} | history.transactions
    rows = []
    for seq in sorted(found):
        t, frame = found[seq]
        result = history.results.get(seq)
        rc = result.rc if result else ""
        if not known:
            said = "unknown"
        elif seq in state.dead:
            said, rc = "dead", history.buried[seq][1]
        elif seq in state.open:
            said = "open"
        elif state.pending.has(position_of(frame)):
            said = "pending"
        elif seq in history.voided:
            said = "given up" if history.voided[seq] else "voided"
            rc = history.buried[seq][1] if seq in history.buried else rc
        elif t.verb == REVERSAL or t.mode == OFFLINE:
            said = "settled" if (frame.generation, frame.at) >= doubtful else "unknown"
        elif seq in reversed_by:
            said = "reversed"
        else:
            said = _RESULT_STATES.get(result.state, "unknown") if result else "unknown"
        approval, place = result.approval if result else "", (frame.generation, frame.at)
        rows.append(Row(t, said, rc, approval, place, history.voided.get(seq, "")))
    return rows

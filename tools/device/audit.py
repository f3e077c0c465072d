"""What a journal's flash says to whoever has its keys: every record, its seal and its link checked; its transactions.

Frames, seals and states are read by the firmware's own code, on a copy: nothing here writes to a terminal. A link that
does not fit says that a record between two others is missing; a tag that does not fit, that one was altered or was
sealed with other keys. What did not come with the capture accuses nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from firmware.core.errors import StoreError, StoreSealed
from firmware.core.types import APPROVED, OFFLINE, REFUSED, REVERSAL, Result, Transaction
from firmware.store import frames, records
from firmware.store.journal import KIND, Journal
from firmware.store.repair import repaired
from firmware.store.seal import LINK, TAG, Sealer, place_of
from tools.device.capture import SECTOR, Capture, Place

LINKED = (records.TRANSACTION, records.RESULT, records.VOID)
SECRET = (*LINKED, records.DEAD)
_NAMES = {records.TRANSACTION: "SEQ", records.RESULT: "the answer to SEQ", records.VOID: "the void of SEQ"}
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


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written. `grave`: no power cut and no worn cell explains it."""

    what: str
    grave: bool


@dataclass
class Row:
    """One transaction and what became of it."""

    transaction: Transaction
    state: str
    rc: str
    approval: str
    place: Place


@dataclass
class Audit:
    """`code` is that of the firmware when it would not open this journal, else "". `newest_tag` closes the chain."""

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

    @property
    def altered_or_missing(self) -> bool:
        """Whether somebody has to explain something."""
        return any(finding.grave for finding in self.findings)


def audit(capture: Capture, sealer: Sealer) -> Audit:
    """Everything the capture tells."""
    walk = _Walk(capture, sealer)
    walk.read()
    found = walk.audit
    journal = Journal(Image(capture.image()), sealer, 0)
    try:
        journal.open()
        found.rows = _rows(walk, journal)
    except StoreError as error:
        found.code = error.code
        found.rows = _rows(walk, None)
    if found.refused and not found.frames and not found.code:
        found.code = StoreSealed.code
    return found


class _Walk:
    """Every frame in the order it was written."""

    def __init__(self, capture: Capture, sealer: Sealer) -> None:
        self.audit = Audit()
        self.transactions: dict[int, tuple[Transaction, Place]] = {}
        self.results: dict[int, Result] = {}
        self.voids: dict[int, tuple[int, int, int]] = {}
        self.buried: dict[int, tuple[Transaction, str, Place]] = {}
        self._capture = capture
        self._sealer = sealer
        self._image = capture.image()
        self._salt = 0
        self._last: tuple[bytes, str, Place] | None = None  # tag, name and place of the last linked record
        self._before_last = b""

    def read(self) -> None:
        """Sector by sector, oldest first."""
        lives = sorted((generation, sector) for sector, generation in self._capture.generations().items())
        for _generation, sector in lives:
            raw = self._image[sector * SECTOR : (sector + 1) * SECTOR]
            header = frames.parse_header(raw) or frames.parse_header(raw[frames.HEADER :])
            if header is not None and header.kind == KIND:
                self._salt = header.salt
        for generation, sector in lives:
            if generation:
                self._sector(generation, self._image[sector * SECTOR : (sector + 1) * SECTOR])

    def _sector(self, generation: int, raw: bytearray) -> None:
        crc_seed = frames.seed(self._salt, generation)
        at, dirty = frames.FRAMES_AT, -1
        while at < SECTOR:
            frame, step = frames.frame_at(raw, at, crc_seed, generation), frames.ALIGN
            if frame is None and not frames.is_blank(raw, at, at + frames.ALIGN):
                mended = repaired(raw, at, crc_seed)
                if mended is not None:
                    frame = frames.frame_at(mended, 0, crc_seed, generation, at)
                    self.audit.mended += 1
                elif dirty < 0:
                    dirty = at
            elif dirty >= 0:
                self._damage(generation, dirty, at)
                dirty = -1
            if frame is not None:
                if dirty >= 0:
                    self._damage(generation, dirty, at)
                    dirty = -1
                self._frame(frame)
                step = frames.slot_size(len(frame.body))
            at += step
        if dirty >= 0:
            self._damage(generation, dirty, SECTOR)

    def _damage(self, generation: int, start: int, end: int) -> None:
        self.audit.damaged += 1
        here = f"generation {generation}, bytes {start} to {end - 1}"
        if not self._capture.in_hole((generation, start), (generation, end)):
            self.audit.findings.append(Finding(f"{here}: no whole record (a power cut leaves such places)", False))

    def _frame(self, frame: frames.Frame) -> None:
        body = bytearray(frame.body)
        head = frames.pack_head(frame.kind, frame.version, frame.seq, len(body))
        place = place_of(KIND, self._salt, frame.generation, frame.at)
        where = f"generation {frame.generation}, byte {frame.at}"
        if not self._sealer.open(place, head, body, frame.kind in SECRET):
            self.audit.refused += 1
            self.audit.findings.append(Finding(f"a record was altered: {where}, said to be SEQ {frame.seq}", True))
            return
        self.audit.frames += 1
        if frame.kind in LINKED:
            frame.link, frame.tag = bytes(body[:LINK]), bytes(body[-TAG:])
            body[:LINK] = head[:LINK]
        frame.body = bytes(body)
        here = (frame.generation, frame.at)
        if frame.kind in LINKED and not self._second_copy(frame):
            self._link(frame, here)
        if frame.version != frames.VERSION:
            return  # of later firmware, in a layout nobody here reads; its seal and its link are as ever
        if frame.kind == records.TRANSACTION:
            self.transactions.setdefault(frame.seq, (records.unpack_transaction(frame.body), here))
        elif frame.kind == records.RESULT:
            self.results[frame.seq] = records.unpack_result(frame.body)
        elif frame.kind == records.VOID:
            self.voids[frame.seq] = records.unpack_void(frame.body)
        elif frame.kind == records.DEAD:
            dead = records.unpack_transaction(frame.body)
            self.buried[dead.seq] = (dead, records.rc_of(frame.body), here)

    def _link(self, frame: frames.Frame, here: Place) -> None:
        self.audit.linked += 1
        name = f"{_NAMES[frame.kind]} {frame.seq}"
        if self._last is not None:
            tag, before, there = self._last
            if frame.link != tag[:LINK] and not self._capture.in_hole(there, here):
                self.audit.findings.append(Finding(f"a record is missing between {before} and {name}", True))
            self._before_last = tag
        self._last = (frame.tag, name, here)
        self.audit.newest_tag = frame.tag

    def _second_copy(self, frame: frames.Frame) -> bool:
        """The same record written again behind a first copy that did not read back then: both follow the same one."""
        known = {records.TRANSACTION: self.transactions, records.RESULT: self.results}.get(frame.kind, self.voids)
        if frame.seq not in known or self._last is None:
            return False
        self.audit.duplicates += 1
        if frame.link != self._before_last[:LINK]:
            return False
        self._last = (frame.tag, self._last[1], (frame.generation, frame.at))
        self.audit.newest_tag = frame.tag
        return True


def _rows(walk: _Walk, journal: Journal | None) -> list[Row]:
    """By SEQ. Without a journal only what single records say is known."""
    pending: set[int] = set()
    unanswered: set[int] = set()
    dead: dict[int, str] = {}
    if journal is not None:
        pending = {t.seq for t in journal.pending()}
        unanswered = {t.seq for t in journal.unanswered()}
        dead = {t.seq: rc for t, rc in journal.dead()}
    reversed_by = {t.original_seq for t, _ in walk.transactions.values() if t.verb == REVERSAL}
    known = {seq: (t, place) for seq, (t, _, place) in walk.buried.items()} | walk.transactions
    rows = []
    for seq in sorted(known):
        t, place = known[seq]
        result = walk.results.get(seq)
        rc = dead.get(seq, result.rc if result else "")
        if seq in dead:
            state = "dead"
        elif seq in unanswered:
            state = "open"
        elif seq in pending:
            state = "pending"
        elif seq in walk.voids:
            state = "voided"
        elif journal is None:
            state = "unknown"
        elif t.verb == REVERSAL or t.mode == OFFLINE:
            state = "settled"
        elif seq in reversed_by:
            state = "reversed"
        else:
            state = _RESULT_STATES.get(result.state, "unknown") if result else "unknown"
        rows.append(Row(t, state, rc, result.approval if result else "", place))
    return rows

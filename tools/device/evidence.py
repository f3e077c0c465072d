"""What in an export proves itself: headers and frames whose tag fits this journal, this place and these keys.

Whoever writes the flash or edits the file, but has no keys, can leave things out, bring old ones back and add noise; he
makes nothing that is taken here. So numbers of lines, generations and places that the lines claim only say where to
look: a sector without a header that fits is tried with every generation that may be in it.
"""

from __future__ import annotations

from binascii import crc32
from collections.abc import Iterable
from dataclasses import dataclass, field
from struct import unpack_from

from firmware.store import frames, records
from firmware.store.frames import Frame, Header
from firmware.store.journal import KIND
from firmware.store.repair import repaired
from firmware.store.seal import LINK, TAG, Sealer, place_of
from tools.device.capture import SECTOR, Capture, Place

LINKED = (records.TRANSACTION, records.RESULT, records.VOID)
SECRET = (*LINKED, records.DEAD)
GRAVE, UNPROVEN, NOTE = "grave", "unproven", "note"
_CLAIMS_MAX = 16  # generations that lines claim, when no header fits


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written. GRAVE: no power cut and no worn cell explains it. UNPROVEN: one may
    explain it, and so may somebody who took something out."""

    what: str
    level: str

    @property
    def grave(self) -> bool:
        """Whether somebody has to explain it."""
        return self.level == GRAVE


@dataclass
class Evidence:
    """`frames` are opened: `body` in the clear, `tag` for all, `link` for the linked ones. `tail`: nothing of an older
    generation is needed, and it may be gone; `newest` is the newest generation. `refused` counts what did not fit."""

    headers: dict[int, Header] = field(default_factory=dict)
    frames: dict[Place, Frame] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    dirt: list[Place] = field(
        default_factory=list
    )  # where bytes that are no record begin, of what came with the capture
    intact: set[int] = field(default_factory=set)  # generations whose sector shows no damage and both headers
    tail: int = 1
    newest: int = 0
    mended: int = 0
    refused: int = 0
    damaged: int = 0

    def generations(self) -> list[int]:
        """Those of which anything is there."""
        return sorted(set(self.headers) | {generation for generation, _ in self.frames})


def gather(capture: Capture, sealer: Sealer) -> Evidence:
    """All of a capture that proves itself."""
    return _Gatherer(capture, sealer).run()


class _Gatherer:
    def __init__(self, capture: Capture, sealer: Sealer) -> None:
        self._capture = capture
        self._sealer = sealer
        self._found = Evidence()
        self._lives = capture.lives()
        self._fitting: dict[tuple[int, int], list[Header]] = {}  # life -> headers of it whose tag fits
        self._claimed: list[Header] = []  # their CRC fits, their tag does not
        self._salt = 0

    def run(self) -> Evidence:
        found = self._found
        for (sector, claimed), raw in self._lives.items():
            self._look_for_headers(sector, claimed, raw)
        self._choose_salt()
        plausible = self._plausible()
        lengths = _Lengths(self._salt, plausible)
        for (sector, claimed), raw in sorted(self._lives.items()):
            headers = [h for h in self._fitting.get((sector, claimed), []) if h.salt == self._salt]
            generations = (
                {h.generation for h in headers}
                or self._of_frames(raw, lengths)
                or ({claimed} if claimed in plausible else set())
            )
            for generation in generations:
                damaged, refused = found.damaged, found.refused
                self._walk(generation, claimed, raw)
                if len(headers) == 2 and (damaged, refused) == (found.damaged, found.refused):
                    found.intact.add(generation)
        for generation, header in found.headers.items():
            found.tail = max(found.tail, generation - header.behind)
        for frame in found.frames.values():
            if frame.kind == records.SETTLE and frame.version == frames.VERSION:
                found.tail = max(found.tail, records.unpack_settle(frame.body)[1])
            elif frame.kind == records.MARK and frame.version == frames.VERSION:
                found.tail = max(found.tail, records.unpack_mark(frame.body)[0])
        found.newest = max(found.generations(), default=0)
        return found

    # --- headers ------------------------------------------------------------------------------------------------------

    def _look_for_headers(self, sector: int, claimed: int, raw: bytearray) -> None:
        fitting = self._fitting.setdefault((sector, claimed), [])
        for copy in (0, frames.HEADER):
            header = frames.parse_header(raw[copy : copy + frames.HEADER])
            if header is None or header.format != frames.FORMAT or header.kind != KIND:
                continue
            if header.sectors == self._capture.sectors and self._sealer.vouches(header, sector):
                fitting.append(header)
                continue
            self._claimed.append(header)
            self._refused(f"sector {sector}: a header was altered or belongs elsewhere")

    def _choose_salt(self) -> None:
        """Of several lives of one journal that with the most sectors counts; an older one was brought back."""
        by_salt: dict[int, set[int]] = {}
        for headers in self._fitting.values():
            for header in headers:
                by_salt.setdefault(header.salt, set()).add(header.generation)
        if by_salt:
            self._salt = max(by_salt, key=lambda salt: len(by_salt[salt]))
        elif self._claimed:
            self._salt = self._claimed[0].salt
        for salt, generations in by_salt.items():
            if salt != self._salt:
                self._found.findings.append(Finding(f"{len(generations)} sectors are of a former journal", GRAVE))
        for headers in self._fitting.values():
            for header in headers:
                if header.salt == self._salt:
                    self._found.headers[header.generation] = header

    def _plausible(self) -> set[int]:
        """Generations that a sector whose header is lost may be of: twice round the ring on each side of the claims."""
        around = list(self._found.headers) or [header.generation for header in self._claimed]
        around = around or [claimed for _sector, claimed in self._lives]
        around = sorted(set(around), reverse=True)[:_CLAIMS_MAX]
        if not around or not self._salt:
            return set()
        reach = 2 * self._capture.sectors
        return {near for one in around for near in range(max(1, one - reach), one + reach + 1)}

    # --- frames -------------------------------------------------------------------------------------------------------

    def _of_frames(self, raw: bytearray, lengths: _Lengths) -> set[int]:
        """The generations of a sector that lost its headers: those of which a frame opens."""
        found: set[int] = set()
        for at in range(frames.FRAMES_AT, SECTOR, frames.ALIGN):
            generation = lengths.generation_at(raw, at)
            if generation and generation not in found:
                frame = frames.frame_at(raw, at, frames.seed(self._salt, generation), generation)
                if frame is not None and self._sealer.body_of(self._place(frame), frame, False) is not None:
                    found.add(generation)
        return found

    def _place(self, frame: Frame) -> bytes:
        return place_of(KIND, self._salt, frame.generation, frame.at)

    def _walk(self, generation: int, claimed: int, raw: bytearray) -> None:
        crc_seed = frames.seed(self._salt, generation)
        at, dirty = frames.FRAMES_AT, -1
        while at < SECTOR:
            frame, step = frames.frame_at(raw, at, crc_seed, generation), frames.ALIGN
            blank = frames.is_blank(raw, at, at + frames.ALIGN)
            if frame is None and not blank:
                mended = repaired(raw, at, crc_seed)
                if mended is not None:
                    frame = frames.frame_at(mended, 0, crc_seed, generation, at)
                    self._found.mended += 1
            if frame is None and not blank and dirty < 0:
                dirty = at
            if dirty >= 0 and (frame is not None or blank):
                self._damage(generation, claimed, dirty, at)
                dirty = -1
            if frame is not None:
                self._take(frame)
                step = frames.slot_size(len(frame.body))
            at += step
        if dirty >= 0:
            self._damage(generation, claimed, dirty, SECTOR)

    def _damage(self, generation: int, claimed: int, start: int, end: int) -> None:
        self._found.damaged += 1
        here = f"generation {generation}, bytes {start} to {end - 1}"
        if claimed not in self._capture.recycled and not self._capture.in_hole((claimed, start), (claimed, end)):
            self._found.dirt.append((generation, start))
            self._found.findings.append(Finding(f"{here}: no whole record (a power cut leaves such places)", NOTE))

    def _take(self, frame: Frame) -> None:
        where = f"generation {frame.generation}, byte {frame.at}"
        body = self._sealer.body_of(self._place(frame), frame, frame.kind in SECRET)
        if body is None:
            self._refused(f"a record was altered: {where}, said to be SEQ {frame.seq}")
            return
        frame.tag = bytes(body[-TAG:])
        if frame.kind in LINKED:
            frame.link = bytes(body[:LINK])
            body[:LINK] = frame.seq.to_bytes(LINK, "little")
        frame.body = bytes(body)
        other = self._found.frames.setdefault((frame.generation, frame.at), frame)
        if other.tag != frame.tag:
            self._refused(f"two records claim one place: {where}; an earlier state of the flash was brought back")

    def _refused(self, what: str) -> None:
        self._found.refused += 1
        finding = Finding(what, GRAVE)
        if finding not in self._found.findings:
            self._found.findings.append(finding)


class _Lengths:
    """Tells the generation of a frame by its CRC: over so many bytes, the CRC of what is there and that over zeros
    differ by the seed, pushed on by as many zero bytes. Pulled back by as many, it is the seed of one generation."""

    def __init__(self, salt: int, generations: Iterable[int]) -> None:
        self._generations = {frames.seed(salt, generation): generation for generation in generations}
        self._bits: dict[int, list[int]] = {}  # length -> what each bit of the difference is in the seed

    def generation_at(self, raw: bytearray, at: int) -> int:
        """The generation for which the CRC of a frame at this place fits, 0 when none does."""
        _seq, length, kind, _version, crc = unpack_from("<IHBBI", raw, at) if at + 12 <= SECTOR else (0, 0, 0, 0, 0)
        end = at + frames.FRAME_HEAD + length
        if kind in (0, 0xFF) or length > frames.MAX_BODY or end > SECTOR:
            return 0
        bits = self._bits.get(length)
        if bits is None:
            bits = self._bits[length] = [_pulled_back(1 << bit, 8 + length) for bit in range(32)]
        difference = crc ^ crc32(raw[at + frames.FRAME_HEAD : end], crc32(raw[at : at + 8]))
        seed = 0
        for bit, value in enumerate(bits):
            if difference >> bit & 1:
                seed ^= value
        return self._generations.get(seed, 0)


def _pushed(byte: int) -> int:
    """One step of CRC-32, reflected."""
    for _ in range(8):
        byte = byte >> 1 ^ (0xEDB88320 if byte & 1 else 0)
    return byte


_STEPS = [_pushed(byte) for byte in range(256)]
_BY_TOP = {step >> 24: byte for byte, step in enumerate(_STEPS)}


def _pulled_back(value: int, count: int) -> int:
    """The CRC register that so many zero bytes turn into `value`."""
    for _ in range(count):
        byte = _BY_TOP[value >> 24]
        value = (value ^ _STEPS[byte]) << 8 | byte
    return value

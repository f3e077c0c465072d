"""Whether the records of a journal follow one another: nothing between the tail and the newest record was taken out.

The link of a transaction or an answer covers everything written since the one before, so where it fits nothing is
missing. Where no link can tell, at the start of the tail's sector and behind the last linked record, records that stand
without a gap prove as much: they are written one behind the other. What is below the tail is settled and may be half
recycled; it accuses nobody unless it is plain.
"""

from __future__ import annotations

from firmware.store import frames, records
from firmware.store.frames import Frame
from firmware.store.seal import LINK, TAG, Sealer
from tools.device.capture import SECTOR, Capture, Place
from tools.device.evidence import GRAVE, LINKED, NOTE, UNPROVEN, Evidence, Finding

_NAMES = {records.TRANSACTION: "SEQ", records.RESULT: "the answer to SEQ", records.VOID: "the void of SEQ"}
_END: Place = (1 << 32, 0)


class Following:
    """`check` adds its findings to the evidence."""

    def __init__(self, capture: Capture, evidence: Evidence, sealer: Sealer) -> None:
        self.duplicates = 0
        self.doubtful: Place = (0, 0)  # what became of settled sales before it may have stood in what is gone
        self._capture = capture
        self._evidence = evidence
        self._sealer = sealer
        self._order = [evidence.frames[place] for place in sorted(evidence.frames)]
        self._last: Frame | None = None  # the last linked one
        self._link_of_last = b""
        self._since: list[Frame] = []  # without a link, behind it
        self._reached = False  # a linked record that is needed was met
        self._anchored = False  # and the first of these follows what it followed when it was written

    def check(self) -> None:
        """Every link, every generation, both ends."""
        for frame in self._order:
            if frame.kind in LINKED:
                self._follow(frame)
            else:
                self._since.append(frame)
        if not self._reached:
            self.doubtful = (self._evidence.tail, 0)
        self._check_start()
        self._check_generations()
        self._check_end()
        self._check_behind()

    # --- links --------------------------------------------------------------------------------------------------------

    def _follow(self, frame: Frame) -> None:
        fits = self._fits(frame)  # also the first of all, whose link says that there was none before
        if frame.generation >= self._evidence.tail and not self._reached:
            self._reached, self._anchored = True, fits
        if self._last is not None and not fits:
            if frame.link == self._link_of_last and self._same(frame, self._last):
                self.duplicates += 1  # written again behind a first copy that did not read back then
            else:
                self._broken(self._last, frame)
        self._last, self._link_of_last, self._since = frame, frame.link, []

    def _fits(self, frame: Frame) -> bool:
        """Also when a frame was written again behind a first copy that did not read back then."""
        if frame.link == self._link(self._since):
            return True
        after = [*self._since, None][1:]
        once = [frame for frame, other in zip(self._since, after, strict=True) if not self._same(frame, other)]
        if len(once) == len(self._since) or frame.link != self._link(once):
            return False
        self.duplicates += len(self._since) - len(once)
        return True

    def _link(self, since: list[Frame]) -> bytes:
        link = int.from_bytes(self._last.tag[:LINK], "little") if self._last is not None else 0
        for frame in since:
            link ^= self._sealer.share(frame.tag)
        return link.to_bytes(LINK, "little")

    def _same(self, one: Frame, other: Frame | None) -> bool:
        return other is not None and (one.kind, one.seq, one.body[:-TAG]) == (other.kind, other.seq, other.body[:-TAG])

    def _broken(self, before: Frame, frame: Frame) -> None:
        here, there = (before.generation, before.at), (frame.generation, frame.at)
        if before.generation < self._evidence.tail:
            self.doubtful = there
        if self._capture.in_hole(here, there):
            return
        what = f"a record is missing between {_named(before)} and {_named(frame)}"
        tail = self._evidence.tail
        if before.generation >= tail:
            self._tell(what, GRAVE)
        elif frame.generation < tail:
            intact = {before.generation, frame.generation} <= self._evidence.intact
            plain = intact and frame.generation - before.generation <= 1
            if not any(before.generation <= gone < frame.generation for gone in self._capture.recycled):
                self._tell(
                    what + ("" if plain else ", among what is settled and may be erased"), GRAVE if plain else NOTE
                )

    # --- both ends ----------------------------------------------------------------------------------------------------

    def _check_start(self) -> None:
        """The first record needed: it follows one that is there, or nothing but records stands before it."""
        needed = [frame for frame in self._order if frame.generation >= self._evidence.tail]
        if self._anchored or not needed:
            return
        linked = [number for number, frame in enumerate(needed) if frame.kind in LINKED]
        first = needed[: linked[0] + 1] if linked else needed
        start = (self._evidence.tail, frames.FRAMES_AT)
        gap = self._gap(start, first)
        if gap is not None and not self._capture.in_hole(start, (first[-1].generation, first[-1].at)):
            self._tell(f"{_where(gap)}: nothing proves that no record stood there", UNPROVEN)

    def _check_end(self) -> None:
        """Behind the last linked record."""
        last = self._last
        if last is None or last.generation < self._evidence.tail:
            return  # the start was looked at, up to the end
        after = (last.generation, last.at + frames.slot_size(len(last.body)))
        gap = self._gap(after, self._since)
        if gap is not None and not self._capture.in_hole(after, _END):
            self._tell(f"{_where(gap)}: nothing proves yet that no record stood there; the next sale will", UNPROVEN)

    def _check_behind(self) -> None:
        """Behind the newest record of all: a cut leaves bytes there that are none, and so does who destroys one."""
        evidence = self._evidence
        newest = max(max(evidence.frames, default=(0, 0)), (evidence.tail, 0))
        behind = [place for place in evidence.dirt if place > newest]
        if behind:
            self._tell(
                f"{_where(min(behind))}: nothing proves yet that no record stood there; the next sale will", UNPROVEN
            )

    def _gap(self, start: Place, following: list[Frame]) -> Place | None:
        """Where records that were written one behind the other leave something between them; None when nowhere."""
        generation, at = start
        for frame in following:
            slot = frames.slot_size(len(frame.body))
            if frame.generation == generation + 1 and at + slot > SECTOR:
                generation, at = frame.generation, frames.FRAMES_AT
            if (frame.generation, frame.at) != (generation, at):
                return generation, at
            at += slot
        return None

    # --- generations --------------------------------------------------------------------------------------------------

    def _check_generations(self) -> None:
        """None between the tail and the newest is missing; one without a record that a link proves to be empty may."""
        evidence = self._evidence
        there = [evidence.tail - 1, *(g for g in evidence.generations() if g >= evidence.tail)]
        newest_linked = self._last.generation if self._last is not None else 0
        for before, after in zip(there, there[1:], strict=False):
            if after == before + 1 or self._capture.in_hole((before + 1, 0), (after - 1, SECTOR)):
                continue
            what = (
                f"generation {before + 1} is" if after == before + 2 else f"generations {before + 1} to {after - 1} are"
            )
            header = evidence.headers.get(after)
            if before < evidence.tail:  # the first one: no link reaches behind it
                if header is None or header.seq_high:
                    self._tell(f"{what} needed and not there", GRAVE)
            elif after > newest_linked:
                self._tell(
                    f"{what} not there, and nothing proves yet that nothing stood there; the next sale will", UNPROVEN
                )
        self._check_promises()
        if evidence.newest < self._capture.newest:
            self._tell(f"the export began at generation {self._capture.newest}, of which nothing is there", UNPROVEN)

    def _check_promises(self) -> None:
        """A header knows the newest SEQ before it."""
        tail = self._evidence.tail
        sales = [frame for frame in self._order if frame.kind == records.TRANSACTION and frame.generation >= tail]
        for generation, header in sorted(self._evidence.headers.items()):
            before = [frame.seq for frame in sales if frame.generation < generation]
            if before and max(before) < header.seq_high and not self._capture.in_hole((tail, 0), (generation, 0)):
                self._tell(f"SEQ {header.seq_high} is missing: generation {generation} knows of it", GRAVE)

    def _tell(self, what: str, level: str) -> None:
        self._evidence.findings.append(Finding(what, level))


def _named(frame: Frame) -> str:
    return f"{_NAMES[frame.kind]} {frame.seq}"


def _where(place: Place) -> str:
    return f"generation {place[0]}, from byte {place[1]} on"

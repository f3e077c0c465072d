"""ISO/IEC 14443-4 of the card's side: RATS, PPS, blocks, chaining both ways, waiting time extension, DESELECT.

Families derive from `IsoDepCard` and override `apdu`, and where they compute or remember, `compute_us` and
`end_session`. The block rules are those of clause 7.5 to the letter: rule D toggles on every I-block, right or not, so
a reader that repeats a block it must not repeat runs a command twice. What a reader does against the standard is kept
in `breaches`. Knows nothing of files, keys or the reader. Times in microseconds.
"""

from __future__ import annotations

from tools.sim.cards.frames import ANSWER_DELAY, ETU, Answer, Frame, crc_a, cycles_of, us_of, with_crc
from tools.sim.cards.iso14443a import HALT, Card

PROTOCOL = "protocol"
FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)  # table 1, by FSDI and FSCI
FWT_MAX_US = 4_949_000
WTXM_MAX = 59
_RATS, _PPS = 0xE0, 0xD0
_CHAINING, _CID = 0x10, 0x08
_R_ACK, _R_NAK, _DESELECT, _WTX = 0xA2, 0xB2, 0xC2, 0xF2
# Part of a waiting time after which a card that is not ready asks for more, and from which on it would ask.
_ASK_AFTER, _ASK_FROM = 0.75, 0.9


def unit_us(exponent: int) -> int:
    """256 * 16 / fc * 2^exponent: FWT of an FWI, SFGT of an SFGI (clauses 5.2.5, 7.2)."""
    return us_of(4096 << exponent)


def make_ats(
    fsci: int = 5, fwi: int = 8, sfgi: int = 0, ta1: int = 0x77, tc1: int = 0x02, historical: bytes = b"\x80"
) -> bytes:
    """An ATS with all three interface bytes."""
    body = bytes([0x70 | fsci, ta1, fwi << 4 | sfgi, tc1]) + historical
    return bytes([len(body) + 1]) + body


class IsoDepCard(Card):
    """A card that speaks APDUs. `ats` is sent as it is; the card obeys what a reader would make of it.

    Knobs: `work_us` what a command takes; `wtx` extensions asked for in any case before each answer, `wtxm` their
    multiplier (0: what is needed); `block_limit` bytes of data in a block at most; `endless` "wtx" or "chain" never
    comes to an end. `executed` counts the commands that were run.
    """

    kind = "iso-dep"
    atqa_low = 0x04
    sak = 0x20
    ats = make_ats()

    def __init__(self, uid: bytes, *, ats: bytes | None = None) -> None:
        if ats is not None:
            self.ats = ats
        self.work_us = 0
        self.wtx = 0
        self.wtxm = 0
        self.block_limit = 256
        self.endless = ""
        self.executed = 0
        self.breaches: list[str] = []
        self.rate = (0, 0)
        self._troubles: list[tuple[int, str | bytes | int]] = []
        self._answers = 0
        self._now_us: int | None = None
        self._clean()
        super().__init__(uid)

    # -- for families --------------------------------------------------------------------------------------------------

    def apdu(self, command: bytes) -> bytes:
        """Run a command; the whole answer with SW1 SW2. Called once for each command that came in whole."""
        return b"\x6d\x00"

    def compute_us(self, command: bytes) -> int:
        """How long this command takes; beyond the waiting time the card asks for extensions by itself."""
        return self.work_us

    def end_session(self) -> None:
        """The card left its protocol (field gone, DESELECT): drop authentication and the chosen application."""

    # -- for tests -----------------------------------------------------------------------------------------------------

    def trouble(self, n: int, what: str | bytes | int) -> None:
        """Spoil the n-th answer from now, the ATS included: `lose` it, `corrupt` its CRC, `toggle` its block number,
        or send in its place these bytes with a good CRC, or this number in four bits."""
        if n < 1 or isinstance(what, str) and what not in ("lose", "corrupt", "toggle"):
            raise ValueError("which answer, and what")
        self._troubles.append((self._answers + n, what))

    # -- states --------------------------------------------------------------------------------------------------------

    def forget(self) -> None:
        """Out of the protocol."""
        self._clean()
        self.end_session()

    def _clean(self) -> None:
        self.rate = (0, 0)
        self._number = 1  # rule C
        self._fresh = False  # PPS is only heard directly after the ATS (5.6.2.2)
        self._last = b""
        self._chained = bytearray()
        self._rest: bytes | None = None
        self._pending: bytes | None = None
        self._left_us = self._forced = self._granted = 0
        self._deaf_until_us = 0
        self._cid = 0
        self._says_cid = False
        self._fsd = 32
        self._read_ats()

    def _read_ats(self) -> None:
        """What the own ATS promises; absent bytes mean the defaults of clause 5.2."""
        rest = list(self.ats[1 : self.ats[0]] if self.ats else b"")
        t0 = rest.pop(0) if rest else 0x02
        ta1, tb1, tc1 = (rest.pop(0) if t0 & bit and rest else value for bit, value in ((16, 0), (32, 64), (64, 2)))
        self.fsc = FRAME_SIZES[min(t0 & 15, 8)]
        self.fwt_us = unit_us(4 if tb1 >> 4 == 15 else tb1 >> 4)
        self.sfgt_us = unit_us(tb1 & 15) if 0 < tb1 & 15 < 15 else 0
        self._ta1, self._knows_cid = ta1, bool(tc1 & 2)

    def receive(self, frame: Frame) -> Answer | None:
        """In the protocol nothing but its own blocks is heard, no request either (14443-3, 6.3; state PROTOCOL)."""
        self._now_us = frame.at_us
        if self.state != PROTOCOL:
            return super().receive(frame)
        answer = self._protocol(frame)
        if answer is not None and self.slow_us:
            answer.delay += cycles_of(self.slow_us)
        return answer

    def _protocol(self, frame: Frame) -> Answer | None:
        if frame.session is not None:
            return None
        if frame.at_us is not None and frame.at_us - us_of(frame.cycles) < self._deaf_until_us:
            self.breaches.append("frame within SFGT")
            return None
        block = frame.data[:-2]
        if frame.nbits & 7 or not block or crc_a(frame.data) != 0:
            return None  # the card waits, recovery is the reader's (7.5.6)
        if len(frame.data) > self.fsc:
            self.breaches.append("frame longer than FSC")
            return None
        fresh, self._fresh = self._fresh, False
        if block[0] & 0xF0 == _PPS:
            return self._pps(block) if fresh else None
        return self._block(block)

    def bad_frame(self) -> Answer | None:
        """Selected and waiting for RATS, anything else is ignored (5.6.1.2)."""

    def command(self, data: bytes) -> Answer | None:
        """RATS, the only command of the ACTIVE state."""
        if data[0] != _RATS or len(data) != 2 or data[1] & 15 == 15:
            return None
        self._clean()
        self._fsd = FRAME_SIZES[min(data[1] >> 4, 8)]
        self._cid = data[1] & 15
        self.state, self._fresh = PROTOCOL, True
        answer = self._spoilt(self.ats)
        if self.sfgt_us and self._now_us is not None:
            air = ANSWER_DELAY + cycles_of(self.slow_us) + (1 + 9 * (len(self.ats) + 2)) * ETU
            self._deaf_until_us = self._now_us + us_of(air) + self.sfgt_us
        return answer

    # -- blocks --------------------------------------------------------------------------------------------------------

    def _pps(self, block: bytes) -> Answer | None:
        if block[0] & 15 != self._cid or len(block) != 3 or block[1] != 0x11 or block[2] & 0xF0:
            return None
        dri, dsi = block[2] & 3, block[2] >> 2 & 3
        offers_dri, offers_dsi = self._ta1 << 1 | 1, self._ta1 >> 3 | 1
        if not (offers_dri >> dri & 1 and offers_dsi >> dsi & 1) or self._ta1 & 0x80 and dri != dsi:
            self.breaches.append("rate not offered")
            return None
        self.rate = (dri, dsi)
        return self._spoilt(block[:1])

    def _block(self, block: bytes) -> Answer | None:
        pcb, data = block[0], block[1:]
        self._says_cid = bool(pcb & _CID)
        if self._says_cid:  # 7.1.2.2
            if not self._knows_cid or not data or data[0] & 15 != self._cid:
                return None
            data = data[1:]
        elif self._cid:
            return None
        pcb &= ~_CID
        if pcb & 0xEE == 0x02:
            return self._information(pcb, data)
        if pcb & 0xEE == 0xA2 and not data:
            return self._acknowledged(pcb)
        if pcb == _DESELECT and not data:
            answer = self._spoilt(self._with_cid(_DESELECT))
            self.state = HALT
            self.forget()
            return answer
        if pcb == _WTX and len(data) == 1:
            return self._extended(data[0])
        return None

    def _information(self, pcb: int, data: bytes) -> Answer | None:
        self._number ^= 1  # rule D
        if pcb & 1 != self._number:
            self.breaches.append("block number")
        self._rest = self._pending = None
        self._chained += data
        if pcb & _CHAINING:
            return self._send(self._with_cid(_R_ACK | self._number))
        command, self._chained = bytes(self._chained), bytearray()
        self._pending = command
        self._left_us = self.compute_us(command)
        self._forced = self.wtx
        return self._compute(self.fwt_us)

    def _compute(self, window_us: int) -> Answer | None:
        """Answer within the waiting time, or ask for more of it (rule 9). The command runs only when it comes to its
        answer: a card that is taken away while it computes has done nothing yet."""
        assert self._pending is not None
        if self.endless == "wtx" or self._forced > 0 or self._left_us > window_us * _ASK_FROM:
            delay_us = min(self._left_us, int(window_us * _ASK_AFTER))
            self._left_us -= delay_us
            self._forced -= 1
            needed = int(self._left_us / (self.fwt_us * _ASK_FROM)) + 1
            self._granted = self.wtxm or max(1, min(needed, WTXM_MAX, FWT_MAX_US // self.fwt_us))
            return self._send(self._with_cid(_WTX) + bytes([self._granted]), delay_us)
        command, self._pending = self._pending, None
        self.executed += 1
        self._rest = self.apdu(command)
        return self._next(self._left_us)

    def _extended(self, wtxm: int) -> Answer | None:
        if self._pending is None or not self._granted:
            self.breaches.append("S(WTX) response without request")
            return None
        if wtxm != self._granted:
            self.breaches.append("S(WTX) response with another WTXM")
            return None
        self._granted = 0
        return self._compute(min(self.fwt_us * wtxm, FWT_MAX_US))

    def _next(self, delay_us: int = 0) -> Answer | None:
        """The next block of the answer; FSD limits it."""
        assert self._rest is not None
        room = min(self._fsd - 3 - int(self._says_cid), self.block_limit)
        part, rest = self._rest[:room], self._rest[room:]
        if self.endless == "chain":
            rest = rest or part or b"\x00"
        self._rest = rest or None
        return self._send(self._with_cid(0x02 | (_CHAINING if rest else 0) | self._number) + part, delay_us)

    def _acknowledged(self, pcb: int) -> Answer | None:
        if pcb & 1 == self._number:  # rule 11
            return self._spoilt(self._last) if self._last else None
        if pcb & 0xF0 == _R_NAK & 0xF0:  # rule 12
            return self._spoilt(self._with_cid(_R_ACK | self._number))
        if self._rest is None:
            self.breaches.append("R(ACK) outside chaining")
            return None
        self._number ^= 1  # rules E and 13
        return self._next()

    def _with_cid(self, pcb: int) -> bytes:
        return bytes([pcb | _CID, self._cid]) if self._says_cid else bytes([pcb])

    def _send(self, block: bytes, delay_us: int = 0) -> Answer | None:
        self._last = block
        return self._spoilt(block, delay_us)

    def _spoilt(self, block: bytes, delay_us: int = 0) -> Answer | None:
        """The block on its way out, through the troubles asked for."""
        self._answers += 1
        for trouble in [trouble for trouble in self._troubles if trouble[0] == self._answers]:
            self._troubles.remove(trouble)
            if trouble[1] == "lose":
                return None
            if isinstance(trouble[1], int):
                return Answer.nibble(trouble[1], delay_us=delay_us)
            if trouble[1] == "toggle":
                block = bytes([block[0] ^ 1]) + block[1:]
            elif trouble[1] == "corrupt":
                frame = with_crc(block)
                return Answer.of(frame[:-1] + bytes([frame[-1] ^ 0x55]), delay_us=delay_us)
            elif isinstance(trouble[1], bytes):
                block = trouble[1]
        return Answer.of(with_crc(block), delay_us=delay_us)

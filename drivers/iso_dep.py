"""ISO/IEC 14443-4 on the reader's side: activation, block protocol with recovery, DESELECT, through an `MFRC522`.

Carries APDUs to a selected card (SAK bit 6) and knows nothing of what they mean. Clauses are those of ISO/IEC
14443-4:2008. Times are in microseconds unless a name says otherwise.

Frames are bounded by the chip's FIFO of 64 bytes. It sends at most a PCB and 63 bytes, the chip adds the CRC on air. It
must take a whole frame, and nobody promises that a checked CRC is kept out of the FIFO: so it asks for frames of at
most 64 bytes with their CRC (FSDI 5), which fit either way.

CID and NAD are not used: there is one card. A card that was addressed without them answers without them (7.1.2.2), so
a block that carries one is an invalid block like any other.
"""

import asyncio
from time import ticks_diff, ticks_ms

from micropython import const

from drivers.rc522_chip import PATIENT_US
from drivers.rc522_errors import Collision, FrameError, IsoDepError, Nak, NoAnswer, RC522Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from drivers.rc522 import MFRC522

_RATS = const(0xE0)
_PPS = const(0xD0)
_PPS0_WITH_PPS1 = const(0x11)
# Protocol control bytes (7.1.2.1) without CID and NAD; bit 1 is the block number, bit 5 of an I-block chains.
_I_BLOCK = const(0x02)
_I_MASK = const(0xEE)
_CHAINING = const(0x10)
_R_ACK = const(0xA2)
_R_NAK = const(0xB2)
_S_DESELECT = const(0xC2)
_S_WTX = const(0xF2)
_NUMBER = const(0x01)

_FSC = const((16, 24, 32, 40, 48, 64, 96, 128, 256))  # table 1; codes above 8 are taken as 8
_RATES = const((106, 212, 424, 848))
_OVERHEAD = const(3)  # of a frame: PCB and CRC
_ROOM = const(63)  # FIFO without the PCB
_FSDI_MAX = const(5)
_DELTA_US = const(3625)  # 49152/fc beyond FWT (NFC Forum Digital Protocol 2.0, B.7)
_LONGEST_US = const(5_000_000)  # what the chip's timer holds; FWT itself ends at 4.949 s (7.2)
_TIMER_GRID_US = const(6400)  # 256 timer steps: time-outs on this grid differ in one register of the chip only
_WTXM_MAX = const(59)
_RETRIES = const(2)  # after an error, in a row (7.5.6 leaves the number open; NFC Forum and EMV take 2)
_HINT = const(40)  # bytes fetched with the flags: answers with a MAC or a cryptogram; more costs one read more
_ATS_HINT = const(6)

# What a single disturbance makes of a block: silence, a broken frame, four bits, or bits of two cards.
_DISTURBED = (NoAnswer, FrameError, Nak, Collision)


def _unit_us(exponent: int) -> int:
    """256 * 16 / fc * 2^exponent, rounded up: FWT and SFGT by their codes (5.2.5, 7.2)."""
    return ((4096 << exponent) * 100 + 1355) // 1356


class Ats:
    """What an answer to select (5.2) says; absent bytes mean the standard's defaults."""

    def __init__(self, raw: bytes) -> None:
        size = len(raw)
        if not size or raw[0] != size:
            raise IsoDepError("ATS length")
        t0 = raw[1] if size > 1 else 0x02
        at = 2
        ta1, tb1, tc1 = 0x00, 0x40, 0x02  # 106 kbit/s; FWI 4, no SFGT; CID but no NAD
        if t0 & 0x10:
            ta1 = self._byte(raw, at)
            at += 1
        if t0 & 0x20:
            tb1 = self._byte(raw, at)
            at += 1
        if t0 & 0x40:
            tc1 = self._byte(raw, at)
            at += 1
        self.fsc = _FSC[min(t0 & 0x0F, 8)]
        fwi = tb1 >> 4
        self.fwt_us = _unit_us(4 if fwi == 15 else fwi)  # 15 is reserved and means the default (5.2.5)
        sfgi = tb1 & 0x0F
        # The start-up guard time and its tolerance, 384/fc * 2^SFGI (NFC Forum Digital Protocol 2.0, B.7).
        self.sfgt_us = _unit_us(sfgi) * 35 // 32 if 0 < sfgi < 15 else 0
        self.rates = 0 if ta1 & 0x08 else ta1  # TA1; with bit 4 set the byte is not to be believed (5.2.4)
        self.cid = bool(tc1 & 0x02)
        self.nad = bool(tc1 & 0x01)
        self.historical = raw[at:]

    @staticmethod
    def _byte(raw: bytes, at: int) -> int:
        if at >= len(raw):
            raise IsoDepError("ATS ends early")
        return raw[at]

    def offers(self, send: int, receive: int) -> bool:
        """Whether the card listens at `send` and answers at `receive` kbit/s."""
        if send not in _RATES or receive not in _RATES or (self.rates & 0x80 and send != receive):
            return False
        listens, answers = self.rates << 1 | 1, self.rates >> 3 | 1  # by DRI and DSI: 106 kbit/s always
        return bool(listens >> _RATES.index(send) & 1 and answers >> _RATES.index(receive) & 1)


class IsoDep:
    """The block protocol with one selected card. After any error it is closed until `activate`.

    `size` is the longest answer in bytes. A `transceive` lasts `limit_ms` at most (and one DESELECT of 5 ms beyond
    when that goes by), with at most `extensions` waiting time extensions.
    """

    def __init__(self, chip: "MFRC522", size: int = 512, limit_ms: int = 5000, extensions: int = 255) -> None:
        self._chip = chip
        self._limit_ms = limit_ms
        self._extensions = extensions
        self._answer = bytearray(size)
        self._answer_view = memoryview(self._answer)
        self._out = bytearray(1 + _ROOM)
        self._control = bytearray(2)
        self._open = False
        self._fresh = False  # nothing sent since the ATS: only then PPS is heard (5.6.2.2)
        self._number = 0
        self._room = 0
        self._began_ms = 0
        self._left = 0
        self._got = 0
        self._fault: "RC522Error | None" = None
        self.ats = b""
        self.fsc = 0
        self.fwt_us = 0
        self.offer: "Ats | None" = None

    # --- life -----------------------------------------------------------------------------------------------------

    async def activate(self, fsdi: int = _FSDI_MAX) -> bytes:
        """RATS to the card just selected; returns its ATS and waits for its start-up guard time.

        Raises IsoDepError for an ATS that makes no sense, else what the reader raises. `fsdi` beyond 5 would overrun
        the FIFO.
        """
        if not 0 <= fsdi <= _FSDI_MAX:
            raise ValueError("FSDI")
        self._open = False
        self._begin()
        try:
            self._out[0] = _RATS
            self._out[1] = fsdi << 4  # CID 0
            # A card that heard the first request keeps silent to the second (5.6.1.2): DESELECT brings it back.
            if not (await self._ask(2, _ATS_HINT) or await self._ask(2, _ATS_HINT)):
                raise self._fault or IsoDepError("ATS")
            self.ats = bytes(self._chip.data[: self._got])
            self.offer = offer = Ats(self.ats)
            self.fsc, self.fwt_us = offer.fsc, offer.fwt_us
            if offer.sfgt_us > self._limit_ms * 1000:
                raise IsoDepError("start-up guard time")
        except RC522Error:
            await self._release()
            raise
        self._room = min(offer.fsc - _OVERHEAD, _ROOM)
        if offer.sfgt_us:
            await asyncio.sleep_ms((offer.sfgt_us + 999) // 1000)
        self._number = 0  # rule A
        self._open = self._fresh = True
        return self.ats

    async def set_rate(self, send: int, receive: int) -> None:
        """PPS: talk at `send` and be answered at `receive` kbit/s (106, 212, 424, 848), directly after `activate`.

        Raises IsoDepError for what the card did not offer; then it goes on as before. The next request is made at
        106 kbit/s again.
        """
        if not self._fresh or self.offer is None or not self.offer.offers(send, receive):
            raise IsoDepError("rate not offered")
        self._begin()
        out = self._out
        out[0] = _PPS
        out[1] = _PPS0_WITH_PPS1
        out[2] = _RATES.index(receive) << 2 | _RATES.index(send)
        self._open = False
        try:
            # Not asked twice: a card that heard it may already be listening at the new rate.
            if not await self._ask(3, 1) or self._got != 1 or self._chip.data[0] != _PPS:
                raise self._fault or IsoDepError("PPS")
        except RC522Error:
            await self._release()
            raise
        self._chip.set_rate(send, receive)
        self._open = True

    async def deselect(self) -> None:
        """S(DESELECT): the card is halted and hears WUPA again. Nothing to do when closed. Raises what went wrong."""
        if not self._open:
            return
        self._open = False
        self._begin()
        if not (await self._halted() or await self._halted()):  # rule 8
            raise self._fault or IsoDepError("DESELECT")

    # --- data -----------------------------------------------------------------------------------------------------

    async def transceive(self, apdu: "bytes | bytearray | memoryview") -> bytes:
        """Send an APDU and return the whole answer with SW1 SW2.

        The card runs it once or not at all. Raises IsoDepError for a card that breaks the protocol or goes on for too
        long, else what the reader raised last when retries did not help.
        """
        if not self._open:
            raise IsoDepError("not activated")
        self._open = False
        self._begin()
        try:
            await self._send(apdu)
            count = await self._receive()
            self._open = True
        except RC522Error:
            await self._release()
            raise
        return bytes(self._answer_view[:count])

    async def _send(self, apdu: "bytes | bytearray | memoryview") -> None:
        """The APDU in I-blocks; afterwards the first block of the answer is in the chip's data."""
        out, whole = self._out, memoryview(apdu)
        at, left = 0, len(apdu)
        while True:
            size = min(left, self._room)
            left -= size
            out[0] = _I_BLOCK | self._number | (_CHAINING if left else 0)
            out[1 : 1 + size] = whole[at : at + size]
            at += size
            await self._deliver(1 + size, left > 0, _R_NAK)
            if not left:
                return

    async def _receive(self) -> int:
        """Collect the answer; returns its length."""
        answer, data = self._answer, self._chip.data
        at = 0
        while True:
            size = self._got - 1
            if at + size > len(answer):
                raise IsoDepError("answer too long")
            self._answer_view[at : at + size] = data[1 : 1 + size]
            at += size
            if not data[0] & _CHAINING:
                return at
            if not size:
                raise IsoDepError("empty block in a chain")
            self._out[0] = _R_ACK | self._number  # rule 2
            await self._deliver(1, False, _R_ACK)

    async def _deliver(self, size: int, chained: bool, again: int) -> None:
        """Send the block in `_out` until the card answers it: with R(ACK) to a `chained` one, else with an I-block.

        `again` is what asks for a lost answer: R(NAK) by rule 4, R(ACK) while the card chains by rule 5.
        """
        control = self._control
        block, count = self._out, size
        wait_us = self._wait_us(1)
        asked = False  # the last block sent was R(NAK)
        failures = 0  # since the last valid request for time; every R(NAK) counts, so a block is not sent for ever
        while True:
            pcb = await self._exchange(block, count, wait_us)
            if pcb == _S_WTX and self._got == 2:
                wtxm = self._extended()
                wait_us = self._wait_us(wtxm)  # until the card's next block (7.3)
                control[0], control[1] = _S_WTX, wtxm
                block, count, asked = control, 2, False
                failures = 0
                continue
            if pcb & _NUMBER == self._number:
                if pcb & _I_MASK == _I_BLOCK:
                    if chained:
                        raise IsoDepError("I-block where R(ACK) was due")
                    break
                if pcb == _R_ACK | self._number and self._got == 1:
                    if not chained:
                        raise IsoDepError("R(ACK) where an I-block was due")
                    break
            elif pcb == _R_ACK | self._number ^ 1 and self._got == 1 and asked:
                # Rule 6: the card never got the block. Its word counts only after R(NAK), or a command might run twice.
                block, count, asked = self._out, size, False
                wait_us = self._wait_us(1)
                continue
            failures += 1
            if failures > _RETRIES:
                raise self._fault or IsoDepError("invalid block")
            control[0] = again | self._number
            block, count, asked = control, 1, again == _R_NAK
        self._number ^= 1  # rule B

    def _extended(self) -> int:
        """WTXM of the request in the chip's data."""
        wtxm = self._chip.data[1] & 0x3F  # above it the power level indication
        if not 1 <= wtxm <= _WTXM_MAX:
            raise IsoDepError("WTXM")
        self._left -= 1
        if self._left < 0:
            raise IsoDepError("too many extensions")
        return wtxm

    # --- exchanges ------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._began_ms = ticks_ms()
        self._left = self._extensions
        self._fresh = False

    def _wait_us(self, wtxm: int) -> int:
        """The chip's time-out for FWT times `wtxm`."""
        beyond = self.fwt_us * wtxm + _DELTA_US - PATIENT_US
        if beyond <= 0:
            return PATIENT_US
        return min(PATIENT_US + -(-beyond // _TIMER_GRID_US) * _TIMER_GRID_US, _LONGEST_US)

    async def _exchange(self, block: bytearray, count: int, wait_us: int, hint: int = _HINT) -> int:
        """Send a block: the answer's PCB, with its length in `_got`, or 0 with what went wrong in `_fault`."""
        left_us = (self._limit_ms - ticks_diff(ticks_ms(), self._began_ms)) * 1000
        if left_us <= 0:
            raise IsoDepError("time")
        self._got = 0
        self._fault = None
        try:
            self._got = await self._chip.exchange(
                block, hint, crc=True, timeout_us=min(wait_us, left_us), size=count, exact=False
            )
        except _DISTURBED as fault:
            self._fault = fault
        return self._chip.data[0] if self._got else 0

    async def _ask(self, count: int, hint: int) -> bool:
        """Send the first bytes of `_out`, which is no block; whether anything came. 65536/fc is 4.8 ms (5.6, 7.2)."""
        await self._exchange(self._out, count, PATIENT_US, hint)
        return self._got > 0

    async def _halted(self) -> bool:
        self._out[0] = _S_DESELECT
        return await self._ask(1, 1) and self._got == 1 and self._chip.data[0] == _S_DESELECT

    async def _release(self) -> None:
        """After an error: send the card away once, so that the next WUPA finds it; then never mind (7.5.6)."""
        self._begin()
        try:
            await self._halted()
        except RC522Error:
            pass

"""Runs on the terminal, sent there as text: relays one card to the PC, line by line, with the terminal's own drivers.

It derives no key and knows no member. A request is `number verb words... sum`, an answer `=number ok words... sum` or
`=number no reason word sum`; sum is CRC-32 of what stands before it. One request is outstanding; the same one again
gets the same answer again, without doing it twice. A field nobody asks anything of goes off after 3 s, the program ends
after 60 s of silence and on Ctrl-C, always with the field off. The PC imports it, too: its tests run these lines on a
modelled reader. Bytes are hex, `-` is nothing. Times in milliseconds.
"""

import asyncio
import binascii
from time import ticks_diff, ticks_ms

from drivers.iso14443a import Iso14443A
from drivers.rc522_chip import PATIENT_US, QUICK_US
from drivers.rc522_errors import AuthRefused, ChipAbsent, Collision, FrameError, Nak, NoAnswer, RC522Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from drivers.iso_dep import IsoDep
    from drivers.rc522 import MFRC522

PROTOCOL = 1
LINE_MAX = 240
FIELD_IDLE_MS = 3000
END_MS = 60_000
_OFF_MS = 10
_SETTLE_MS = 6  # field before the first frame, 5 ms by ISO 14443-3 6.2.4
_WRITE_US = 15_000  # an NTAG page takes 4.1 ms, a Classic block 2.5 ms; more only delays the word that it is gone
_ISO_DEP_BIT = 0x20  # of SAK
_ACK = 1  # a four-bit acknowledgement takes one byte of the FIFO; `exchange` returns 0 for it
_AUTH_A, _AUTH_B, _READ, _WRITE = 0x60, 0x61, 0x30, 0xA0


class NotNow(Exception):
    """A request that cannot be done; its text is the reason's name."""


def summed(text: str) -> str:
    """The line with its sum behind."""
    return "{} {:08x}".format(text, binascii.crc32(text.encode()) & 0xFFFFFFFF)


def checked(line: str) -> str:
    """The line without its sum; raises ValueError when that does not fit."""
    text, _, _ = line.rpartition(" ")
    if not text or summed(text) != line:
        raise ValueError("sum")
    return text


def to_hex(data: "bytes | bytearray | memoryview") -> str:
    """Bytes as a word of a line."""
    return bytes(data).hex() or "-"


def from_hex(word: str) -> bytes:
    """The bytes of a word."""
    return b"" if word == "-" else binascii.unhexlify(word)


class CardSide:
    """One reader chip, asked by lines."""

    def __init__(self, chip: "MFRC522") -> None:
        self.chip = chip
        self._picc = Iso14443A(chip)
        self._dep: "IsoDep | None" = None
        self._uid = b""
        self._held = b""
        self._asked = ""
        self._said = ""
        self.ended = False

    async def answer(self, line: str) -> str:
        """Do what a line asks; the line that answers it, or nothing for a line that is none."""
        try:
            text = checked(line)
        except (ValueError, UnicodeError):
            return summed("=? no sum")
        words = text.split(" ")
        if text == self._asked:
            return self._said
        try:
            said = "ok " + (await self._do(words[1], words[2:]) or "-")
        except NotNow as reason:
            said = "no " + str(reason)
        except RC522Error as error:
            said = "no " + self._reason(error)
        except (ValueError, IndexError):
            said = "no syntax"
        self._asked, self._said = text, summed("=" + words[0] + " " + said)
        return self._said

    def rest(self) -> None:
        """Field off, the card forgotten."""
        self.chip.field_off()
        self._uid = b""

    def _reason(self, error: RC522Error) -> str:
        if isinstance(error, Nak):
            return "nak " + str(error.code)
        for kind, name in (
            (NoAnswer, "gone"),
            (Collision, "several"),
            (AuthRefused, "refused"),
            (FrameError, "garbled"),
            (ChipAbsent, "dead"),
        ):
            if isinstance(error, kind):
                return name
        return "garbled"

    async def _do(self, verb: str, words: "list[str]") -> "str | None":
        if verb == "start":
            version = await self.chip.init()
            self.rest()
            return "{} {:02x}".format(PROTOCOL, version)
        if verb == "find":
            return await self._find()
        if verb == "off":
            return self.rest()
        if verb == "end":
            self.ended = True
            return self.rest()
        if verb == "put":
            self._held += from_hex(words[0])
            return None
        held, self._held = self._held, b""
        if not self._uid:
            raise NotNow("asleep")
        if verb == "again":
            await self._again()
            return None
        if verb == "apdu":
            if self._dep is None:
                raise NotNow("syntax")
            return to_hex(await self._dep.transceive(held + from_hex(words[0])))
        if verb == "frame":
            return await self._frame(from_hex(words[1]), int(words[0]))
        if verb == "auth":
            command = _AUTH_A if words[0] == "a" else _AUTH_B
            await self.chip.authenticate(command, int(words[1]), from_hex(words[2]), self._uid)
            return None
        if verb == "read":
            return await self._frame(bytes((_READ, int(words[0]))), 16)
        if verb == "write":
            content = from_hex(words[1])
            await self.chip.exchange(bytes((_WRITE, int(words[0]))), _ACK, crc=True, timeout_us=PATIENT_US)
            await self.chip.exchange(content, _ACK, crc=True, timeout_us=_WRITE_US)
            return None
        if verb == "copyable":
            return await self._copyable()
        raise ValueError("verb")

    async def _frame(self, data: bytes, expect: int) -> str:
        """One command with CRC; `-` for an acknowledgement."""
        timeout_us = PATIENT_US if expect else _WRITE_US
        count = await self.chip.exchange(data, expect or _ACK, crc=True, timeout_us=timeout_us)
        return to_hex(self.chip.data[:count])

    async def _cycle(self) -> None:
        self.chip.stop_crypto()
        self.chip.field_off()
        await asyncio.sleep_ms(_OFF_MS)
        self.chip.field_on()
        await asyncio.sleep_ms(_SETTLE_MS)

    async def _find(self) -> str:
        """The one card in the field: UID, SAK, ATQA, ATS."""
        self._uid, self._held = b"", b""
        if not self.chip.check():
            await self.chip.init()
        await self._cycle()
        try:
            target = await self._picc.select(wake=True)
        except NoAnswer:
            self.rest()
            raise NotNow("none") from None
        except RC522Error:
            self.rest()
            raise
        ats = await self._activate(target.sak)
        self._uid = target.uid
        return "{} {:02x} {:04x} {}".format(to_hex(target.uid), target.sak, target.atqa, to_hex(ats))

    async def _again(self) -> None:
        """The same card from its beginning; it may have dropped out of its session."""
        uid = self._uid
        await self._cycle()
        target = await self._picc.select(wake=True)
        if target.uid != uid:
            self.rest()
            raise NotNow("gone")
        await self._activate(target.sak)

    async def _activate(self, sak: int) -> bytes:
        """ATS of a card that speaks the block protocol."""
        self._dep = None
        if not sak & _ISO_DEP_BIT:
            return b""
        from drivers.iso_dep import IsoDep

        self._dep = IsoDep(self.chip)
        return await self._dep.activate()

    async def _copyable(self) -> str:
        """Whether the halted card answers 40h in seven bits, the back door of the first copyable imitations.

        A genuine card is silent. The second command (43h), which opens an imitation, is not sent.
        """
        await self._picc.halt()
        try:
            obeys = await self.chip.exchange(b"\x40", _ACK, last_bits=7, timeout_us=QUICK_US) == 0
        except (NoAnswer, FrameError, Nak):
            obeys = False  # silence is as it should be, and noise accuses nobody
        await self._again()
        return "1" if obeys else "0"


async def serve(
    side: CardSide,
    readable: "Callable[[], object]",
    read: "Callable[[int], bytes]",
    write: "Callable[[str], object]",
) -> None:
    """Answer lines until told to end, or nobody asked for a minute."""
    line = ""
    heard = ticks_ms()
    resting = True
    while not side.ended:
        if not readable():
            quiet = ticks_diff(ticks_ms(), heard)
            if quiet > END_MS:
                return
            if quiet > FIELD_IDLE_MS and not resting:
                side.rest()
                resting = True
            await asyncio.sleep_ms(1)
            continue
        byte = read(1)
        if not byte:
            return
        if byte not in (b"\n", b"\r"):
            line = line + chr(byte[0]) if len(line) < LINE_MAX else line
            continue
        if line:
            write((await side.answer(line)) + "\n")
            line, heard, resting = "", ticks_ms(), False


def main() -> None:
    """On the terminal: this program's end is the prompt."""
    import select
    import sys

    import micropython

    from firmware.board import this_board

    micropython.kbd_intr(3)
    chip = this_board().reader_chip()
    poller = select.poll()
    poller.register(sys.stdin, select.POLLIN)
    try:
        asyncio.run(serve(CardSide(chip), lambda: poller.poll(0), sys.stdin.buffer.read, sys.stdout.write))
    except KeyboardInterrupt:
        pass
    finally:
        chip.field_off()

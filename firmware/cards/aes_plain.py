"""What an AES card tells anybody: selection, version, files that are free to read; over any pipe that carries APDUs.

Native commands wrapped in ISO 7816-4 (90 cc 00 00 Lc .. 00 -> .. 91 ss), answers in parts (91 AF) joined. NT4H2421Gx
chapter 10; DESFire has the same commands. Knows no key and no session: `aes_card` builds on it, and a terminal that
only passes on what a card signed loads nothing else. Numbers on the card are low byte first.
"""

from micropython import const

from firmware.core.errors import CardUnreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Pipe(Protocol):
        """Carries a command to the card and the whole answer, status word last, back; bounded in time."""

        async def transceive(self, apdu: bytes) -> bytes: ...


_SELECT_DF = const(b"\x00\xa4\x04\x0c")  # by name, no answer data wanted
GET_VERSION = const(0x60)
MORE = const(0xAF)
READ_DATA = const(0xAD)  # chained by ISO 14443-4, as 8Dh: the one form both cards have

_ISO_OK = const(0x9000)
OK = const(0x9100)
OK_MORE = const(0x91AF)
NO_SENSE = const(0)
_MAX_PARTS = const(16)  # nothing the programme reads takes more
_LC_MAX = const(255)
_VERSION_SIZE = const(28)


class CardRefused(CardUnreadable):
    """The card refused a command; `status` is its status word (NT4H2421Gx table 23), NO_SENSE for an odd answer."""

    def __init__(self, status: int) -> None:
        super().__init__("status {:04x}".format(status))
        self.status = status


class PlainCard:
    """One selected card, as anybody may ask it. Raises CardRefused and what the pipe raises."""

    def __init__(self, pipe: "Pipe") -> None:
        self._pipe = pipe

    async def select_df(self, name: bytes) -> None:
        """Select an application by its ISO DF name."""
        status, _ = await self._exchange(_SELECT_DF + bytes((len(name),)) + name + b"\x00")
        if status != _ISO_OK:
            raise CardRefused(status)

    async def plain_version(self) -> bytes:
        """GetVersion: hardware (vendor, type, subtype, major, minor, size, protocol), software 7 bytes, UID, batch."""
        return checked_version(await self._whole(GET_VERSION, b""))

    async def plain_read(self, file: int, length: int) -> bytes:
        """The first `length` bytes of a file that is free to read."""
        return await self._whole(READ_DATA, file_part(file, 0, length))

    async def _whole(self, command: int, body: bytes) -> bytes:
        """The answer of a command, its parts joined; a MAC at its end is over the whole."""
        status, data = await self._command(command, body)
        parts = 1
        while status == OK_MORE and parts < _MAX_PARTS:
            status, more = await self._command(MORE, b"")
            data += more
            parts += 1
        if status != OK:
            raise CardRefused(status)
        return data

    async def _command(self, command: int, body: bytes) -> "tuple[int, bytes]":
        size = len(body)
        if size > _LC_MAX:
            raise ValueError("command too long")
        return await self._exchange(bytes((0x90, command, 0, 0)) + (bytes((size,)) + body if size else b"") + b"\x00")

    async def _exchange(self, apdu: bytes) -> "tuple[int, bytes]":
        answer = await self._pipe.transceive(apdu)
        if len(answer) < 2:
            raise CardRefused(NO_SENSE)
        return answer[-2] << 8 | answer[-1], bytes(answer[:-2])


def checked_version(data: bytes) -> bytes:
    """GetVersion's answer, when it has all its parts. Raises CardRefused."""
    if len(data) < _VERSION_SIZE:
        raise CardRefused(NO_SENSE)
    return data


def file_part(file: int, offset: int, length: int) -> bytes:
    """The header that names a part of a file."""
    return bytes((file,)) + offset.to_bytes(3, "little") + length.to_bytes(3, "little")

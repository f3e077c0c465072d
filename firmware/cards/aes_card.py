"""The commands of NTAG 424 DNA and DESFire EV2/EV3 that the programme uses, over any pipe that carries APDUs.

Native commands wrapped in ISO 7816-4 (90 cc 00 00 Lc .. 00 -> .. 91 ss), answers in parts (91 AF) joined. Holds the
session of `ev2` and gives it up at the first error, as the card does. NT4H2421Gx chapter 10; DESFire has the same
commands. Knows no reader, no key derivation and no programme. Numbers on the card are low byte first.
"""

from micropython import const

from firmware.cards.ev2 import FULL, MAC, PLAIN, AnswerForged, Handshake, SessionOver
from firmware.core.errors import CardUnreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Protocol

    from firmware.cards.ev2 import AuthKey, Session

    class Pipe(Protocol):
        """Carries a command to the card and the whole answer, status word last, back; bounded in time."""

        async def transceive(self, apdu: bytes) -> bytes: ...


_SELECT_DF = b"\x00\xa4\x04\x0c"  # by name, no answer data wanted
_SELECT_APPLICATION = const(0x5A)
_GET_VERSION = const(0x60)
_EV2_FIRST = const(0x71)
_EV2_NON_FIRST = const(0x77)
_MORE = const(0xAF)
_READ_DATA = const(0xAD)  # chained by ISO 14443-4, as 8Dh: the one form both cards have
_WRITE_DATA = const(0x8D)
_GET_CARD_UID = const(0x51)
_GET_FILE_SETTINGS = const(0xF5)
_GET_FILE_COUNTERS = const(0xF6)
_GET_KEY_VERSION = const(0x64)

_ISO_OK = const(0x9000)
_OK = const(0x9100)
_OK_MORE = const(0x91AF)
AUTHENTICATION_ERROR = const(0x91AE)
_MAX_PARTS = const(16)  # nothing the programme reads takes more
_LC_MAX = const(255)


class CardRefused(CardUnreadable):
    """The card refused a command; `status` is its status word (NT4H2421Gx table 23)."""

    def __init__(self, status: int) -> None:
        super().__init__("status {:04x}".format(status))
        self.status = status


class KeyRefused(CardRefused):
    """The card does not take this key."""


class AesCard:
    """One selected card. `random` gives that many random bytes, os.urandom on the terminal."""

    def __init__(self, pipe: "Pipe", random: "Callable[[int], bytes]") -> None:
        self._pipe = pipe
        self._random = random
        self.session: "Session | None" = None

    async def select_df(self, name: bytes) -> None:
        """Select an application by its ISO DF name. Ends the session."""
        self.session = None
        status, _ = await self._exchange(_SELECT_DF + bytes((len(name),)) + name + b"\x00")
        if status != _ISO_OK:
            raise CardRefused(status)

    async def select_application(self, aid: bytes) -> None:
        """Select a DESFire application by its three bytes as sent; zeros are the card itself. Ends the session."""
        self.session = None
        await self.send(_SELECT_APPLICATION, aid)

    async def version(self) -> bytes:
        """GetVersion: hardware (vendor, type, subtype, major, minor, size, protocol), software 7 bytes, UID, batch."""
        data = await self.send(_GET_VERSION, mode=MAC if self.session else PLAIN)
        if len(data) < 28:
            raise AnswerForged("version of {} bytes".format(len(data)))
        return data

    async def challenge(self, number: int) -> bytes:
        """First part of AuthenticateEV2First with key `number`: the card's 16 bytes, for whoever holds the key."""
        self.session = None
        return await self._challenge(_EV2_FIRST, bytes((number, 0)))

    async def respond(self, part_two: bytes) -> bytes:
        """Second part: 32 bytes for the card, its proof back. Raises KeyRefused."""
        status, data = await self._command(_MORE, part_two)
        if status != _OK:
            raise (KeyRefused if status == AUTHENTICATION_ERROR else CardRefused)(status)
        return data

    async def authenticate(self, key: "AuthKey") -> None:
        """AuthenticateEV2First: opens a session. Raises KeyRefused, NotGenuine."""
        handshake = Handshake(key, self._random(16))
        part_two = handshake.part_two(await self.challenge(key.number))
        self.session = handshake.first(await self.respond(part_two))

    async def authenticate_again(self, key: "AuthKey") -> None:
        """AuthenticateEV2NonFirst: another key in the same transaction. Raises KeyRefused, NotGenuine, SessionOver."""
        before, self.session = self.session, None
        if before is None:
            raise SessionOver("nothing to go on from")
        handshake = Handshake(key, self._random(16))
        part_two = handshake.part_two(await self._challenge(_EV2_NON_FIRST, bytes((key.number,))))
        self.session = handshake.non_first(await self.respond(part_two), before)
        before.end()

    async def read(self, file: int, offset: int, length: int, mode: int) -> bytes:
        """`length` bytes of a data file, all of it from `offset` on for 0. Without a session the mode is PLAIN."""
        data = await self.send(_READ_DATA, _file_part(file, offset, length), mode=mode)
        if length and len(data) != length:
            self.session = None
            raise AnswerForged("{} bytes read for {}".format(len(data), length))
        return data

    async def write(self, file: int, offset: int, data: bytes, mode: int) -> None:
        """Write into a data file."""
        await self.send(_WRITE_DATA, _file_part(file, offset, len(data)), data, mode)

    async def card_uid(self) -> bytes:
        """The true UID, under the session's keys, also of a card that shows a random one."""
        return await self.send(_GET_CARD_UID, mode=FULL)

    async def file_settings(self, file: int) -> bytes:
        """GetFileSettings, as the card gives it."""
        return await self.send(_GET_FILE_SETTINGS, bytes((file,)), mode=MAC if self.session else PLAIN)

    async def key_version(self, number: int) -> int:
        """The version byte of a key."""
        data = await self.send(_GET_KEY_VERSION, bytes((number,)), mode=MAC if self.session else PLAIN)
        if len(data) != 1:
            raise AnswerForged("key version of {} bytes".format(len(data)))
        return data[0]

    async def read_counter(self, file: int) -> int:
        """SDMReadCtr of a file (GetFileCounters)."""
        data = await self.send(_GET_FILE_COUNTERS, bytes((file,)), mode=FULL if self.session else PLAIN)
        if len(data) < 3:
            raise AnswerForged("counters of {} bytes".format(len(data)))
        return int.from_bytes(data[:3], "little")

    async def send_last(self, command: int, header: bytes, data: bytes, mode: int) -> None:
        """A command with which the card ends the session; it answers without a MAC, so nothing is proven."""
        session, self.session = self.session, None
        if session is None:
            raise SessionOver("not authenticated")
        body = session.wrap(command, header, data, mode)
        session.end()
        await self._whole(command, body)

    async def send(self, command: int, header: bytes = b"", data: bytes = b"", mode: int = PLAIN) -> bytes:
        """Any command by its mode: the answer's data, proven when the mode proves. Raises CardRefused, Ev2Error.

        Without a session only PLAIN goes. Whatever is raised, also by the pipe, the session is over.
        """
        session, self.session = self.session, None
        if session is None:
            if mode != PLAIN:
                raise SessionOver("not authenticated")
            return await self._whole(command, header + data)
        answer = session.unwrap(await self._whole(command, session.wrap(command, header, data, mode)), mode)
        self.session = session
        return answer

    async def _challenge(self, command: int, body: bytes) -> bytes:
        status, data = await self._command(command, body)
        if status != _OK_MORE:
            raise CardRefused(status)
        return data

    async def _whole(self, command: int, body: bytes) -> bytes:
        """The answer of a command, its parts joined; a MAC at its end is over the whole."""
        status, data = await self._command(command, body)
        parts = 1
        while status == _OK_MORE and parts < _MAX_PARTS:
            status, more = await self._command(_MORE, b"")
            data += more
            parts += 1
        if status != _OK:
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
            raise AnswerForged("answer without status")
        return answer[-2] << 8 | answer[-1], bytes(answer[:-2])


def _file_part(file: int, offset: int, length: int) -> bytes:
    return bytes((file,)) + offset.to_bytes(3, "little") + length.to_bytes(3, "little")

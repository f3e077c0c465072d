"""The commands of NTAG 424 DNA and DESFire EV2/EV3 under keys that the programme uses, over any pipe of APDUs.

Adds to `aes_plain` the session of `ev2`, and gives it up at the first error, as the card does. NT4H2421Gx chapter 10;
DESFire has the same commands. Knows no reader, no key derivation and no programme.
"""

from micropython import const

from firmware.cards.aes_plain import (
    GET_VERSION,
    MORE,
    OK,
    OK_MORE,
    READ_DATA,
    CardRefused,
    PlainCard,
    checked_version,
    file_part,
)
from firmware.cards.ev2 import FULL, MAC, PLAIN, AnswerForged, Handshake, SessionOver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.cards.aes_plain import Pipe
    from firmware.cards.ev2 import AuthKey, Session

_SELECT_APPLICATION = const(0x5A)
_EV2_FIRST = const(0x71)
_EV2_NON_FIRST = const(0x77)
_WRITE_DATA = const(0x8D)
_GET_CARD_UID = const(0x51)
_GET_FILE_SETTINGS = const(0xF5)
_GET_FILE_COUNTERS = const(0xF6)
_GET_KEY_VERSION = const(0x64)

AUTHENTICATION_ERROR = const(0x91AE)


class KeyRefused(CardRefused):
    """The card does not take this key."""


class AesCard(PlainCard):
    """One selected card. `random` gives that many random bytes, os.urandom on the terminal."""

    def __init__(self, pipe: "Pipe", random: "Callable[[int], bytes]") -> None:
        super().__init__(pipe)
        self._random = random
        self.session: "Session | None" = None

    async def select_df(self, name: bytes) -> None:
        """Select an application by its ISO DF name. Ends the session."""
        self.session = None
        await super().select_df(name)

    async def select_application(self, aid: bytes) -> None:
        """Select a DESFire application by its three bytes as sent; zeros are the card itself. Ends the session."""
        self.session = None
        await self.send(_SELECT_APPLICATION, aid)

    async def version(self) -> bytes:
        """`plain_version`, proven when there is a session."""
        return checked_version(await self.send(GET_VERSION, mode=MAC if self.session else PLAIN))

    async def challenge(self, number: int) -> bytes:
        """First part of AuthenticateEV2First with key `number`: the card's 16 bytes, for whoever holds the key."""
        self.session = None
        return await self._challenge(_EV2_FIRST, bytes((number, 0)))

    async def respond(self, part_two: bytes) -> bytes:
        """Second part: 32 bytes for the card, its proof back. Raises KeyRefused."""
        status, data = await self._command(MORE, part_two)
        if status != OK:
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
        data = await self.send(READ_DATA, file_part(file, offset, length), mode=mode)
        if length and len(data) != length:
            self.session = None
            raise AnswerForged("{} bytes read for {}".format(len(data), length))
        return data

    async def write(self, file: int, offset: int, data: bytes, mode: int) -> None:
        """Write into a data file."""
        await self.send(_WRITE_DATA, file_part(file, offset, len(data)), data, mode)

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
        if status != OK_MORE:
            raise CardRefused(status)
        return data

"""The card in a terminal's field, as the card office sees it: found, asked and written through a `Line` to it.

A `Pipe` for AES cards (`transceive`), single frames for Type 2 tags, authentication and blocks for Classic. Numbers the
requests, checks every answer's sum, asks again when one was lost, and turns refusals into errors with codes. Knows no
key derivation and no member.
"""

from __future__ import annotations

import contextlib
import random
from dataclasses import dataclass
from typing import Protocol

from tools.device import on_terminal as there
from tools.device.errors import (
    CableLost,
    CardGarbled,
    CardGone,
    DeviceError,
    ForeignCard,
    NoCard,
    ReaderFault,
    SeveralCards,
    TerminalProgram,
    TerminalSilent,
)

# A request line holds 240 characters: number, verb and sum leave room for this many bytes in hex.
_PIECE = 96
_TRIES = 3
_NUMBERS = 1_000_000
_BROKEN_FRAME = (1, 5)


class Line(Protocol):
    """Carries one request line to the program on the terminal and its answer line back."""

    async def ask(self, line: str) -> str:
        """Bounded in time: raises LineSilent. Raises CableLost when there is no line any more."""
        ...

    def close(self) -> None:
        """End the program there, with the field off."""
        ...


class LineSilent(Exception):
    """No answer line came in time."""


class CardNak(CardGarbled):
    """The card refused with a four-bit code, and fell out of its session.

    `refused` tells a command that is not allowed from a frame that came broken (MF1S50 table 10, NT2H1311 table 23).
    """

    def __init__(self, code: int) -> None:
        super().__init__(f"it refused with {code}")
        self.refused = code not in _BROKEN_FRAME


class KeyRefused(ForeignCard):
    """Classic authentication had no success: a wrong key, or the card has left."""


@dataclass(frozen=True)
class Found:
    """The one card in the field. `ats` is empty for a card without the block protocol."""

    uid: bytes
    sak: int
    atqa: int
    ats: bytes


class CardRelay:
    """Call `start` once before anything else. All methods raise `DeviceError`s."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._number = random.randrange(_NUMBERS)  # a program that runs since a former run shall not know it

    async def start(self) -> None:
        """Set the terminal's reader up. Raises ReaderFault, TerminalProgram."""
        words = (await self._ask("start")).split(" ")
        if words[0] != str(there.PROTOCOL):
            raise TerminalProgram("another version of the relay answers")

    async def find(self) -> Found:
        """The one card in the field. Raises NoCard, SeveralCards, CardGarbled."""
        uid, sak, atqa, ats = (await self._ask("find")).split(" ")
        return Found(there.from_hex(uid), int(sak, 16), int(atqa, 16), there.from_hex(ats))

    async def again(self) -> None:
        """The same card as after `find`: the field was off in between. Raises CardGone."""
        await self._ask("again")

    async def transceive(self, apdu: bytes) -> bytes:
        """An APDU to the card and its whole answer, status word last."""
        while len(apdu) > _PIECE:
            await self._ask("put " + there.to_hex(apdu[:_PIECE]))
            apdu = apdu[_PIECE:]
        return there.from_hex(await self._ask("apdu " + there.to_hex(apdu)))

    async def frame(self, data: bytes, expect: int = 0) -> bytes:
        """One frame with CRC and `expect` answer bytes, 0 for an acknowledgement. Raises CardNak."""
        return there.from_hex(await self._ask(f"frame {expect} {there.to_hex(data)}"))

    async def authenticate(self, which: str, block: int, key: bytes) -> None:
        """Open a Classic sector with key `a` or `b`. Raises KeyRefused; the card is out of its session then."""
        await self._ask(f"auth {which} {block} {there.to_hex(key)}")

    async def read_block(self, block: int) -> bytes:
        """A block of the open Classic sector. Raises CardNak."""
        return there.from_hex(await self._ask(f"read {block}"))

    async def write_block(self, block: int, content: bytes) -> None:
        """Write a block of the open Classic sector. Raises CardNak."""
        await self._ask(f"write {block} {there.to_hex(content)}")

    async def copyable(self) -> bool:
        """Whether a Classic card obeys the back door of imitations; it is selected anew afterwards."""
        return await self._ask("copyable") == "1"

    async def rest(self) -> None:
        """Field off."""
        await self._ask("off")

    def close(self) -> None:
        """End the relay."""
        self._line.close()

    async def _ask(self, text: str) -> str:
        self._number = (self._number + 1) % _NUMBERS
        number = str(self._number)
        request = there.summed(f"{number} {text}")
        silent = 0
        for _ in range(_TRIES):
            try:
                answer = await self._line.ask(request)
            except LineSilent:
                silent += 1
                continue
            with contextlib.suppress(ValueError):
                words = there.checked(answer).split(" ", 2)
                if words[0] == "=" + number and len(words) == 3:
                    if words[1] == "ok":
                        return words[2]
                    raise _refusal(words[2])
        if silent == _TRIES:
            raise TerminalSilent("the relay there is silent")
        raise CableLost("only noise comes back")


def _refusal(reason: str) -> DeviceError:
    name, _, detail = reason.partition(" ")
    if name == "nak":
        return CardNak(int(detail))
    kinds: dict[str, type[DeviceError]] = {
        "none": NoCard,
        "several": SeveralCards,
        "gone": CardGone,
        "asleep": CardGone,
        "garbled": CardGarbled,
        "refused": KeyRefused,
        "dead": ReaderFault,
    }
    return kinds.get(name, TerminalProgram)()

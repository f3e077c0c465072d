"""A reader task on the chip model, with what it says; cards of the demo's group, and the switch's part of a relay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from firmware.cards.aes_member import AesMembers
from firmware.cards.ev2 import AuthKey, Handshake, NotGenuine
from firmware.cards.keys import CardKeys
from firmware.cards.reader import CardReader
from firmware.core.errors import CardError, LinkError
from firmware.core.log import Log
from firmware.core.types import AUTH_AES, AUTH_UID, CardData, CardSeen, Reply
from host_tests.chips.reader_bench import ReaderBench
from tools.issuer.keys import RELAY, IssuerKeys
from tools.sim.cards import Noise, make_card
from tools.sim.cards.personal import personalise

GROUP = bytes.fromhex("00112233445566778899aabbccddeeff")
ISSUER = IssuerKeys(3, bytes([1] * 16), GROUP, bytes([2] * 16), bytes([3] * 16), bytes([4] * 16))
STRANGER = IssuerKeys(3, bytes([5] * 16), bytes([6] * 16), bytes([7] * 16), bytes([8] * 16), bytes([9] * 16))
GOLD, SILVER, AES, DESFIRE = "9C599B32", "04A1B2C3D4E5F6", "04424D61727961", "04DE5F1EACC040"


def gold() -> Any:
    return personalise(make_card("classic", GOLD), GROUP, 1001)


def silver() -> Any:
    return personalise(make_card("ntag213", SILVER), GROUP, 1002)


def aes_card(kind: str = "ntag424", issuer: IssuerKeys = ISSUER) -> Any:
    return personalise(make_card(kind, AES if kind == "ntag424" else DESFIRE), issuer, 1004)


class OneFault(Noise):
    """Only the n-th exchange with a card from now on goes wrong."""

    def __init__(self, n: int, fault: str) -> None:
        super().__init__()
        self._left, self._fault = n, fault

    def draw(self) -> str:
        self._left -= 1
        return self._fault if self._left == 0 else ""


FAULTS = ("deaf", "silence", "crc", "parity", "short")


class Authority:
    """The switch's part of a relay. `fails_at` names the step that gets no answer, `says` what step 1 gets instead."""

    def __init__(self, issuer: IssuerKeys = ISSUER) -> None:
        self.issuer = issuer
        self.steps: list[bytes] = []
        self.fails_at = 0
        self.says: tuple[bytes, Reply] | None = None
        self.takes_ms = 150
        self._handshake: Handshake | None = None

    async def __call__(self, uid: bytes, step: bytes) -> tuple[bytes, Reply]:
        self.steps.append(step)
        await asyncio.sleep(self.takes_ms / 1000)
        if len(self.steps) == self.fails_at:
            raise LinkError()
        if step[0] == 1:
            if self.says is not None:
                return self.says
            self._handshake = Handshake(AuthKey(step[1], self.issuer.aes_key(RELAY, uid)), bytes(range(16)))
            return b"\x02" + self._handshake.part_two(step[2:]), Reply("00")
        assert self._handshake is not None
        try:
            self._handshake.first(step[1:])
        except NotGenuine:
            return b"", Reply("59", auth=AUTH_UID)
        return b"", Reply("00", auth=AUTH_AES, counter=12)


class Shop(ReaderBench):
    """A reader task with what it says. `way` as the setting `aes_way`."""

    def __init__(self, *, keys: bool = True, way: str = "off", authority: Authority | None = None, **options: Any):
        super().__init__(**options)
        self.log = Log(200)
        self.seen: list[tuple[int, CardSeen]] = []
        self.beats: list[int] = []
        card_keys = CardKeys(GROUP) if keys else None
        self.authority = authority or Authority()
        self.reader = CardReader(
            self.chip,
            card_keys,
            self.log,
            on_seen=lambda card: self.seen.append((self.clock.now_us, card)),
            beat=lambda: self.beats.append(self.clock.now_us),
            aes=None if way == "off" else AesMembers(self.chip, way, card_keys, self.authority),
        )

    def open(self, story: Callable[[], Awaitable[None]], limit_ms: int = 60_000) -> None:
        async def both() -> None:
            task = asyncio.create_task(self.reader.run())
            try:
                await asyncio.sleep(0.03)
                await story()
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

        self.run(both(), limit_ms)

    def later(self, ms: int, action: Callable[[], object]) -> None:
        self.clock.after(ms * 1000, lambda: action() and None)

    def lines(self) -> str:
        return "\n".join(self.log.newest(200))

    def tap(self, card: Any, *, prove: bool = False, ms: int = 2_000) -> CardData | type[CardError]:
        """One tap from the start of the task."""
        told: list[CardData | type[CardError]] = []

        async def story() -> None:
            self.field.lay(card)
            told.append(await outcome(self.reader, ms, prove))

        self.open(story)
        return told[0]


async def outcome(reader: CardReader, ms: int = 1_000, prove: bool = False) -> CardData | type[CardError]:
    try:
        return await reader.wait_card(ms, prove)
    except CardError as error:
        return type(error)


def summary(card: CardData | type[CardError]) -> tuple[str, int, int]:
    assert isinstance(card, CardData), card
    return card.kind, card.auth, card.member_no

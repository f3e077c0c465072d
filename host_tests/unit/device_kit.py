"""A personalisation desk on a modelled reader: the terminal's program and drivers, without terminal and serial port."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from firmware.cards.keys import CardKeys
from firmware.cards.member_card import MemberCards
from firmware.core.errors import CardError
from firmware.core.log import Log
from firmware.core.types import CardData
from host_tests.chips.reader_bench import ReaderBench
from tools.device.in_process import ChipLine
from tools.device.personalise import PersonalisationDesk, Wish
from tools.device.reader import CardRelay
from tools.device.report import Report
from tools.issuer.keys import IssuerKeys
from tools.sim.cards import make_card

T = TypeVar("T")

KEYS = IssuerKeys(3, *(bytes([n]) * 16 for n in (0x11, 0x22, 0x33, 0x44, 0x55)))
OTHER_KEYS = IssuerKeys(3, *(bytes([n]) * 16 for n in (0x61, 0x62, 0x63, 0x64, 0x65)))
HOST = "cards.vafa.test"
ALI, SARA = 1001, 1002
UIDS = {"classic": "9C599B32", "ntag213": "04A1B2C3D4E5F6", "ntag215": "04A1B2C3D4E5F7", "ntag216": "04A1B2C3D4E5F8"}


class Desk:
    """One reader, the office's keys, and a report in memory."""

    def __init__(self, keys: IssuerKeys = KEYS, report: Report | None = None) -> None:
        self.bench = ReaderBench()
        self.field = self.bench.field
        self.line = ChipLine(self.bench.chip)
        self.relay = CardRelay(self.line)
        self.report = report or Report(None, keys.version)
        self.told: list[str] = []
        self.pauses = 0
        self.on_pause = lambda: None
        self.desk = PersonalisationDesk(self.relay, keys, HOST, self.report, self.told.append, self._pause)
        self.run(self.relay.start())

    async def _pause(self, seconds: float) -> None:
        self.pauses += 1
        self.on_pause()
        await asyncio.sleep(seconds)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.bench.run(work, 600_000)

    def fulfil(self, wish: Wish, wait_s: float = 1.0) -> str:
        async def whole() -> str:
            return await self.desk.fulfil(await self.desk.wait_card(wait_s), wish, wait_s)

        return self.run(whole())

    def as_terminal_reads(self, group: bytes = KEYS.group) -> CardData | CardError:
        """What a terminal of the shop group makes of the one card in the field."""
        bench = self.bench

        async def read() -> CardData:
            await bench.start()
            target = await bench.picc.select(wake=True)
            return await MemberCards(bench.chip, bench.picc, CardKeys(group), Log(4)).read(target)

        try:
            return self.run(read())
        except CardError as error:
            return error
        finally:
            self.line.close()


def blank(kind: str) -> Any:
    return make_card(kind, UIDS[kind])

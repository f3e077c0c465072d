"""A personalisation desk on a modelled reader: the terminal's program and drivers, without terminal and serial port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from drivers.iso14443a import Iso14443A
from firmware.cards.aes_member import AesMembers
from firmware.cards.keys import CardKeys
from firmware.cards.member_card import MemberCards
from firmware.core.errors import CardError
from firmware.core.log import Log
from firmware.core.types import CardData
from host_tests.chips.reader_bench import ReaderBench, run_on
from host_tests.unit.field_chip import FieldChip
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
UIDS = {
    "classic": "9C599B32",
    "ntag213": "04A1B2C3D4E5F6",
    "ntag215": "04A1B2C3D4E5F7",
    "ntag216": "04A1B2C3D4E5F8",
    "ntag424": "04DE5F1EACC041",
    "desfire-ev2": "04DE5F1EACC042",
    "desfire-ev3": "04DE5F1EACC043",
}


class Desk:
    """One reader, the office's keys, and a report in memory. `whole_chip` has registers and SPI, and takes longer."""

    def __init__(self, keys: IssuerKeys = KEYS, report: Report | None = None, *, whole_chip: bool = False) -> None:
        bench = ReaderBench()
        self.clock, self.field = bench.clock, bench.field
        self.chip: Any = bench.chip if whole_chip else FieldChip(bench.field, bench.clock)
        self.line = ChipLine(self.chip)
        self.relay = CardRelay(self.line)
        self.keys = keys
        self.told: list[str] = []
        self.on_pause: Callable[[], object] = lambda: None
        self.begin_anew(report)
        self.run(self.relay.start())

    def begin_anew(self, report: Report | None = None) -> None:
        """Another run of the tool at the same reader; without a report nothing is known of the former."""
        self.report = report or Report(None, self.keys.version)
        self.desk = PersonalisationDesk(self.relay, self.keys, HOST, self.report, self.told.append, self._pause)

    async def _pause(self, seconds: float) -> None:
        self.on_pause()
        await asyncio.sleep(seconds)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return run_on(self.clock, work, 600_000)

    def fulfil(self, wish: Wish, wait_s: float = 1.0) -> str:
        async def whole() -> str:
            return await self.desk.fulfil(await self.desk.wait_card(wait_s), wish, wait_s)

        return self.run(whole())

    def as_terminal_reads(self, group: bytes = KEYS.group) -> CardData | CardError:
        """What a terminal of the shop group makes of the one card in the field."""
        chip, picc = self.chip, Iso14443A(self.chip)

        async def read() -> CardData:
            await chip.init()
            chip.field_on()
            await asyncio.sleep(0.006)
            keys = CardKeys(group)
            cards = MemberCards(chip, picc, keys, Log(4), AesMembers(chip, "group", keys))
            return await cards.read(await picc.select(wake=True))

        try:
            return self.run(read())
        except CardError as error:
            return error
        finally:
            self.line.close()


def blank(kind: str) -> Any:
    return make_card(kind, UIDS[kind])

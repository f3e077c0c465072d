"""Whole taps by the driver, from the first request to the last answer, beside the least time the air allows."""

from __future__ import annotations

import asyncio
from typing import Any

from tools.bench import reader_limits as limits
from tools.bench.reader_rig import FACTORY_KEY, SETTLE_S, Cost, Reader, Work, measure
from tools.sim import onhost
from tools.sim.cards import make_card
from tools.sim.cards.ntag424 import Ntag424

UID_4, UID_7 = bytes.fromhex("9C599B32"), bytes.fromhex("04A1B2C3D4E5F6")
BLOCK, FIRST_PAGE = 4, 4
_TERMINAL_POLLS = 20
READ_BLOCK = bytes([0x30, BLOCK])
READ_16_PAGES = bytes([0x3A, FIRST_PAGE, FIRST_PAGE + 15])


def classic() -> Any:
    """Four bytes of UID."""
    return make_card("classic", UID_4)


def ntag() -> Any:
    """Seven."""
    return make_card("ntag213", UID_7)


async def select(reader: Reader) -> None:
    """Detect and select."""
    await reader.select()


async def authenticated(reader: Reader) -> None:
    """Detect, select, authenticate a sector."""
    target = await reader.select()
    await reader.chip.authenticate(0x60, BLOCK, FACTORY_KEY, target.uid)


async def classic_read(reader: Reader) -> None:
    """Detect, select, authenticate, read a block."""
    await authenticated(reader)
    await reader.read(READ_BLOCK, 16)


async def classic_tap(reader: Reader) -> None:
    """The same, and the card sent to sleep."""
    await classic_read(reader)
    await reader.cards.halt()


async def ntag_tap(reader: Reader) -> None:
    """Detect, select, version, 16 pages."""
    await reader.select()
    await reader.read(b"\x60", 8)
    await reader.read(READ_16_PAGES, 64)


async def ev2_tap(reader: Reader) -> None:
    """Field on, detect, select, RATS, application, EV2First with a key of zeros."""
    from drivers.iso_dep import IsoDep
    from firmware.cards.aes_card import AesCard
    from firmware.cards.aes_layout import NTAG424_DF_NAME
    from firmware.cards.ev2 import AuthKey

    if not reader.chip.check():
        raise AssertionError("the chip lost its registers")
    reader.chip.field_on()
    await asyncio.sleep(SETTLE_S)
    await reader.select()
    pipe = IsoDep(reader.chip)
    await pipe.activate()
    card = AesCard(pipe, bytes)
    await card.select_df(NTAG424_DF_NAME)
    await card.authenticate(AuthKey(0, bytes(16)))
    assert card.session is not None


def ev2first() -> Cost:
    """The EV2First tap from a dark field."""
    return measure(Ntag424(UID_7), ev2_tap, cold=True)


def terminal_poll() -> float:
    """Transactions of one of the terminal's own polls while somebody waits and no card comes: the reader task's."""
    from firmware.cards.reader import CardReader
    from firmware.core.errors import CardTimeout
    from firmware.core.log import Log

    rig = Reader()
    task = CardReader(rig.chip, None, Log())

    async def between_polls() -> tuple[int, int]:
        polls = rig.air.frames
        while rig.air.frames == polls:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        return rig.air.frames, rig.board.cs_assertions

    async def run() -> float:
        watching = asyncio.ensure_future(task.run())
        waiting = asyncio.ensure_future(task.wait_card(3_000))
        seen = [await between_polls() for _ in range(_TERMINAL_POLLS)]
        try:
            await waiting
        except CardTimeout:
            watching.cancel()
        (first_polls, first), (last_polls, last) = seen[0], seen[-1]
        return (last - first) / (last_polls - first_polls)

    return onhost.run_on(rig.clock, run())


def air_ratios() -> dict[str, float]:
    """By tap: the span on air over the least the standard allows for the frames the tap needs."""
    taps: dict[str, tuple[Any, Work, tuple[limits.Exchange, ...]]] = {
        "select4": (classic(), select, limits.SELECT_4),
        "select7": (ntag(), select, limits.SELECT_7),
        "classic": (classic(), classic_tap, limits.CLASSIC_TAP),
        "ntag": (ntag(), ntag_tap, limits.NTAG_TAP),
    }
    ratios = {name: measure(card, work).span_us / limits.limit_us(least) for name, (card, work, least) in taps.items()}
    ratios["ev2first"] = ev2first().span_us / limits.limit_us(limits.EV2_TAP)
    return ratios

"""Bus transactions and modelled milliseconds of the reader driver, in-process on the chip model.

A transaction is one assertion of the chip select. Before each figure the reader has polled an empty field, as it does
before a tap; reads are counted after one that went before. Limits and peers are those of ARCHITECTURE.md section 6; the
limit of a time is the air time alone (ISO 14443-3 at 106 kbit/s).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tools.bench.report import Row, row
from tools.sim import onhost
from tools.sim.board import SimBoard
from tools.sim.cards import make_card
from tools.sim.clock import SimClock

_SPI_HZ = 10_000_000
_FACTORY_KEY = b"\xff" * 6


@dataclass(frozen=True)
class Cost:
    """What one operation took."""

    transactions: int
    milliseconds: float


def measure(
    card: Any, prepare: Callable[[Any, Any], Awaitable[None]], work: Callable[[Any, Any], Awaitable[None]]
) -> Cost:
    """Cost of `work(chip, cards)` after `prepare(chip, cards)`, with one card (or None) in the field."""
    clock = SimClock()
    board = SimBoard("s3", clock)
    return onhost.run_on(clock, _measured(board, clock, card, prepare, work))


async def _measured(
    board: SimBoard,
    clock: SimClock,
    card: Any,
    prepare: Callable[[Any, Any], Awaitable[None]],
    work: Callable[[Any, Any], Awaitable[None]],
) -> Cost:
    from drivers.iso14443a import Iso14443A
    from drivers.rc522 import MFRC522

    profile = board.profile
    spi = board.spi()
    spi.init(baudrate=_SPI_HZ)
    cs, rst, irq = board.pin(profile.rc522_cs), board.pin(profile.rc522_rst), board.pin(profile.rc522_irq)
    cs.init(cs.OUT, value=1)
    rst.init(rst.OUT, value=1)
    irq.init(irq.IN, irq.PULL_UP)
    chip = MFRC522(spi, cs, rst, irq)
    await chip.init()
    chip.field_on()
    cards = Iso14443A(chip)
    await _empty_poll(chip, cards)
    if card is not None:
        board.field.lay(card)
    await asyncio.sleep(0.006)  # a card is ready 5 ms after it came (ISO 14443-3)
    await prepare(chip, cards)
    transactions, started_us = board.cs_assertions, clock.now_us
    await work(chip, cards)
    return Cost(board.cs_assertions - transactions, (clock.now_us - started_us) / 1000)


async def _empty_poll(_chip: Any, cards: Any) -> None:
    from drivers.rc522_errors import NoAnswer

    try:
        await cards.request()
    except NoAnswer:
        return
    raise AssertionError("a card answered in an empty field")


async def _nothing(_chip: Any, _cards: Any) -> None:
    """The field was empty until now: polls have gone by, a card comes."""


async def _select(_chip: Any, cards: Any) -> None:
    await cards.select(wake=True)


async def _authenticated(chip: Any, cards: Any) -> None:
    target = await cards.select(wake=True)
    await chip.authenticate(0x60, 4, _FACTORY_KEY, target.uid)
    await _read_block(chip, cards)


async def _read_block(chip: Any, _cards: Any) -> None:
    from drivers.rc522 import PATIENT_US

    got = await chip.exchange(b"\x30\x04", 16, crc=True, timeout_us=PATIENT_US)
    assert got == 16


async def _selected_and_read(chip: Any, cards: Any) -> None:
    await cards.select(wake=True)
    await _fast_read_16(chip, cards)


async def _fast_read_16(chip: Any, _cards: Any) -> None:
    from drivers.rc522 import PATIENT_US

    got = await chip.exchange(b"\x3a\x04\x13", 64, crc=True, timeout_us=PATIENT_US)  # pages 4 to 19
    assert got == 64


def rows() -> Iterator[Row]:
    """All reader rows."""
    classic = make_card("classic", bytes.fromhex("9C599B32"))
    ntag = make_card("ntag213", bytes.fromhex("04A1B2C3D4E5F6"))
    empty = measure(None, _nothing, _empty_poll)
    four, seven = measure(classic, _nothing, _select), measure(ntag, _nothing, _select)
    block = measure(classic, _authenticated, _read_block)
    pages = measure(ntag, _selected_and_read, _fast_read_16)
    yield row(
        "reader.empty_poll.spi",
        empty.transactions,
        "transactions",
        limit=5,
        target=6,
        peer="mfrc522-python",
        peer_value=34,
    )
    yield row(
        "reader.select4.spi", four.transactions, "transactions", limit=17, target=20, peer="mfrc522", peer_value=91
    )
    yield row(
        "reader.select7.spi", seven.transactions, "transactions", limit=25, target=34, peer="danjperron", peer_value=162
    )
    yield row("reader.block.spi", block.transactions, "transactions", limit=5, target=6, peer="mfrc522", peer_value=48)
    yield row(
        "reader.pages16.spi", pages.transactions, "transactions", limit=5, target=6, peer="danjperron", peer_value=208
    )
    yield row("reader.empty_poll.ms", empty.milliseconds, "ms", limit=0.5, peer="mfrc522-python", peer_value=16)
    yield row("reader.select4.ms", four.milliseconds, "ms", limit=2.346)
    yield row("reader.select7.ms", seven.milliseconds, "ms", limit=4.348)
    yield row("reader.block.ms", block.milliseconds, "ms", limit=1.977)
    yield row("reader.pages16.ms", pages.milliseconds, "ms", limit=6.14)

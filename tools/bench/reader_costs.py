"""Rows of the reader: bus transactions, modelled milliseconds, air and overhead ratios, heap; beside foreign drivers.

Limits are the fewest transactions the chip allows (ARCHITECTURE.md section 11) and the air time of ISO 14443-3. Peers
are the foreign drivers of `tools.peers`, measured in the same run on the same chip model. None can do the whole of two
operations; then what the best of them does of it stands there and says so: a 7-byte UID is read without its last
SELECT, and four blocks of a Classic card take the place of 16 pages.

Two kinds of ratio; the row is the worst of what could be meant, the others are printed:

* reader.air_ratio: the time from the first bit of the first request to the last bit of the last answer, with all bus
  traffic and waiting between, over the least time the standard allows for the frames the tap needs. Only what the card
  itself takes to think is left out of both. The worst of five taps.
* reader.overhead_ratio, overhead_select_ratio: elapsed time from call to return beyond that least time, over the same
  of the best foreign driver, the worst over clock rates (tools.bench.reader_overhead). The guard times between
  exchanges are part of the least time: no reader may use them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console

from tools.bench import reader_heap, reader_limits, reader_overhead, reader_taps
from tools.bench.reader_peers import DETECT_AND_SELECT, Best, Peers
from tools.bench.reader_rig import Cost, Reader, measure
from tools.bench.reader_taps import READ_16_PAGES, READ_BLOCK
from tools.bench.report import WIDTH, Row, row


def _costs() -> dict[str, Cost]:
    classic, ntag = reader_taps.classic, reader_taps.ntag

    def block(reader: Reader) -> Any:
        return reader.read(READ_BLOCK, 16)

    def pages(reader: Reader) -> Any:
        return reader.read(READ_16_PAGES, 64)

    return {
        "empty_poll": measure(None, Reader.empty_poll),
        "select4": measure(classic(), reader_taps.select),
        "select7": measure(ntag(), reader_taps.select),
        # A read costs the same each time, whatever went before: counted after one that opened the card.
        "block": measure(classic(), block, reader_taps.classic_read),
        "pages16": measure(ntag(), pages, reader_taps.ntag_tap),
        "ev2first": reader_taps.ev2first(),
    }


def _transactions(ours: dict[str, Cost], peers: Peers) -> Iterator[Row]:
    empty = peers.transactions("empty_poll")
    whole, read4 = peers.transactions("whole_uid"), peers.transactions("read4")
    table: tuple[tuple[str, float, int, int, Best | None], ...] = (
        ("empty_poll", ours["empty_poll"].transactions, 5, 6, empty),
        ("empty_poll_cycled", reader_taps.terminal_poll(), 8, 9, empty),
        ("select4", ours["select4"].transactions, 17, 20, peers.transactions(*DETECT_AND_SELECT)),
        ("select7", ours["select7"].transactions, 25, 34, Best(f"{whole.name}, no last SELECT", whole.value)),
        ("block", ours["block"].transactions, 5, 6, peers.transactions("read")),
        ("pages16", ours["pages16"].transactions, 5, 6, Best(f"{read4.name}, 4 blocks", read4.value)),
        ("ev2first", ours["ev2first"].transactions, 45, 60, None),
    )
    for key, value, limit, target, best in table:
        yield _beside(f"reader.{key}.spi", value, "transactions", best, limit=limit, target=target)


def _times(ours: dict[str, Cost], peers: Peers) -> Iterator[Row]:
    least = {
        "select4": reader_limits.SELECT_4,
        "select7": reader_limits.SELECT_7,
        "block": (reader_limits.READ,),
        "pages16": (reader_limits.FAST_READ_16,),
    }
    whole, read4 = peers.milliseconds("whole_uid"), peers.milliseconds("read4")
    best = {
        "empty_poll": peers.milliseconds("empty_poll"),
        "select4": peers.milliseconds(*DETECT_AND_SELECT),
        "select7": Best(f"{whole.name}, no last SELECT", whole.value),
        "block": peers.milliseconds("read"),
        "pages16": Best(f"{read4.name}, 4 blocks", read4.value),
    }
    for key, peer in best.items():
        limit = round(reader_limits.limit_us(least[key]) / 1000, 3) if key in least else 0.5
        yield _beside(f"reader.{key}.ms", ours[key].milliseconds, "ms", peer, limit=limit)


def _beside(key: str, value: float, unit: str, best: Best | None, limit: float, target: float | None = None) -> Row:
    if best is None:
        return row(key, value, unit, limit=limit, target=target)
    return row(key, value, unit, limit=limit, target=target, peer=best.name, peer_value=round(best.value, 4))


def rows() -> Iterator[Row]:
    """All reader rows."""
    ours, peers = _costs(), Peers.measured()
    yield from _transactions(ours, peers)
    yield from _times(ours, peers)
    ratios = reader_taps.air_ratios()
    console = Console(width=WIDTH)
    console.print("reader.air_ratio by tap: " + ", ".join(f"{name} {ratio:.3f}" for name, ratio in ratios.items()))
    yield row("reader.air_ratio", max(ratios.values()), "of the limit", limit=1, target=1.10)
    for overhead, found in reader_overhead.rows(peers):
        for reading in found:
            console.print(f"{overhead.key} ({overhead.unit}): {reading}")
        yield overhead
    yield from reader_heap.rows()

"""The time beyond air of one operation, ours over the best foreign driver's, in every reading of "the best".

A reading is a pair of clock rates: ours at the terminal's against the best driver at any, and both at the same rate, at
each rate the drivers were measured at. A ratio that is published is the worst of its readings. It grows as the bus
gets slower: the foreign drivers spend more of their time on calls, which the rate does not change, we on bits.

We pay two pin calls of 3 us for each chip select and they none (tools/peers/README.md). The least time of ISO 14443-3,
guard times between exchanges included, is taken off both sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tools.bench import reader_limits, reader_taps
from tools.bench.reader_limits import Exchange
from tools.bench.reader_peers import CLASSIC_READ, DETECT_AND_SELECT, Peers
from tools.bench.reader_rig import SPI_HZ, Work, measure
from tools.bench.report import Row, row

TARGET = 0.25


@dataclass(frozen=True)
class Operation:
    """What is compared: our work on a card, the drivers' steps, and the exchanges both need."""

    key: str
    does: str
    card: Any
    work: Work
    steps: tuple[str, ...]
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True)
class Reading:
    """One comparison; rates in Hz, `peer_hz` None for the best of all. Milliseconds beyond air."""

    our_hz: int
    peer_hz: int | None
    ours_ms: float
    peer: str
    peer_ms: float

    @property
    def ratio(self) -> float:
        """Ours over theirs."""
        return self.ours_ms / self.peer_ms

    def __str__(self) -> str:
        theirs = "any rate" if self.peer_hz is None else f"{self.peer_hz // 1_000_000} MHz"
        return (
            f"ours {self.ours_ms:.3f} ms at {self.our_hz // 1_000_000} MHz, {self.peer} {self.peer_ms:.3f} ms at "
            f"{theirs}: {self.ratio:.3f}"
        )


def operations() -> tuple[Operation, ...]:
    """The issue's, and its part that needs no key."""
    card = reader_taps.classic()
    return (
        Operation(
            "reader.overhead_ratio",
            "detect to read",
            card,
            reader_taps.classic_read,
            CLASSIC_READ,
            reader_limits.CLASSIC_READ,
        ),
        Operation(
            "reader.overhead_select_ratio",
            "detect, select",
            card,
            reader_taps.select,
            DETECT_AND_SELECT,
            reader_limits.SELECT_4,
        ),
    )


def readings(operation: Operation, peers: Peers) -> list[Reading]:
    """Every reading of one operation."""
    air_ms = reader_limits.limit_us(operation.exchanges) / 1000
    rates: list[tuple[int, int | None]] = [(SPI_HZ, None), *((hz, hz) for hz in peers.rates_hz())]
    found = []
    for our_hz, peer_hz in rates:
        ours = measure(operation.card, operation.work, spi_hz=our_hz).milliseconds
        best = peers.milliseconds(*operation.steps, spi_hz=peer_hz)
        found.append(Reading(our_hz, peer_hz, ours - air_ms, best.name, best.value - air_ms))
    return found


def rows(peers: Peers) -> Iterator[tuple[Row, list[Reading]]]:
    """Each operation's worst reading as its row, with all of its readings."""
    for operation in operations():
        found = readings(operation, peers)
        worst = max(found, key=lambda reading: reading.ratio)
        target = TARGET if operation.steps == CLASSIC_READ else None
        yield (
            row(operation.key, worst.ratio, operation.does, target=target, peer=worst.peer, peer_value=1),
            found,
        )

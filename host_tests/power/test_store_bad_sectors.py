"""Sectors that took nothing are remembered by whoever keeps the list; a wrong list costs room and nothing else."""

from __future__ import annotations

import pytest

from firmware.store.flash import Flash
from firmware.store.frames import Frame
from firmware.store.ring import Ring
from host_tests.power.ledger import SEALER
from tools.sim.chips.nor import Nor, NorPartition

SECTORS = 8


class CountingNor(Nor):
    """Counts programs and erases by sector."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.touched = [0] * (size // 4096)

    def program(self, addr: int, data: bytes | bytearray | memoryview) -> None:
        self.touched[addr // 4096] += 1
        super().program(addr, data)

    def erase(self, block: int) -> None:
        self.touched[block] += 1
        super().erase(block)


def opened(nor: Nor, bad: bytes = b"", salt: int = 5) -> tuple[Ring, list[bytes]]:
    seen: list[bytes] = []
    ring = Ring(Flash(NorPartition(nor, 0, nor.size // 4096)), 9, salt, SEALER, ())
    ring.tail_now = lambda: max(1, ring.generation - 1)

    def look(frame: Frame) -> None:
        seen.append(frame.body[:-8])

    ring.open(look, bad)
    return ring, seen


def turn(ring: Ring, rounds: int = 2) -> None:
    """Go round the ring so often."""
    end = ring.generation + rounds * SECTORS
    while ring.generation < end:
        ring.append(7, 0, bytes(200), 0)
        ring.release(ring.generation - 1)
        ring.erase_ahead(2)


def bits(listed: bytes) -> set[int]:
    return {n for n in range(8 * (len(listed) - 4)) if listed[4 + n // 8] >> n % 8 & 1}


@pytest.mark.parametrize("fault", ["silent", "raises"])
def test_a_sector_that_failed_is_not_tried_again_after_a_restart(fault: str) -> None:
    nor = CountingNor(SECTORS * 4096)
    ring, _ = opened(nor)
    nor.bad_blocks[3] = nor.bad_blocks[6] = fault
    turn(ring)
    assert bits(ring.bad_sectors()) == {3, 6}
    nor.touched = [0] * SECTORS
    turn(opened(nor)[0])
    assert nor.touched[3] and nor.touched[6], "without the list they are tried"
    nor.touched = [0] * SECTORS
    again, _ = opened(nor, ring.bad_sectors())
    turn(again)
    assert (nor.touched[3], nor.touched[6]) == (0, 0)
    assert all(nor.touched[sector] for sector in (0, 1, 2, 4, 5, 7))
    assert again.bad_sectors() == ring.bad_sectors()


def test_a_sector_that_failed_three_programs_is_remembered_and_still_read() -> None:
    nor = CountingNor(SECTORS * 4096)
    ring, _ = opened(nor)
    ring.append(7, 1, b"kept" + bytes(8), 0)
    head = ring._head
    nor.bad_blocks[head] = "silent"
    ring.append(7, 2, b"elsewhere" + bytes(8), 0)
    assert bits(ring.bad_sectors()) == {head}
    again, seen = opened(nor, ring.bad_sectors())
    older: list[bytes] = []
    again.visit(1, lambda frame: older.append(frame.body[:-8]))
    assert (older, seen) == ([b"kept"], [b"elsewhere"])


@pytest.mark.parametrize("listed", [{0}, {1}, {2}, {0, 1, 2}, {5, 6, 7}, {0, 2, 4, 6}])
def test_a_wrong_list_loses_nothing_and_what_it_names_stays_as_it_is(listed: set[int]) -> None:
    nor = CountingNor(SECTORS * 4096)
    ring, _ = opened(nor)
    needed = 1
    ring.tail_now = lambda: needed
    number = 0
    while ring.generation < 3:
        number += 1
        ring.append(7, number, number.to_bytes(4, "little") + bytes(100), 0)
    wrong = bytearray(ring.bad_sectors())
    for sector in listed:
        wrong[4 + sector // 8] |= 1 << sector % 8
    nor.touched = [0] * SECTORS
    again, _ = opened(nor, bytes(wrong))
    again.tail_now = lambda: needed
    for more in range(number + 1, number + 20):
        again.append(7, more, more.to_bytes(4, "little") + bytes(100), 0)
    assert all(nor.touched[sector] == 0 for sector in listed)
    last, _ = opened(nor, bytes(wrong))
    found: list[int] = []
    for generation in range(1, last.generation + 1):
        last.visit(generation, lambda frame: found.append(frame.seq))
    assert found == list(range(1, number + 20))


def test_a_list_of_another_store_or_of_nearly_everything_is_not_taken() -> None:
    nor = CountingNor(SECTORS * 4096)
    ring, _ = opened(nor)
    turn(ring, 1)
    own = ring.bad_sectors()
    others = [b"\x06\0\0\0" + b"\x55", own[:4], own + b"\0", own[:4] + b"\x55\0", b"", own[:4] + b"\x1f"]
    for listed in others:
        assert bits(opened(nor, listed)[0].bad_sectors()) == set(), listed
    assert bits(opened(nor, own[:4] + b"\x0f")[0].bad_sectors()) == {0, 1, 2, 3}


def test_a_ring_that_opens_on_a_sector_said_to_be_bad_writes_nothing_there() -> None:
    nor = CountingNor(SECTORS * 4096)
    ring, _ = opened(nor)
    ring.append(7, 1, b"newest" + bytes(8), 0)
    nor.image[4096 - ring.room() + 3] = 0  # a torn frame behind it
    before = bytes(nor.image)
    again, seen = opened(nor, ring.salt.to_bytes(4, "little") + bytes((1 << ring._head,)))
    assert seen == [b"newest"]
    assert bytes(nor.image) == before
    again.append(7, 2, b"next" + bytes(8), 0)
    assert bytes(nor.image[:4096]) == before[:4096]
    assert opened(nor)[1] == [b"next"]

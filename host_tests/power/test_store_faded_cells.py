"""Cells that lost their charge are written again in idle time; those a fault cleared are put right at each reading."""

from __future__ import annotations

import pytest

from firmware.store.flash import Flash
from firmware.store.frames import Frame, pack_frame, seed
from firmware.store.ring import Ring
from host_tests.power.ledger import SEALER
from tools.sim.chips.nor import Nor, NorPartition


def opened(nor: Nor, page_only: bool = False) -> Ring:
    ring = Ring(Flash(NorPartition(nor, 0, nor.size // 4096, page_only), page_only), 9, 5, SEALER, (2,))
    ring.open(lambda _frame: None)
    return ring


def written(page_only: bool = False) -> Nor:
    """Two full sectors and a third that is open."""
    nor = Nor(6 * 4096)
    ring = opened(nor, page_only)
    n = 0
    while ring.generation < 3:
        n += 1
        ring.append(2, n, n.to_bytes(4, "little") * 18 + bytes(8), 0)
    return nor


def read_all(ring: Ring) -> list[int]:
    found: list[int] = []

    def look(frame: Frame) -> bool:
        found.append(frame.seq)
        return False

    for generation in range(1, ring.generation + 1):
        ring.visit(generation, look)
    return found


def flip(nor: Nor, at: int, to: int) -> None:
    """The first bit from `at` on that is not `to` yet, and is in a byte that was written."""
    while True:
        for bit in range(8):
            if nor.image[at] != 0xFF and (nor.image[at] >> bit & 1) != to:
                nor.image[at] ^= 1 << bit
                return
        at += 1


@pytest.mark.parametrize("page_only", [False, True])
def test_cells_that_faded_hold_their_bits_again_after_idle_work(page_only: bool) -> None:
    nor = written(page_only)
    image = bytes(nor.image)
    for n in range(12):  # more than are remembered at a time
        flip(nor, 64 + 13 + n * 96 + (n % 2) * 4096, 1)
    assert bytes(nor.image) != image
    ring = opened(nor, page_only)
    truth = read_all(ring)
    pieces = 0
    while ring.refresh():
        pieces += 1
    assert pieces == 8
    assert read_all(ring) == truth
    while ring.refresh():
        pieces += 1
    assert pieces == 12
    assert bytes(nor.image) == image
    repairs = ring.repairs
    assert read_all(ring) == truth
    assert ring.repairs == repairs, "nothing is left to be put right"


def test_a_cell_that_a_fault_cleared_is_put_right_at_each_reading_and_never_programmed() -> None:
    nor = written()
    truth = read_all(opened(nor))
    for n in range(5):
        flip(nor, 64 + 13 + n * 96, 0)
    ring = opened(nor)
    ops = nor.ops
    for _ in range(3):
        assert read_all(ring) == truth
        assert not ring.refresh()
    assert nor.ops == ops
    assert ring.repairs == 15


def test_a_cell_that_does_not_take_its_charge_is_tried_once_a_start() -> None:
    nor = written()
    flip(nor, 64 + 13, 1)
    nor.bad_blocks[0] = "silent"
    ring = opened(nor)
    truth = read_all(ring)
    ops = nor.ops
    for _ in range(5):
        while ring.refresh():
            pass
        assert read_all(ring) == truth
    assert nor.ops == ops + 1


def test_a_faded_frame_whose_sector_was_used_again_meanwhile_is_let_alone() -> None:
    nor = written()
    flip(nor, 64 + 13, 1)
    ring = opened(nor)
    read_all(ring)
    ring.tail_now = lambda: ring.generation
    ring.release(3)
    n = 0
    while ring.sector_of(1) >= 0:
        n += 1
        ring.append(2, n, bytes(80), 0)
        ring.release(ring.generation)
    ops, image = nor.ops, bytes(nor.image)
    assert not ring.refresh()
    assert (nor.ops, bytes(nor.image)) == (ops, image)


def test_a_faded_frame_that_nobody_here_sealed_is_not_written_again() -> None:
    nor = written()
    at = 64 + 96
    nor.image[at : at + 92] = pack_frame(2, 1, 2, bytes(nor.image[at + 12 : at + 91]) + b"\0", seed(5, 1))
    flip(nor, at + 20, 1)
    ring = opened(nor)
    assert 2 not in read_all(ring)
    assert ring.repairs == ring.refused == 1
    assert not ring.refresh()

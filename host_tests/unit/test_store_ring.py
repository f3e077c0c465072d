"""The ring of sectors by itself: what an earlier life of a sector left can never be read as a frame again."""

from __future__ import annotations

from firmware.store.flash import Flash
from firmware.store.frames import Frame, parse_header
from firmware.store.ring import Ring
from host_tests.power.ledger import SEALER
from tools.sim.chips.nor import Nor, NorPartition


def opened(nor: Nor, salt: int = 5) -> tuple[Ring, list[bytes]]:
    seen: list[bytes] = []
    ring = Ring(Flash(NorPartition(nor, 0, nor.size // 4096)), 9, salt, SEALER, ())
    ring.tail_now = lambda: ring.generation

    def look(frame: Frame) -> None:
        seen.append(frame.body[:-8])

    ring.open(look)
    return ring, seen


def test_frames_of_a_sectors_earlier_life_are_not_read_again() -> None:
    nor = Nor(4 * 4096)
    ring, _ = opened(nor)
    for n in range(40):
        ring.append(7, n, b"old %03d" % n + bytes(8), 0)
    old = bytes(nor.image[:4096])
    while ring.generation < 5:
        ring.append(7, 0, bytes(48), 0)
    ring.append(7, 1, b"new" + bytes(8), 0)
    start = 4096 - ring.room()
    nor.image[start:1000] = old[start:1000]
    again, seen = opened(nor)
    assert seen == [bytes(40), b"new"]
    assert again.refused == 0, "it is no frame at all, not one that somebody altered"


def test_a_frame_is_read_back_where_it_was_written() -> None:
    nor = Nor(4 * 4096)
    ring, _ = opened(nor)
    at = ring.append(7, 0x01020304, b"body" + bytes(8), 0)
    assert ring.frame_in_sector(0, at, 32).body[:-8] == b"body"
    assert ring.frame_near(1, at - at % 64, at - at % 64 + 64, (7,)).seq == 0x01020304
    assert ring.frame_near(1, at - at % 64, at - at % 64 + 64, (8,)) is None
    assert opened(nor)[1] == [b"body"]


class CarefulNor(Nor):
    """Refuses to erase what a start at this very moment would still read."""

    def erase(self, block: int) -> None:
        header = parse_header(self.image[block * 4096 : block * 4096 + 64])
        if header is not None:
            now = Nor(self.size)
            now.image[:] = self.image
            durable = opened(now)[0].tail
            assert header.generation < durable, f"erases generation {header.generation}, {durable} is still needed"
        super().erase(block)


def test_only_a_sector_below_the_durable_tail_is_erased() -> None:
    nor = CarefulNor(6 * 4096)
    ring, _ = opened(nor)
    needed = 1
    ring.tail_now = lambda: needed

    def fill_up_to(generation: int) -> None:
        while ring.generation < generation:
            ring.append(7, 0, bytes(48), 0)

    fill_up_to(4)
    needed = 3  # durable with the next header
    fill_up_to(5)
    nor.bad_blocks[5] = "silent"
    nor.image[5 * 4096 + 100] = 0
    fill_up_to(6)
    assert nor.image[4096 * 5 :].count(0xFF) == 4095, "the sector that takes no erase was passed over"
    del nor.bad_blocks[5]
    ring, _ = opened(nor)  # and after a restart it is tried again
    ring.tail_now = lambda: needed
    fill_up_to(7)
    needed = 5  # known in memory only: the next sector in the circle is not free yet
    fill_up_to(9)
    assert ring.tail == 5

"""The ring of sectors by itself: what an earlier life of a sector left can never be read as a frame again."""

from __future__ import annotations

from firmware.store.flash import Flash
from firmware.store.frames import Frame
from firmware.store.ring import Ring
from tools.sim.chips.nor import Nor, NorPartition


def opened(nor: Nor, salt: int = 5) -> tuple[Ring, list[bytes]]:
    seen: list[bytes] = []
    ring = Ring(Flash(NorPartition(nor, 0, nor.size // 4096)), 9, salt)
    ring.tail_now = lambda: ring.generation

    def look(frame: Frame) -> None:
        seen.append(frame.body)

    ring.open(look)
    return ring, seen


def test_frames_of_a_sectors_earlier_life_are_not_read_again() -> None:
    nor = Nor(4 * 4096)
    ring, _ = opened(nor)
    for n in range(40):
        ring.append(7, n, b"old %03d" % n, 0)
    old = bytes(nor.image[:4096])
    while ring.generation < 5:
        ring.append(7, 0, bytes(48), 0)
    ring.append(7, 1, b"new", 0)
    start = 4096 - ring.room()
    nor.image[start:1000] = old[start:1000]
    _, seen = opened(nor)
    assert seen == [bytes(48), b"new"]


def test_a_frame_is_read_back_where_it_was_written() -> None:
    nor = Nor(4 * 4096)
    ring, _ = opened(nor)
    at = ring.append(7, 0x01020304, b"body", 0)
    assert ring.frame_in_sector(0, at, 16).body == b"body"
    assert ring.frame_near(1, at - at % 64, at - at % 64 + 64, (7,)).seq == 0x01020304
    assert ring.frame_near(1, at - at % 64, at - at % 64 + 64, (8,)) is None
    assert opened(nor)[1] == [b"body"]

"""Runs on the device's interpreter: the member cache beside what programs commonly do, on one counting flash.

Prints a line of JSON for each way. An update changes one member of all, each time another; a look-up finds one that is
there. Names and figures are the same for all. The ways:

* json-file: everybody in memory, the whole file written anew with each update; a look-up reads nothing.
* record-file: records of 64 bytes sorted by card in one LittleFS file, rewritten in place; a look-up halves the file.
* index, buckets: ours for 5,000 members in 640 KB, and for 2,000 in 256 KB on the small board. Their idle work runs
  after each update: what it erases is in the means and in no worst.
"""

import json
import os
import sys

from firmware.core.types import Member
from firmware.store.buckets import Buckets
from firmware.store.members import Members
from firmware.store.seal import Sealer
from tools.bench.on_device.counting_flash import Nor, heap, measured

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_MEMBERS = "members"
_RECORD = 64
_SECTOR = 4096
_LOOKUPS = 200


def _uid(n: int) -> bytes:
    return bytes((4, n >> 16 & 255, n >> 8 & 255, n & 255, 7, 7, 7))


def _drawn(count: int) -> "Iterator[int]":
    """Members in no order, the same in every run."""
    state = 1
    while True:
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        yield (state >> 8) % count


def _mounted(blocks: int) -> Nor:
    nor = Nor(blocks)
    os.VfsLfs2.mkfs(nor, progsize=32)
    os.mount(os.VfsLfs2(nor, progsize=32), "/f")
    return nor


def json_file(count: int) -> None:
    """All in memory and in one file."""
    nor = _mounted(512)  # 2 MB: the old file and the new one stand side by side
    before = heap()
    everyone = {"%014d" % n: ["Sara", n, 1790000000, n] for n in range(count)}
    ram = heap() - before

    drawn = _drawn(count)

    def step(n: int) -> None:
        everyone["%014d" % next(drawn)][1] = n
        with open("/f/members.json", "w") as file:
            json.dump(everyone, file)

    step(0)
    measured(_MEMBERS, "json-file", nor, 5, step, count=count, ram=ram, lookup_bytes=0, lookup_reads=0)
    os.umount("/f")


def _find(file: "Any", uid: bytes, count: int) -> int:
    """Number of the card's record, by halving."""
    low, high = 0, count
    while low < high:
        middle = (low + high) // 2
        file.seek(middle * _RECORD)
        if file.read(7) < uid:
            low = middle + 1
        else:
            high = middle
    return low


def record_file(count: int) -> None:
    """Fixed records, sorted by card."""
    nor = _mounted(256)
    with open("/f/members", "wb") as file:
        for n in range(count):
            file.write(_uid(n) + bytes(_RECORD - 7))
    nor.reset()
    drawn = _drawn(count)
    for _ in range(_LOOKUPS):
        uid = _uid(next(drawn))
        with open("/f/members", "rb") as file:
            file.seek(_find(file, uid, count) * _RECORD)
            if file.read(_RECORD)[:7] != uid:
                raise AssertionError("the record was not found")
    found = {"lookup_bytes": nor.read / _LOOKUPS, "lookup_reads": nor.reads / _LOOKUPS}

    def step(n: int) -> None:
        with open("/f/members", "r+b") as file:
            file.seek(_find(file, _uid(next(drawn)), count) * _RECORD + 7)
            file.write(bytes((n & 255,)) * (_RECORD - 7))

    measured(_MEMBERS, "record-file", nor, 30, step, count=count, ram=0, **found)
    os.umount("/f")


def cache(name: str, made: "Any", blocks: int, count: int, updates: int) -> None:
    """One of ours."""
    nor = Nor(blocks)
    sealer = Sealer(bytes(range(16)), b"VAFA0001")
    sector = bytearray(_SECTOR)  # the terminal has one for both of its stores
    before = heap()
    kept = made(nor, sealer, 1, False, sector)
    kept.open()

    def put(n: int, points: int) -> None:
        kept.put(Member(_uid(n), n, "Sara", points, 1790000000))

    def rest(_n: int) -> None:
        while kept.idle_work():
            pass

    for n in range(count):
        put(n, n)
        rest(n)
    ram = heap() - before
    nor.reset()
    hits = sum([kept.get(_uid(n)) is not None for n in range(count)])
    found = {"lookup_bytes": nor.read / hits, "lookup_reads": nor.reads / hits, "held": hits}
    drawn = _drawn(count)
    measured(_MEMBERS, name, nor, updates, lambda n: put(next(drawn), n), rest, count=count, ram=ram, **found)


def main() -> None:
    """One way, named by the argument."""
    way = sys.argv[1]
    if way == "json-file":
        json_file(5000)
    elif way == "record-file":
        record_file(5000)
    elif way == "index":
        cache(way, Members, 160, 5000, 10000)
    else:
        cache(way, Buckets, 64, 2000, 4000)


if __name__ == "__main__":
    main()

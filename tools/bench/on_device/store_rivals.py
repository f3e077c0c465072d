"""Runs on the device's interpreter: the store beside what programs commonly do, on one and the same counting flash.

Prints one line a way: what, name, erases, programmed bytes, programs, bytes read, worst erases in one step; all a step.
Queue: 96-byte records appended, 50 pending, each acknowledged 50 later. Members: one of many is updated.
"""

import gc
import json
import os
import sys

from firmware.core.types import ACCRUAL, OFFLINE, Member, Transaction
from firmware.store.buckets import Buckets
from firmware.store.journal import Journal
from firmware.store.members import Members
from firmware.store.seal import Sealer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_BLOCK = 4096
_SEALER = Sealer(bytes(range(16)), b"VAFA0001")
_PENDING = 50
_UID = b"\x04\xa1\xb2\xc3\xd4\xe5\xf6"


class Nor:
    """Counts what the extended block protocol asks for; programs clear bits, erases set a block."""

    def __init__(self, blocks: int) -> None:
        self.blocks = blocks
        self.data = bytearray(b"\xff" * (blocks * _BLOCK))
        self.reset()

    def reset(self) -> None:
        self.erases = self.programmed = self.programs = self.read = 0

    def readblocks(self, n: int, buf: bytearray, offset: int = 0) -> None:
        at = n * _BLOCK + offset
        buf[:] = self.data[at : at + len(buf)]
        self.read += len(buf)

    def writeblocks(self, n: int, buf: bytes, offset: "int | None" = None) -> None:
        if offset is None:
            for i in range(len(buf) // _BLOCK):
                self.ioctl(6, n + i)
            offset = 0
        at = n * _BLOCK + offset
        for i in range(len(buf)):
            self.data[at + i] &= buf[i]
        self.programs += (len(buf) + 255) // 256
        self.programmed += len(buf)

    def ioctl(self, op: int, arg: int) -> int:
        if op == 4:
            return self.blocks
        if op == 5:
            return _BLOCK
        if op == 6:
            self.data[arg * _BLOCK : (arg + 1) * _BLOCK] = b"\xff" * _BLOCK
            self.erases += 1
        return 0


def _measured(what: str, name: str, nor: Nor, steps: int, step: "Callable[[int], object]") -> None:
    nor.reset()
    worst = 0
    for n in range(steps):
        before = nor.erases
        step(n)
        worst = max(worst, nor.erases - before)
    print(what, name, nor.erases / steps, nor.programmed / steps, nor.programs / steps, nor.read / steps, worst)
    gc.collect()


def _mounted(blocks: int) -> Nor:
    nor = Nor(blocks)
    os.VfsLfs2.mkfs(nor, progsize=32)
    os.mount(os.VfsLfs2(nor, progsize=32), "/f")
    return nor


def _record(n: int) -> "dict[str, object]":
    return {"seq": n, "uid": "04A1B2C3D4E5F6", "amount": 125000, "points": 125, "time": 1790000000 + n}


def _json_file() -> None:
    nor = _mounted(256)
    queue = [_record(n) for n in range(_PENDING)]

    def step(n: int) -> None:
        queue.append(_record(n))
        queue.pop(0)
        with open("/f/queue.json", "w") as file:
            json.dump(queue, file)

    _measured("queue", "json-file", nor, 60, step)
    os.umount("/f")


def _appended_file() -> None:
    nor = _mounted(256)
    file = open("/f/queue.log", "ab")  # noqa: SIM115 (kept open: that is what is measured)

    def step(n: int) -> None:
        line = json.dumps(_record(n))
        file.write(line + " " * (95 - len(line)) + "\n")
        file.flush()

    for n in range(_PENDING):
        step(n)
    _measured("queue", "littlefs-append", nor, 200, step)
    file.close()
    os.umount("/f")


def _file_each() -> None:
    nor = _mounted(256)

    def write(n: int) -> None:
        with open("/f/%d" % n, "wb") as file:
            file.write(json.dumps(_record(n)))

    def step(n: int) -> None:
        write(n + _PENDING)
        os.remove("/f/%d" % n)

    for n in range(_PENDING):
        write(n)
    _measured("queue", "file-each", nor, 60, step)
    os.umount("/f")


def _journal() -> None:
    nor = Nor(256)
    kept = Journal(nor, _SEALER, 1)
    kept.open()
    kept.continue_above(0)
    waiting: "list[int]" = []

    def sale() -> None:
        seq = kept.next_seq()
        kept.append(Transaction(seq, ACCRUAL, OFFLINE, _UID, 1, 125000, 125, 1790000000 + seq, 2))
        waiting.append(seq)

    def step(n: int) -> None:
        sale()
        if n % 20 == 19:
            kept.settle_all(waiting[:20])
            del waiting[:20]

    for _ in range(_PENDING):
        sale()
    _measured("queue", "journal", nor, 2000, step)


def _uid_of(n: int) -> bytes:
    return bytes((4, n >> 16 & 255, n >> 8 & 255, n & 255, 7, 7, 7))


def _member(n: int, points: int) -> Member:
    return Member(_uid_of(n), n, "Sara", points, 1790000000)


def _members_json(count: int) -> None:
    nor = _mounted(512)
    everyone = {str(n): ["Sara", n, 1790000000] for n in range(count)}

    def step(n: int) -> None:
        everyone[str(n * 37 % count)][1] = n
        with open("/f/members.json", "w") as file:
            json.dump(everyone, file)

    step(0)
    _measured("members", "json-file", nor, 3, step)
    os.umount("/f")


def _members_records(count: int) -> None:
    nor = _mounted(256)
    with open("/f/members", "wb") as file:
        for _ in range(count):
            file.write(bytes(64))

    def step(n: int) -> None:
        with open("/f/members", "r+b") as file:
            file.seek(n * 1237 % count * 64)
            file.write(bytes((n & 255,)) * 64)

    _measured("members", "record-file", nor, 20, step)
    os.umount("/f")


def _members_cache(name: str, cache: "Any", blocks: int, count: int, updates: int) -> None:
    nor = Nor(blocks)
    kept = cache(nor, _SEALER, 1)
    kept.open()

    def put(n: int, points: int) -> None:
        kept.put(_member(n, points))
        while kept.idle_work():
            pass

    for n in range(count):
        put(n, n)
    _measured("members", name, nor, updates, lambda n: put(n * 1237 % count, n))


if "queue" in sys.argv:
    _json_file()
    _appended_file()
    _file_each()
    _journal()
if "members" in sys.argv:
    _members_json(5000)
    _members_records(5000)
    _members_cache("index", Members, 160, 5000, 2000)
    _members_cache("buckets", Buckets, 64, 2000, 2000)

"""Runs on the device's interpreter: the journal beside what programs commonly do with a queue, on one counting flash.

Prints a line of JSON for each way and each length of the queue. A step is a record of 96 bytes appended durably and one
settled. LittleFS has 1 MB and programs of 32 bytes at least, as on the ESP32. The ways:

* json-file: the whole queue in memory, the file written anew with each record; what is settled leaves with the next.
* littlefs-append: a line, flush; the file stays open. Never settled, which is kinder than a program can be.
* file-each: a file a record, removed when settled.
* page-file: pages of 4096 bytes with 42 records, as a database with a rollback journal writes them: the page as it was
  into a second file, flush, the page in its place, flush, the second file removed. Settled in batches of 20, one such
  transaction for each page they stand in. Kinder than a real database: no page of an index and no counter is written.
  (The interpreter of the bench has no `btree`.)
* journal: ours, its own modules as they are compiled for the device. Settled in batches of 20, then its idle work.
"""

import json
import os
import sys

from firmware.core.types import ACCRUAL, OFFLINE, Transaction
from firmware.store.journal import Journal
from firmware.store.seal import Sealer
from tools.bench.on_device.counting_flash import Nor, heap, measured, tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

_QUEUE = "queue"
_MEGABYTE = 256
_BATCH = 20
_PAGE = 4096
_RECORD = 96
_IN_PAGE = _PAGE // _RECORD
_UID = b"\x04\xa1\xb2\xc3\xd4\xe5\xf6"


def _mounted() -> Nor:
    nor = Nor(_MEGABYTE)
    os.VfsLfs2.mkfs(nor, progsize=32)
    os.mount(os.VfsLfs2(nor, progsize=32), "/f")
    return nor


def _record(n: int) -> "dict[str, object]":
    return {"seq": n, "uid": "04A1B2C3D4E5F6", "amount": 125000, "points": 125, "time": 1790000000 + n}


def _line(n: int) -> bytes:
    line = json.dumps(_record(n))
    return (line + " " * (_RECORD - 1 - len(line)) + "\n").encode()


def json_file(pending: int, steps: int) -> None:
    """All in memory and in one file."""
    nor = _mounted()
    before = heap()
    queue = [_record(n) for n in range(pending)]
    ram = heap() - before

    def step(n: int) -> None:
        queue.append(_record(pending + n))
        queue.pop(0)
        with open("/f/queue.json", "w") as file:
            json.dump(queue, file)

    step(-1)  # the first finds an empty volume
    measured(_QUEUE, "json-file", nor, steps, step, pending=pending, ram=ram)
    os.umount("/f")


def appended_file(pending: int, steps: int) -> None:
    """Lines at the end of a file."""
    nor = _mounted()
    before = heap()
    file = open("/f/queue.log", "ab")  # noqa: SIM115 (kept open: that is what is measured)
    ram = heap() - before
    for n in range(pending):
        file.write(_line(n))
    file.flush()

    def step(n: int) -> None:
        file.write(_line(pending + n))
        file.flush()

    measured(_QUEUE, "littlefs-append", nor, steps, step, pending=pending, ram=ram)
    file.close()
    os.umount("/f")


def file_each(pending: int, steps: int) -> None:
    """A file a record; says where the volume was full."""
    nor = _mounted()

    def write(n: int) -> None:
        with open("/f/%d" % n, "wb") as file:
            file.write(_line(n))

    def step(n: int) -> None:
        write(n + pending)
        os.remove("/f/%d" % n)

    for n in range(pending):
        try:
            write(n)
        except OSError as error:
            tell(_QUEUE, "file-each", pending=pending, full_at=n, error=str(error))
            os.umount("/f")
            return
    measured(_QUEUE, "file-each", nor, steps, step, pending=pending, ram=0)
    os.umount("/f")


class _PageFile:
    """Rows by number, in pages of one file; a page is changed with a copy of it set aside."""

    def __init__(self, file: "IO[bytes]") -> None:
        self._file = file
        self._page = bytearray(_PAGE)

    def fill(self, rows: int) -> None:
        """Many rows at once."""
        for first in range(0, rows, _IN_PAGE):
            for n in range(first, min(first + _IN_PAGE, rows)):
                self._page[n % _IN_PAGE * _RECORD : (n % _IN_PAGE + 1) * _RECORD] = _line(n)
            self._file.write(self._page)
        self._file.flush()

    def append(self, n: int) -> None:
        at = n % _IN_PAGE * _RECORD
        self._change(n // _IN_PAGE, [at], _line(n))

    def clear(self, rows: "list[int]") -> None:
        for page in sorted({n // _IN_PAGE for n in rows}):
            self._change(page, [n % _IN_PAGE * _RECORD for n in rows if n // _IN_PAGE == page], bytes(_RECORD))

    def _change(self, page: int, places: "list[int]", content: bytes) -> None:
        self._file.seek(page * _PAGE)
        had = self._file.readinto(self._page) or 0
        with open("/f/queue.db-journal", "wb") as aside:
            aside.write(page.to_bytes(4, "little"))
            aside.write(self._page)
        if not had:
            self._page[:] = bytes(_PAGE)
        for at in places:
            self._page[at : at + _RECORD] = content
        self._file.seek(page * _PAGE)
        self._file.write(self._page)
        self._file.flush()
        os.remove("/f/queue.db-journal")


def page_file(pending: int, steps: int) -> None:
    """Pages in place, with a rollback journal."""
    nor = _mounted()
    before = heap()
    with open("/f/queue.db", "w+b") as file:
        rows = _PageFile(file)
        ram = heap() - before
        rows.fill(pending)

        def step(n: int) -> None:
            rows.append(pending + n)

        def settle(n: int) -> None:
            if n % _BATCH == _BATCH - 1:
                rows.clear(list(range(n - _BATCH + 1, n + 1)))

        measured(_QUEUE, "page-file", nor, steps, step, settle, pending=pending, ram=ram)
    os.umount("/f")


def journal(pending: int, steps: int) -> None:
    """Ours."""
    nor = Nor(_MEGABYTE)
    sealer = Sealer(bytes(range(16)), b"VAFA0001")
    sector = bytearray(_PAGE)  # the terminal has one for both of its stores
    before = heap()
    kept = Journal(nor, sealer, 1, False, sector)
    kept.open()
    kept.continue_above(0)
    first = kept.next_seq() + 1

    def sale(_n: int) -> None:
        seq = kept.next_seq()
        kept.append(Transaction(seq, ACCRUAL, OFFLINE, _UID, 1, 125000, 125, 1790000000 + seq, 2))

    def settle(n: int) -> None:
        if n % _BATCH == _BATCH - 1:
            oldest = first + n - (_BATCH - 1)
            kept.settle_all(range(oldest, oldest + _BATCH))
            while kept.idle_work():
                pass

    for n in range(pending):
        sale(n)
    ram = heap() - before
    while kept.idle_work():
        pass
    measured(_QUEUE, "journal", nor, steps, sale, settle, pending=pending, ram=ram)
    if kept.pending_count() != pending:
        raise AssertionError("the journal did not settle what it was told to")


def main() -> None:
    """One way and one length of the queue, named by the arguments."""
    way, pending = sys.argv[1], int(sys.argv[2])
    if way == "json-file":
        json_file(pending, {50: 60, 500: 20}.get(pending, 5))
    elif way == "littlefs-append":
        appended_file(pending, 200)
    elif way == "page-file":
        page_file(pending, 60)
    elif way == "file-each":
        file_each(pending, 60)
    else:
        journal(pending, 2000)


if __name__ == "__main__":
    main()

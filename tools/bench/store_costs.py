"""Costs of the store in flash operations and modelled flash time, counted on the flash model; exact and repeatable.

`rows()` gives (key, value, unit, limit, target) for the bench table; `python -m tools.bench.store_costs` prints them.
Time is by page: 0.4 ms for each 256-byte page a program touches, 45 ms an erase. Here the store always has time for
its idle work; tools.bench.store_device measures a day in which it has not.
"""

from __future__ import annotations

from hashlib import sha256

from tools.sim import onhost

onhost.install()

from firmware.core.errors import StoreFull  # noqa: E402
from firmware.core.types import ACCRUAL, APPROVED, OFFLINE, ONLINE, Member, Result, Transaction  # noqa: E402
from firmware.store.buckets import Buckets  # noqa: E402
from firmware.store.journal import Journal  # noqa: E402
from firmware.store.members import Members  # noqa: E402
from firmware.store.seal import Sealer  # noqa: E402
from tools.sim.chips.nor import BLOCK, Nor, NorPartition  # noqa: E402

Row = tuple[str, float, str, float | None, float | None]

_SEALER = Sealer(bytes(range(16)), b"VAFA0001")
_UID = bytes.fromhex("04A1B2C3D4E5F6")
_MEGABYTE = 256
_BATCH = 20
_SALES = 4000
_DAYS = 10
_UPDATES_A_DAY = 500


class _Shop:
    def __init__(self, blocks: int, page_only: bool) -> None:
        self.nor = Nor(blocks * BLOCK)
        self.partition = NorPartition(self.nor, 0, blocks, page_only)
        self.page_only = page_only
        self.open()
        self.journal.continue_above(0)
        self.rest()
        self.append_us: list[int] = []

    def open(self) -> None:
        self.journal = Journal(self.partition, _SEALER, 0x1234, self.page_only)
        self.journal.open()

    def rest(self) -> None:
        while self.journal.idle_work():
            pass

    def sale(self, mode: int) -> int:
        seq = self.journal.next_seq()
        transaction = Transaction(seq, ACCRUAL, mode, _UID, 1, 1_250_000, 1250, 1_790_000_000 + seq, 2, 62190412)
        before = self.nor.busy_us
        self.journal.append(transaction)
        self.append_us.append(self.nor.busy_us - before)
        return seq


def _per_sale(shop: _Shop, mode: int) -> tuple[float, float, float]:
    shop.nor.reset_counters()
    batch = []
    for _ in range(_SALES):
        seq = shop.sale(mode)
        if mode == ONLINE:
            shop.journal.append_result(Result(seq, APPROVED, "00", 1250, 20_000, "F12345"))
        else:
            batch.append(seq)
        if len(batch) == _BATCH:
            shop.journal.settle_all(batch)
            batch = []
        shop.rest()
    nor = shop.nor
    return nor.erases / _SALES, nor.bytes_programmed / _SALES, nor.programs / _SALES


def _journal_rows() -> list[Row]:
    rows: list[Row] = []
    for name, page_only in (("", False), (".pico", True)):
        shop = _Shop(_MEGABYTE, page_only)
        erases, programmed, programs = _per_sale(shop, OFFLINE)
        bytes_target = None if page_only else 67
        rows += [
            (f"store.erases.offline{name}", erases, "per sale", 0.0117, 0.0165),
            (f"store.bytes.offline{name}", programmed, "B per sale", 48, bytes_target),
            (f"store.programs.offline{name}", programs, "per sale", 1, 1.1),
        ]
        if not page_only:
            mean_ms = sum(shop.append_us) / len(shop.append_us) / 1000
            rows += [
                ("store.append_ms", mean_ms, "ms, mean", 0.27, 0.6),
                ("store.append_ms.worst", max(shop.append_us) / 1000, "ms, worst", 0.27, None),
            ]
        erases, programmed, programs = _per_sale(shop, ONLINE)
        rows += [
            (f"store.erases.online{name}", erases, "per sale", 0.0234, 0.033),
            (f"store.bytes.online{name}", programmed, "B per sale", 96, None if page_only else 132),
            (f"store.programs.online{name}", programs, "per sale", 2, 2.2),
        ]
    return rows


def _full_rows() -> list[Row]:
    shop = _Shop(_MEGABYTE, False)
    boot_bytes = 0
    try:
        while True:
            shop.sale(OFFLINE)
            if shop.journal.pending_count() % 4000 == 1:
                boot_bytes = max(boot_bytes, _boot_bytes(shop))
    except StoreFull:
        pass
    boot_bytes = max(boot_bytes, _boot_bytes(shop))
    pending = shop.journal.pending_count()
    return [
        ("store.capacity", pending, "frames in 1 MB", 16384, 15000),
        ("store.boot_bytes", boot_bytes, "B", 4128, 13312),
    ]


def _boot_bytes(shop: _Shop) -> int:
    shop.nor.reset_counters()
    Journal(shop.partition, _SEALER, 0x1234).open()
    return shop.nor.bytes_read


def _uid(n: int) -> bytes:
    return sha256(n.to_bytes(4, "big")).digest()[:7]


class _Cache:
    """5,000 members in 640 KB, idle work after each update."""

    def __init__(self) -> None:
        self.nor = Nor(160 * BLOCK)
        self.members = Members(NorPartition(self.nor, 0, 160), _SEALER, 7)
        self.members.open()
        self._state = 1
        for n in range(5000):
            self._put(n, n)

    def _put(self, n: int, points: int) -> None:
        self.members.put(Member(_uid(n), n, "Sara Ahmadi", points, 1_790_000_000))
        self.rest()

    def rest(self) -> None:
        while self.members.idle_work():
            pass

    def update(self) -> None:
        self._state = self._state * 1_103_515_245 + 12_345 & 0x7FFFFFFF
        self._put((self._state >> 8) % 5000, self._state)

    def start(self) -> int:
        """The power was cut; bytes read until everybody is known again."""
        known = self.members.count()
        self.members = Members(NorPartition(self.nor, 0, 160), _SEALER, 7)
        before = self.nor.bytes_read
        self.members.open()
        while self.members.count() < known:
            if not self.members.idle_work():
                raise RuntimeError("a start lost members")
        read = self.nor.bytes_read - before
        self.rest()
        return read


def _member_rows() -> list[Row]:
    cache = _Cache()
    nor = cache.nor
    updates = 10_000
    nor.reset_counters()
    for _ in range(updates):
        cache.update()
    erases, programmed = nor.erases / updates, nor.bytes_programmed / updates
    nor.reset_counters()
    hits = sum(cache.members.get(_uid(n)) is not None for n in range(5000))
    lookup, reads = nor.bytes_read / hits, nor.reads / hits
    nor.reset_counters()
    starts = []
    for _ in range(_DAYS):
        for _ in range(_UPDATES_A_DAY):
            cache.update()
        starts.append(cache.start())
    return [
        ("members.lookup_bytes", lookup, f"B, {reads:.2f} reads", 64, 90),
        ("members.update_erases", erases, "per update", 0.0156, 0.04),
        ("members.update_bytes", programmed, "B per update", 64, 155),
        ("members.held", hits, "of 5000", 5000, 5000),
        (
            "members.erases_with_checkpoint",
            nor.erases / (_DAYS * _UPDATES_A_DAY),
            "a start every 500",
            0.0156,
            None,
        ),
        ("members.boot_bytes", max(starts), "B until all are known", 24_576, None),
    ]


def _bucket_rows() -> list[Row]:
    """The small board's cache: 2,000 members in 256 KB."""
    nor = Nor(64 * BLOCK)
    members = Buckets(NorPartition(nor, 0, 64), _SEALER, 7)
    members.open()

    inline = 0

    def put(n: int, points: int) -> None:
        nonlocal inline
        erases = nor.erases
        members.put(Member(_uid(n), n, "Sara", points, 1_790_000_000))
        inline += nor.erases - erases
        while members.idle_work():
            pass

    for n in range(2000):
        put(n, n)
    state = 1
    updates = 4_000
    nor.reset_counters()
    inline = 0
    for _ in range(updates):
        state = state * 1_103_515_245 + 12_345 & 0x7FFFFFFF
        put((state >> 8) % 2000, state)
    erases = nor.erases / updates
    nor.reset_counters()
    hits = sum(members.get(_uid(n)) is not None for n in range(2000))
    return [
        ("members.small.lookup_bytes", nor.bytes_read / 2000, f"B, {nor.reads / 2000:.2f} reads", 64, 4300),
        ("members.small.update_erases", erases, "per update", 0.0156, 0.2),
        ("members.small.inline_erases", inline, f"in {updates} updates", 0, 0),
        ("members.small.held", hits, "of 2000", 2000, 1990),
    ]


def rows() -> list[Row]:
    """All rows of the store."""
    return _journal_rows() + _full_rows() + _member_rows() + _bucket_rows()


if __name__ == "__main__":
    for key, value, unit, limit, target in rows():
        print(f"{key:28} {value:12.4f} {unit:22} limit {limit}  target {target}")

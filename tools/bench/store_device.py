"""What the store costs a running terminal, measured on the device's interpreter: a scripted shop day, and the heap.

The day is on_device/shop_day.py, which says what happens in it. Heap is what is held after a collection. Pointers there
have 64 bits; the estimate for a board takes half of what does not grow with the flash: the rest are numbers by sector,
which are as large on a board.
"""

from __future__ import annotations

from tools.bench.store_rivals import measure, on_device

Row = tuple[str, float, str, float | None, float | None]

_BOARDS = {"s3": "", "pico": ".pico"}
_SECTORS = {"": 256, ".pico": 32}


def _day_rows() -> list[Row]:
    """The shop day, on both kinds of flash."""
    rows: list[Row] = []
    for board, name in _BOARDS.items():
        (day,) = on_device("shop_day.py", board)
        sales = f"{day['sales']} sales, {day['hours']:.0f} h"
        rows += [
            (f"store.inline_erases{name}", day["front_erases"], f"{sales}: rushes of 40, 90 offline", 0, 0),
            (f"store.other_erases{name}", day["other_erases"], "same day, in the queue's writes", 0, 0),
            (f"store.idle_erases{name}", day["idle_erases"], "same day, in idle time", None, None),
            (f"store.append_worst_ms{name}", day["worst_append_ms"], "ms, that day's slowest", 0.27, 0.6),
            (f"store.front_worst_ms{name}", day["worst_front_ms"], "ms, any call in a sale", None, None),
            (f"store.rush{name}", day["rush"], "sales without a pause", None, None),
        ]
    return rows


_STATE = 1024 + 256  # one page


def _ram_rows() -> list[Row]:
    """What open stores hold of the device's heap."""
    rows: list[Row] = []
    empty, held = {}, {}
    for sectors in _SECTORS.values():
        for line in on_device("store_ram.py", str(sectors)):
            if not line["pending"]:
                empty[sectors] = line["ram"]
            else:
                held[line["pending"]] = line
    a_sector = (empty[256] - empty[32]) / (256 - 32)
    for name, sectors in _SECTORS.items():
        table = a_sector * sectors
        rows += [
            (f"store.state_ram{name}", empty[sectors], f"B, {sectors} sectors, 64-bit", None, None),
            (f"store.state_ram.32bit{name}", table + (empty[sectors] - table) / 2, "B, estimate", None, _STATE),
        ]
    # The allocator gives 32 bytes at a time: less than a tenth of a byte is nothing.
    between = held[5000]["ram"] - held[500]["ram"]
    rows.append(("store.ram_per_pending", round(between / 4500, 1), "B each, 64-bit, 500 to 5,000", 0, 0))
    for pending, line in held.items():
        rows += [
            (
                f"store.points_bytes.{pending}",
                line["points_read"],
                f"B, a card's points, {pending:,} pending",
                None,
                None,
            ),
            (f"store.points_reads.{pending}", line["points_reads"], "reads", None, None),
        ]
    caches = {cost.name: cost for cost in measure("members")}
    rows.append(("members.ram", caches["index"].ram, "B, the whole cache, 64-bit; its index 24,576", None, None))
    rows.append(("members.small.ram", caches["buckets"].ram, "B, the whole cache, 64-bit", 0, 3072))
    return rows


def rows() -> list[Row]:
    """(key, value, unit, limit, target) each."""
    return _day_rows() + _ram_rows()

"""The heap of a scripted day against each board's Python heap: code resident + buffers + (other 64-bit heap) / 2.

The simulated terminal has 64-bit pointers; lists, dictionaries, instances, tuples and strings take half of that on a
board, buffers and code the same (simulated-terminal measurements: 1.97 to 1.98 and 1.00). The terms:

* peak: what is alive at an idle moment after a collection, at most, less what the machine's overlay took before
  boot.py. What the overlay takes later (open sockets, file handles) is counted as ours.
* code: byte code and characters of strings of all loaded modules, as they lie in the heap (tools.bench.code_heap).
  Loaded is what a terminal with `aes_way` sun has loaded when it sells; what main.py can reach beyond that (for other
  settings, other boards, service) is printed and left out.
* structures: the objects that loading makes around the code: functions, classes, dictionaries, tables of names.
* buffers: arrays above 256 bytes that live as long as the terminal.
* day: the rest; what the program made since: its objects, settings, tasks, main.py, the bundle's reader, the journal's
  marks, open flows. Measured on the S3 and taken for every board; code, structures and buffers are each board's own:
  the Pico W has another member cache.

Other is structures + day. heap.code_resident is the size of the .mpy files of what is loaded at once, as they are;
heap.data_peak is buffers + day / 2, which is there wherever the code lies. Code in ROMFS has a code term of 0 (plain
ESP32) and keeps its structures; heap.frozen.* are the same sums for code frozen into the image, which keeps half of
them. What lives shorter than an idle moment is not in the peak: a board needs room above it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tools.bench import code_heap
from tools.bench.loaded import left_out
from tools.bench.report import WIDTH, Row, row
from tools.sim import onhost
from tools.sim.chips.nor import Nor, NorPartition
from tools.sim.layout import LAYOUTS
from tools.sim.scenario_runner import run_file
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

_KB = 1024
_SECTOR = 4096
DAY = Path(__file__).parent / "day.txt"
# KB of Python heap. S3 without PSRAM: measured by users; ESP32 with Wi-Fi and TLS up: estimated. Pico W: 160 KB is an
# assumption until a board is at hand, less 21 KB in one piece for TLS, which takes from this heap there.
HEAP_KB = {"s3": 93, "pico": 160 - 21, "esp32": 55}
_BOARD_LAYOUT = {"s3": "s3", "pico": "pico", "esp32": "s3"}
_CODE_IN_HEAP = {"s3": True, "pico": True, "esp32": False}


@dataclass(frozen=True)
class Terms:
    """All in bytes. `peak` is the 64-bit heap, of which the others are parts."""

    peak: int
    code: int
    structures: int
    buffers: int

    @property
    def day(self) -> int:
        """What came to the heap after loading, without the buffers."""
        return max(0, self.peak - self.code - self.structures - self.buffers)

    @property
    def data(self) -> int:
        """Bytes on a 32-bit board, whatever the code's place is."""
        return self.buffers + self.day // 2


@dataclass(frozen=True)
class Loaded:
    """What one board has loaded before the day begins; bytes, structures of a 64-bit heap."""

    mpy: int
    code: int
    structures: int
    frozen: int
    buffers: int

    def budget(self, day: int, code_in_heap: bool) -> int:
        """Bytes on a 32-bit board."""
        return (self.code if code_in_heap else 0) + self.buffers + (self.structures + day) // 2

    def frozen_budget(self, day: int) -> int:
        """The same, with the code frozen into the image."""
        return self.buffers + (self.frozen + day) // 2


def load(board: str) -> Loaded:
    """Measured for this board."""
    modules = code_heap.modules(board)
    mpy, code, structures = (
        sum(sizes) for sizes in zip(*((m.mpy, m.code, m.structures) for m in modules), strict=True)
    )
    return Loaded(mpy, code, structures, code_heap.frozen_structures(board), buffer_bytes(board))


def buffer_bytes(board: str) -> int:
    """On this board's partitions."""
    onhost.install()
    from firmware.store.buckets import Buckets
    from firmware.store.members import Members
    from firmware.store.seal import Sealer

    layout = LAYOUTS[board]
    _, size = layout.partitions["members"]
    sealer = Sealer(bytes(range(16)), b"")
    device = NorPartition(Nor(size), 0, size // _SECTOR, layout.page_only)
    if board == "pico":
        small = Buckets(device, sealer, 1, layout.page_only)
        index_bytes = len(small._home) + len(small._taken)
    else:
        index = Members(device, sealer, 1, layout.page_only)._index
        index_bytes = len(index._locations) * 2 + len(index._fingerprints)
    sectors = sum(layout.partitions[name][1] // _SECTOR for name in ("txlog", "members"))
    by_sector = 2 * 4  # bytes: generation and newest SEQ
    screens = 2 * 1024  # what is drawn, what is shown
    return index_bytes + sectors * by_sector + screens + _SECTOR  # one sector, shared by both stores


class _Probed(Stage):
    """A stage that measures the heap at every idle moment."""

    heap_probe = True
    last: _Probed | None = None

    def close(self) -> None:
        type(self).last = self
        super().close()


def measure(loaded: Loaded) -> Terms:
    """Terms of the scripted day on the S3, which has loaded this."""

    def make(start: Start) -> Stage:
        return _Probed(start)

    report = run_file(DAY, make_stage=make)
    if not report["passed"] or _Probed.last is None:
        raise RuntimeError(f"the day did not pass: {report['failures']}")
    peak = _Probed.last.terminal.heap_peak
    return Terms(peak, loaded.code, loaded.structures, loaded.buffers)


def rows() -> Iterator[Row]:
    """One row a board; the terms are printed."""
    boards = {board: load(board) for board in sorted(set(_BOARD_LAYOUT.values()))}
    terms = measure(boards["s3"])
    console = Console(width=WIDTH)
    console.print(
        f"heap of the scripted day, 64-bit: peak {terms.peak:,} = code {terms.code:,} + structures "
        f"{terms.structures:,} + buffers {terms.buffers:,} + day {terms.day:,}"
    )
    for board in boards:
        console.print(f"  {board:6} left out, not loaded while selling: {' '.join(left_out(board))}")
    for board, heap_kb in HEAP_KB.items():
        loaded = boards[_BOARD_LAYOUT[board]]
        code = loaded.code if _CODE_IN_HEAP[board] else 0
        budget = loaded.budget(terms.day, _CODE_IN_HEAP[board])
        console.print(
            f"  {board:6} code {code / _KB:5.1f} + buffers {loaded.buffers / _KB:5.1f} + (structures "
            f"{loaded.structures / _KB:5.1f} + day {terms.day / _KB:5.1f}) / 2 = {budget / _KB:6.1f} KB of {heap_kb} KB"
        )
        yield row(f"heap.budget.{board}", budget / _KB, "KB, aes_way sun", target=heap_kb)
    for board, heap_kb in HEAP_KB.items():
        loaded = boards[_BOARD_LAYOUT[board]]
        budget = loaded.frozen_budget(terms.day)
        console.print(
            f"  {board:6} frozen: buffers {loaded.buffers / _KB:5.1f} + (structures {loaded.frozen / _KB:5.1f} "
            f"+ day {terms.day / _KB:5.1f}) / 2 = {budget / _KB:6.1f} KB of {heap_kb} KB"
        )
        yield row(f"heap.frozen.{board}", budget / _KB, "KB, aes_way sun", target=heap_kb)
    s3 = boards["s3"]
    yield row("heap.code_resident", s3.mpy / _KB, "KB, S3, sun", target=90)
    yield row("heap.code_bytes", s3.code / _KB, "KB, S3, sun")
    yield row("heap.code_structures", s3.structures / 2 / _KB, "KB, S3, sun")
    yield row("heap.data_peak", terms.data / _KB, "KB, S3", target=40)

"""The heap of a scripted day against each board's Python heap: code resident + buffers + (other 64-bit heap) / 2.

The simulated terminal has 64-bit pointers; lists, dictionaries, instances, tuples and strings take half of that on a
board, buffers the same (simulated-terminal measurements: 1.97 to 1.98 and 1.00). Code is counted by the size of the
.mpy files, all of them, as if none were ever dropped. The peak is what is alive at idle moments after a collection,
less what the machine's overlay takes. The plain ESP32 keeps code in ROMFS or frozen: its code term is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from tools.bench.report import Row, row
from tools.sim import image, onhost, scenario
from tools.sim.chips.nor import Nor, NorPartition
from tools.sim.layout import LAYOUTS
from tools.sim.scenario_runner import run_file
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

_KB = 1024
DAY = Path(scenario.__file__).parent / "stories" / "demo.txt"
# KB of Python heap. S3 without PSRAM: measured by users; ESP32 with Wi-Fi and TLS up: estimated. Pico W: 160 KB is an
# assumption until a board is at hand, less 21 KB in one piece for TLS, which takes from this heap there.
HEAP_KB = {"s3": 93, "pico": 160 - 21, "esp32": 55}
_BOARD_LAYOUT = {"s3": "s3", "pico": "pico", "esp32": "s3"}
_CODE_IN_HEAP = {"s3": True, "pico": True, "esp32": False}


@dataclass(frozen=True)
class Terms:
    """All in bytes. `peak` is the 64-bit heap, of which `code` and `buffers` are parts."""

    peak: int
    code: int
    buffers: int

    @property
    def other(self) -> int:
        """Everything that is made of pointers."""
        return max(0, self.peak - self.code - self.buffers)

    def budget(self, code_in_heap: bool, buffers: int) -> int:
        """Bytes on a 32-bit board."""
        return (self.code if code_in_heap else 0) + buffers + self.other // 2


def code_bytes() -> int:
    """All modules of the product, compiled."""
    return sum(len(data) for name, data in image.staged_files(image.REPOSITORY).items() if name.endswith(".mpy"))


def buffer_bytes(board: str) -> int:
    """Buffers above 256 bytes that live as long as the terminal, on this board's partitions."""
    onhost.install()
    from firmware.store.members import Members

    layout = LAYOUTS[board]
    _, size = layout.partitions["members"]
    members = Members(NorPartition(Nor(size), 0, size // 4096, layout.page_only), 1, layout.page_only)
    index = members._index
    index_bytes = len(index._locations) * 2 + len(index._fingerprints)
    screen, sent = 1024, 1025
    sectors = 2 * 4096  # of the journal and of the member cache
    return index_bytes + screen + sent + sectors


class _Probed(Stage):
    """A stage that measures the heap at every idle moment."""

    heap_probe = True
    last: _Probed | None = None

    def close(self) -> None:
        type(self).last = self
        super().close()


def measure() -> Terms:
    """Terms of the scripted day on the S3."""

    def make(start: Start) -> Stage:
        return _Probed(start)

    report = run_file(DAY, make_stage=make)
    if not report["passed"] or _Probed.last is None:
        raise RuntimeError(f"the day did not pass: {report['failures']}")
    return Terms(_Probed.last.terminal.heap_peak, code_bytes(), buffer_bytes("s3"))


def rows() -> Iterator[Row]:
    """One row a board; the terms are printed."""
    terms = measure()
    console = Console(width=150)
    console.print(
        f"heap of the scripted day, 64-bit: peak {terms.peak:,} = code {terms.code:,} + buffers {terms.buffers:,} "
        f"+ other {terms.other:,}"
    )
    for board, heap_kb in HEAP_KB.items():
        buffers = buffer_bytes(_BOARD_LAYOUT[board])
        code = terms.code if _CODE_IN_HEAP[board] else 0
        budget = terms.budget(_CODE_IN_HEAP[board], buffers)
        console.print(
            f"  {board:6} code {code / _KB:6.1f} + buffers {buffers / _KB:5.1f} + other/2 {terms.other / 2 / _KB:5.1f} "
            f"= {budget / _KB:6.1f} KB of {heap_kb} KB"
        )
        yield row(f"heap.budget.{board}", budget / _KB, "KB", target=heap_kb)
    yield row("heap.code_resident", terms.code / _KB, "KB", target=90)
    yield row("heap.data_peak", (buffer_bytes("s3") + terms.other / 2) / _KB, "KB", target=40)

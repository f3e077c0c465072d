"""What a start and a program cost: modelled time on the small board, instructions, bytes of flash.

Instructions are those of the interpreter's 64-bit process from its first to the idle screen of a first start, counted
by Valgrind where there is one: the program's own, the interpreter's, and the overlay's that stand for the board's
drivers in C. They compare two versions of the program; they are no board's.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.bench.report import Row, row
from tools.bench.terminal_costs import boot_ms
from tools.release.program import HEAD
from tools.sim import image
from tools.sim.layout import LAYOUTS
from tools.sim.process import Process
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

_KB = 1024
_TOLD_S = 20.0
_IDLE_MS = 60_000


def rows() -> Iterator[Row]:
    """All of them."""
    yield row("boot.first_ms.pico", boot_ms(None, "pico"), "ms", target=3000)
    for board in LAYOUTS:
        files = image.staged_files(image.REPOSITORY, board)
        yield row(f"program.bundle.{board}", (len(files[image.SLOT]) - HEAD) / _KB, "KB")
        room = LAYOUTS[board].partitions["vfs"][1] // image.BLOCK
        copies = 2 if board == "s3" else 1
        used = sum(-(-len(raw) // image.BLOCK) * (copies if name == image.SLOT else 1) for name, raw in files.items())
        yield row(f"program.left.{board}", (room - used) * image.BLOCK / _KB, "KB", target=40, at_least=True)
        if image.SAFE in files:
            yield row(f"program.safe.{board}", (len(files[image.SAFE]) - HEAD) / _KB, "KB")
    if shutil.which("valgrind"):
        yield row("boot.first_instructions", instructions() / 1e6, "million, 64-bit")


def instructions() -> int:
    """Of a first start up to the idle screen. RuntimeError when they were not told."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        Process.under = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}")
        stage = Stage(Start())
        try:
            stage.set_up()
            stage.net(False)
            stage.power_on()
            if not stage.run_until(lambda: "READY" in stage.screen_lines(), _IDLE_MS):
                raise RuntimeError("the terminal did not get ready")
            pid = stage.terminal.pid
            assert pid is not None
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + _TOLD_S
            while time.monotonic() < end:
                found = re.search(r"Collected : (\d+)", log.read_text() if log.exists() else "")
                if found:
                    return int(found[1])
                time.sleep(0.1)
            raise RuntimeError("the counter told nothing")
        finally:
            Process.under = ()
            stage.close()

"""What an update costs: flash time of 200 KB through the whole terminal, and the check of its two signatures.

Flash time is that of the model (45 ms an erase, 0.4 ms a page) from the first chunk to the begin of the trial, file
system and decision included, scaled to 200 KB. The check is the terminal's own code on the interpreter of this
computer, a bad guide to a board's milliseconds, and as instructions where Valgrind is; 100 million a second is what an
ESP32-S3 is assumed to do, 55 million a Pico W.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.bench.report import Row, row
from tools.firmware.program import numbers
from tools.release.program import HEAD, development_root, program_file
from tools.sim import image
from tools.sim.bundle import bundle
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

_SIZE = 200 * 1024
_LOAD_MS = 600_000
_S3_MILLION_A_MS, _PICO_MILLION_A_MS = 0.100, 0.055
_ROUNDS = 20
_CHECK = """
import sys, time
sys.path.insert(0, {tree!r})
from firmware.service.manifest import opened, root_of
root, head = root_of(open({root!r}, "rb").read()), open({head!r}, "rb").read()
started = time.ticks_us()
for _ in range({rounds}):
    opened(head, root)
print(time.ticks_diff(time.ticks_us(), started))
"""


def rows() -> Iterator[Row]:
    """All of them."""
    yield row("update.200_kb.flash", flash_s(), "s modelled", target=60)
    with tempfile.TemporaryDirectory() as folder:
        yield row("update.signatures", check_us(Path(folder)) / 1000, "ms here")
        if shutil.which("valgrind"):
            million = check_instructions(Path(folder)) / 1e6
            yield row("update.signatures.instructions", million, "million, 64-bit")
            yield row("update.signatures.s3", million / _S3_MILLION_A_MS, "ms estimated", target=2000)
            yield row("update.signatures.pico", million / _PICO_MILLION_A_MS, "ms estimated", target=2000)


def next_program() -> bytes:
    """This tree under the next build."""
    facts = numbers(image.REPOSITORY)
    modules = image.compiled_modules(image.REPOSITORY, "s3")
    modules.pop("drivers/bundlefs.mpy")
    return program_file(
        bundle(modules),
        board="s3",
        version=str(facts["VERSION"]),
        build=int(facts["BUILD"]) + 1,
        epoch=int(facts["EPOCH"]),
        abi=int(facts["ABI"]),
        stage=int(facts["stage"]),
        made_utc=int(facts["BUILT_UTC"]),
    )


def flash_s() -> float:
    """Seconds the flash is busy for 200 KB. RuntimeError when the update did not come through."""
    content = next_program()
    stage = Stage(Start())
    try:
        stage.set_up()
        stage.switch.ledger.publish_program(content, "", stage.now_utc())
        stage.power_on()
        if not stage.run_until(lambda: "ONLINE" in stage.screen_lines(), _LOAD_MS):
            raise RuntimeError("the terminal did not get ready")
        before = stage.terminal.nor.busy_us
        if not stage.run_until(lambda: "its trial begins" in stage.serial(), _LOAD_MS):
            raise RuntimeError("the update did not come through")
        return (stage.terminal.nor.busy_us - before) / 1e6 * _SIZE / len(content)
    finally:
        stage.close()


def _program(folder: Path, rounds: int) -> str:
    root, head = folder / "root", folder / "head"
    root.write_bytes(development_root())
    head.write_bytes(next_program()[:HEAD])
    return _CHECK.format(tree=str(image.REPOSITORY), root=str(root), head=str(head), rounds=rounds)


def check_us(folder: Path) -> float:
    """Both signatures of a head and its manifest, on this computer."""
    command = [sys.executable, "-m", "micropython_unix", "-X", "heapsize=1M", "-c", _program(folder, _ROUNDS)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return int(done.stdout) / _ROUNDS


def check_instructions(folder: Path) -> float:
    """The difference of two runs, so that starting the interpreter does not count."""
    counts = []
    interpreter = str(Path(sys.executable).parent / "micropython")
    for rounds in (1, 3):
        log = folder / "log"
        tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}"]
        command = [*tool, interpreter, "-X", "heapsize=1M", "-c", _program(folder, rounds)]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        found = re.search(r"Collected : (\d+)", log.read_text())
        if not found:
            raise RuntimeError("the counter told nothing")
        counts.append(int(found[1]))
    return (counts[1] - counts[0]) / 2

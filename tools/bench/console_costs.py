"""What a busy serial port costs a sale: taps with a program that asks all the time, beside the same taps in silence.

The program asks as fast as the terminal takes it, and asks what a tool asks of a till that sells; the code for it is
loaded anew for each tap, as after a pause. Time is the modelled time of hardware (tools/bench/terminal_costs.py): flash
that code and journal are read from, buses, air, network. What the processor thinks is not in it: the longest turn of
the console is timed on the device's interpreter beside it, in units of a loop of that interpreter, and given for a
processor that does 700 of them in a millisecond; an ESP32-S3 at 240 MHz is near that [?].
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.bench.report import Row, row
from tools.firmware.build import write
from tools.rpc.client import crc16
from tools.sim import image
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

TARGET_MS = 20
_LIMIT_MS = 10_000
_PHASE_STEP_MS = 17
_EVERY_MS = 50  # 20 requests a second
_PAUSE_MS = 11_000  # after this the console has let go of the code
_ASKED = (
    ("hello", {}), ("queue.count", {}), ("status", {}), ("queue.list", {}), ("log.tail", {"count": 5}),
    ("mem.info", {}), ("clock.get", {}), ("queue.show", {"seq": 1}), ("rights.have", {}),
)  # fmt: skip
_SELF_CONTAINED = ("hello", "queue.count", "status", "log.tail", "clock.get")  # need no store
_HEAP = 1_000_000
_LOOPS_A_MS = 700  # [?]
_PROGRAM = Path(__file__).parent / "on_device" / "console_turns.py"


def request(number: int) -> str:
    """One line of a program that asks all there is, in turn."""
    method, params = _ASKED[number % len(_ASKED)]
    text = json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}, separators=(",", ":"))
    return f"{text}*{crc16(text.encode()):04x}\n"


@dataclass
class Tap:
    """Milliseconds from the card to the first light or sound, and from there to the points on the screen; `answers` is
    what a program got meanwhile."""

    first_ms: float
    rest_ms: float
    answers: int


def tap(stage: Stage, amount: int, phase: int, *, busy: bool) -> Tap:
    """One sale. When the first light comes depends on the reader's poll, so on where in its period the card is laid."""
    for key in f"{amount}000":
        stage.press(key)
    stage.press("OK")
    stage.run(100 + phase * _PHASE_STEP_MS)
    clock, board = stage.terminal.clock, stage.terminal.board
    before = stage.serial().count('"result"'), len(board.buzzer.heard), len(board.leds.seen)
    laid_us, asked = clock.now_us, 0
    stage.lay("bronze-card")
    for ms in range(_LIMIT_MS):
        if busy and ms % _EVERY_MS == 0:
            stage.terminal.serial_type(request(asked))
            asked += 1
        if "EARNED" in stage.screen_lines():
            break
        stage.terminal.run(1)
    else:
        raise RuntimeError(f"never came; the screen shows {stage.screen_lines()}")
    end_us = clock.now_us
    first_us = min(at for at, *_ in board.buzzer.heard[before[1] :] + board.leds.seen[before[2] :])
    stage.remove(None)
    stage.run(600)
    answers = stage.serial().count('"result"') - before[0]
    stage.press("OK")
    stage.run(1000)
    return Tap((first_us - laid_us) / 1000, (end_us - first_us) / 1000, answers)


def taps(phases: int, pause_ms: int = _PAUSE_MS) -> tuple[list[Tap], list[Tap]]:
    """In silence and with a busy program, at each phase of the poll."""
    stage = Stage(Start(settings={"offline_earns_a_day": 0}))
    quiet, busy = [], []
    try:
        stage.open()
        for phase in range(phases):
            quiet.append(tap(stage, 21 + 2 * phase, phase, busy=False))
            stage.run(pause_ms)
            busy.append(tap(stage, 22 + 2 * phase, phase, busy=True))
    finally:
        stage.close()
    return quiet, busy


def turn_loops() -> dict[str, float]:
    """The longest turn of the console by what is asked, code loaded anew, in turns of an empty loop."""
    lines = [request(number) for number in range(len(_ASKED)) if _ASKED[number][0] in _SELF_CONTAINED]
    with TemporaryDirectory() as folder:
        write(Path(folder), image.compiled_modules(image.REPOSITORY))
        done = subprocess.run(
            [str(Path(sys.executable).parent / "micropython"), "-X", f"heapsize={_HEAP}", str(_PROGRAM), folder],
            input=json.dumps(lines), check=True, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
    found = json.loads(done.stdout)
    if found["bad"]:
        raise RuntimeError(f"no answer: {found['bad'][0]}")
    return dict(found["loops"])


def rows() -> Iterator[Row]:
    """The delay of a sale, and the longest turn."""
    quiet, busy = taps(8)
    first = max(one.first_ms for one in busy) - max(one.first_ms for one in quiet)
    rest = max(one.rest_ms for one in busy) - max(one.rest_ms for one in quiet)
    yield row("console.first_sign_delay.ms", first, "ms", limit=TARGET_MS, target=TARGET_MS)
    yield row("console.sale_delay.ms", rest, "ms", limit=TARGET_MS, target=TARGET_MS)
    yield row("console.answers_while_selling", min(one.answers for one in busy), "answers", at_least=True, target=1)
    loops = turn_loops()
    yield row("console.longest_turn.loops", max(loops.values()), "loops")
    yield row(
        "console.longest_turn.estimated_ms", max(loops.values()) / _LOOPS_A_MS, "ms", limit=TARGET_MS, target=TARGET_MS
    )

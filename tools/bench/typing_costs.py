"""An amount typed as fast as a hand can, on the simulated terminal: is every key taken, and when does the figure stand?

A hand that rolls over: the next finger comes down before the last one is up. Four moments: nothing else is to be done,
a receipt is printed, the journal is tidied (an erase holds everything for 45 ms), a file is downloaded. The last two
wait for a quiet counter, so the hand begins on the idle screen, just when they work. Modelled time: what the processor
thinks is not in it. Milliseconds.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tools.bench.report import Row, row
from tools.sim import sweep_scenes
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

# Eight keys in some 0.6 s. A key held for 80 ms is seen whatever the flash does: an erase of 45 ms that began just
# before a scan, then two scans 15 ms apart.
APART_MS, HELD_MS = (60, 90), (80, 110)
DIGITS = 8
_FROM_THE_END = "87654321"  # each stands before the one typed earlier, where a scan of the matrix finds it first
LEADS_MS = (5, 40, 46, 52, 58)  # so long before the end of the first work the first key comes down
_SAME_KEY_APART_MS = 80  # a finger that comes down on the same key again was up so long
_SEEN_WITHIN_MS = 1_500
_WORK_WITHIN_MS = 60_000
_STEP_MS = 10_000


Pick = Callable[[tuple[int, int]], int]  # one of a span, in milliseconds


@dataclass
class Typed:
    """What came of the amounts of one moment."""

    keys: int = 0
    lost: int = 0
    shown_ms: list[float] = field(default_factory=list)  # last key down to the figure on the glass
    work: int = 0  # what else was done meanwhile: rows of paper, operations of the flash


def _strokes(keys: str, pick: Pick) -> list[tuple[int, bool, str]]:
    """(moment, down, key) of a rolling hand."""
    moves: list[tuple[int, bool, str]] = []
    at, free = 0, dict.fromkeys(keys, 0)
    for key in keys:
        at = max(at, free[key])
        up = at + pick(HELD_MS)
        moves += [(at, True, key), (up, False, key)]
        free[key] = up + _SAME_KEY_APART_MS
        at += pick(APART_MS)
    return sorted(moves)


def _amount(stage: Stage, digits: str, pick: Pick, typed: Typed, work: Callable[[], int], in_ms: int = 0) -> None:
    """Type an amount `in_ms` from now and wait until it stands there. Fingers move while an erase holds all else."""
    terminal, figure, before = stage.terminal, f"{int(digits):,}", work()
    began_us, last_us = terminal.clock.now_us + in_ms * 1000, 0
    for moment, down, key in _strokes(digits, pick):
        if down:
            last_us = began_us + moment * 1000
        act = terminal.key_down if down else terminal.key_up
        terminal.clock.at(began_us + moment * 1000, functools.partial(act, key))
    terminal.run((last_us - terminal.clock.now_us) // 1000)
    typed.keys += DIGITS
    for _ in range(_SEEN_WITHIN_MS):
        if any(figure in line for line in stage.screen_lines()):
            typed.shown_ms.append((terminal.clock.now_us - last_us) / 1000)
            break
        terminal.run(1)
    else:
        shown = max(sum(letter.isdigit() for letter in line) for line in [*stage.screen_lines()[1:3], ""])
        typed.lost += max(1, DIGITS - shown)  # or another figure, of as many
    typed.work += work() - before
    stage.run(150)


class _Hand:
    """A quick one, never quite even."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def digits(self) -> str:
        return self._random.choice("123456789") + "".join(self._random.choices("0123456789", k=DIGITS - 1))

    def pick(self, span: tuple[int, int]) -> int:
        return self._random.randint(*span)


def _stage() -> Stage:
    return Stage(Start(settings={"language": "en"}))


def _until(stage: Stage, holds: Callable[[], bool], within_ms: int = _STEP_MS) -> None:
    if not stage.run_until(holds, within_ms):
        raise RuntimeError(f"never came; the screen shows {stage.screen_lines()}")


def quiet(count: int) -> Typed:
    """One amount after the other."""
    stage, hand, typed = _stage(), _Hand(1), Typed()
    try:
        stage.open()
        for _ in range(count):
            _amount(stage, hand.digits(), hand.pick, typed, lambda: 0)
            stage.press("CANCEL")
            stage.run(100)
    finally:
        stage.close()
    return typed


def printing(count: int) -> Typed:
    """The next customer's amount while the receipt of the one before is printed."""
    stage, hand, typed = _stage(), _Hand(2), Typed()
    try:
        stage.open()
        stage.printer("slow")
        for sale in range(count):
            for key in (*f"{21 + sale}000", "OK"):
                stage.press(key)
            stage.lay("bronze-card")
            _until(stage, lambda: "EARNED" in stage.screen_lines())
            stage.remove(None)
            _amount(stage, hand.digits(), hand.pick, typed, lambda: len(stage.terminal.board.printer.lines))
            stage.press("CANCEL")
            stage.run(3_000)
    finally:
        stage.close()
    return typed


def _tidies(stage: Stage) -> None:
    """Shortly before the journal is tidied: some seconds after a start."""
    stage.flash = sweep_scenes.used_flash("s3")
    stage.open()


def _loads(stage: Stage) -> None:
    """Shortly before a hotlist comes: the line is there again."""
    stage.open()
    stage.publish("hotlist", {})
    stage.net(False)
    stage.run(3_000)
    stage.net(True)


def _flash_works(prepare: Callable[[Stage], None], leads_ms: tuple[int, ...], erase: bool) -> Typed:
    """When the flash works is the same in every run: one run finds the moment, the others type at it, as
    fast as a hand can."""
    typed = Typed()

    def run(lead_ms: int | None, after_ms: int) -> int:
        stage = _stage()
        try:
            prepare(stage)
            nor = stage.terminal.nor

            def work() -> int:
                return nor.erases if erase else nor.programs

            began_us, before = stage.terminal.clock.now_us, work()
            if lead_ms is None:
                _until(stage, lambda: work() > before, _WORK_WITHIN_MS)
                return (stage.terminal.clock.now_us - began_us) // 1000
            _amount(stage, _FROM_THE_END, min, typed, work, after_ms - lead_ms)
            return 0
        finally:
            stage.close()

    after_ms = run(None, 0)
    for lead_ms in leads_ms:
        run(lead_ms, after_ms)
    return typed


def tidying(leads_ms: tuple[int, ...] = LEADS_MS) -> Typed:
    """While housekeeping erases."""
    return _flash_works(_tidies, leads_ms, erase=True)


def loading(leads_ms: tuple[int, ...] = LEADS_MS) -> Typed:
    """While a file is downloaded and written."""
    return _flash_works(_loads, leads_ms, erase=False)


def rows() -> Iterator[Row]:
    """Keys lost, and the longest wait for the figure, at each moment."""
    for name, typed in (
        ("quiet", quiet(12)),
        ("printing", printing(6)),
        ("tidying", tidying()),
        ("loading", loading()),
    ):
        yield row(f"typing.{name}.lost", typed.lost / typed.keys, "ratio", limit=0, target=0)
        yield row(f"typing.{name}.shown_ms", max(typed.shown_ms, default=_SEEN_WITHIN_MS), "ms", target=200)

"""Whole taps on the simulated terminal: modelled milliseconds, bus transactions, flash work, boot time.

Time runs from the card's coming into the field to the screen (or the first light or sound). It is the modelled time of
hardware: buses, air, flash, network; what the processor thinks is not modelled, so neither is the time in which it
shapes and draws letters: of Persian these rows hold the display's bus and the reads of its tables, and drawing itself
is timed beside them (tools/bench/typeface.py). The worst over all phases of the poll period is what counts: each tap
comes a little later in it than the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from firmware.text.catalogue import Catalogue, load
from tools.bench.report import Row, row
from tools.sim import sweep_scenes
from tools.sim.scenario_stage import Stage
from tools.sim.scenario_start import Start

_LIMIT_MS = 10_000
_PHASES = 8
_PHASE_STEP_MS = 17  # no divisor of the poll period, so that the taps spread over it


@dataclass
class Tap:
    """One tap from the field to the end; `feedback_ms` is the first light or sound."""

    feedback_ms: float
    screen_ms: float
    transactions: int
    programs: int
    bytes: int
    erases: int


def _until(stage: Stage, holds: Callable[[], bool]) -> None:
    """Look every simulated millisecond: so fine is a figure, and it is the same in every run."""
    for _ in range(_LIMIT_MS):
        if holds():
            return
        stage.terminal.run(1)
    raise RuntimeError(f"never came; the screen shows {stage.screen_lines()}")


def _tap(stage: Stage, card: str, word: str) -> Tap:
    board, nor, clock = stage.terminal.board, stage.terminal.nor, stage.terminal.clock
    heard, seen = len(board.buzzer.heard), len(board.leds.seen)
    before = board.cs_assertions, nor.programs, nor.bytes_programmed, nor.erases
    laid_us = clock.now_us
    stage.lay(card)
    _until(stage, lambda: any(word in line for line in stage.screen_lines()))
    screen_us = clock.now_us
    first_us = min([at for at, *_ in board.buzzer.heard[heard:]] + [at for at, *_ in board.leds.seen[seen:]])
    after = board.cs_assertions, nor.programs, nor.bytes_programmed, nor.erases
    return Tap(
        (first_us - laid_us) / 1000, (screen_us - laid_us) / 1000, *(b - a for a, b in zip(before, after, strict=True))
    )


def _back_to_idle(stage: Stage, text: Catalogue) -> int:
    """The keys it took."""
    stage.remove(None)
    stage.run(600)
    stage.press("OK")
    _until(stage, lambda: text.get("big_ready") in stage.screen_lines())
    stage.run(400)
    return 1


def _sales(stage: Stage, text: Catalogue, name: str) -> tuple[list[Tap], int]:
    """The taps, and how many keys besides digits the longest sale took."""
    taps: list[Tap] = []
    most = 0
    for phase in range(_PHASES):
        for key in f"{21 + phase}000":  # another amount each time: the same one again would be asked about
            stage.press(key)
        stage.press("OK")
        stage.run(100 + phase * _PHASE_STEP_MS)
        taps.append(_tap(stage, "bronze-card", text.get(name)))
        most = max(most, 1 + _back_to_idle(stage, text))
    return taps, most


def _balances(stage: Stage, text: Catalogue) -> list[Tap]:
    taps: list[Tap] = []
    for phase in range(_PHASES):
        stage.run(100 + phase * _PHASE_STEP_MS)
        taps.append(_tap(stage, "bronze-card", text.get("estimated", "").strip()))  # what the cache answers
        _back_to_idle(stage, text)
    return taps


def boot_ms(flash: bytes | None, board: str = "s3") -> float:
    """From power-on to the idle screen."""
    stage = Stage(Start(board=board))
    stage.flash = flash
    try:
        stage.set_up()
        stage.net(False)
        started_us = stage.terminal.clock.now_us
        stage.power_on()
        _until(stage, lambda: "READY" in stage.screen_lines())
        return (stage.terminal.clock.now_us - started_us) / 1000
    finally:
        stage.close()


def _worst(key: str, taps: list[Tap]) -> Iterator[Row]:
    yield row(f"{key}.ms", max(tap.screen_ms for tap in taps), "ms")
    yield row(f"{key}.spi", max(tap.transactions for tap in taps), "transactions")
    yield row(f"{key}.flash_programs", max(tap.programs for tap in taps), "programs")
    yield row(f"{key}.flash_bytes", max(tap.bytes for tap in taps), "bytes")
    yield row(f"{key}.flash_erases", max(tap.erases for tap in taps), "erases", limit=0, target=0)


class _Taps(NamedTuple):
    """All the taps of one language."""

    online: list[Tap]
    offline: list[Tap]
    cached: list[Tap]
    presses: int


def _played(language: str) -> _Taps:
    text = load(language)
    # One card is laid on at every phase of the poll.
    stage = Stage(Start(settings={"offline_earns_a_day": 0, "language": language}))
    try:
        stage.open()
        online, presses = _sales(stage, text, "big_earned")
        # Let the cache learn of the member, then pull the network and let the terminal notice by an unanswered sale.
        stage.net(False)
        for key in ("9", "9", "000", "OK"):
            stage.press(key)
        stage.lay("silver-card")
        if not stage.run_until(lambda: text.get("big_saved") in stage.screen_lines(), 30_000):
            raise RuntimeError("the offline sale never came")
        _back_to_idle(stage, text)
        offline, presses_offline = _sales(stage, text, "big_saved")
        return _Taps(online, offline, _balances(stage, text), max(presses, presses_offline))
    finally:
        stage.close()


def rows() -> Iterator[Row]:
    """All rows of whole taps, and the boot."""
    for language in ("en", "fa"):
        taps, suffix = _played(language), "" if language == "en" else f".{language}"
        if not suffix:
            yield from _worst("accrual.online", taps.online)
            yield from _worst("accrual.offline", taps.offline)
            yield row("sale.keys_besides_digits", taps.presses, "keys", target=4)
        habit = "EMV contactless habit"
        for name, worst, target in (
            ("first_feedback", max(tap.feedback_ms for part in taps[:3] for tap in part), 100),
            ("cached_answer", max(tap.screen_ms for tap in taps.cached), 200),
            ("offline_approval", max(tap.screen_ms for tap in taps.offline), 300),
        ):
            yield row(f"tap.{name}_ms{suffix}", worst, "ms", target=target, peer=habit, peer_value=500)
    yield row("boot.first_ms", boot_ms(None), "ms", target=3000)
    yield row("boot.again_ms", boot_ms(sweep_scenes.used_flash("s3")), "ms", target=3000)

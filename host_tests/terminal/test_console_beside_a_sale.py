"""A program that asks all the time gets its answers and costs a sale no more than 20 ms of modelled time."""

from __future__ import annotations

from tools.bench.console_costs import TARGET_MS, taps


def test_a_busy_program_gets_answers_and_delays_no_sale() -> None:
    quiet, busy = taps(2, pause_ms=0)
    assert min(one.answers for one in busy) >= 2, "the console answers while a sale is running"
    assert max(one.rest_ms for one in busy) - min(one.rest_ms for one in quiet) <= TARGET_MS

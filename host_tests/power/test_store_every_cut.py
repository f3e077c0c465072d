"""The power fails in every flash operation of scripted runs, in every torn form, and again in every recovery."""

from __future__ import annotations

import pytest

from firmware.core.types import REDEMPTION, REFUSED
from host_tests.power.ledger import Ledger, RecordingNor, check_every_cut, open_journal


def day(sectors: int, page_only: bool, prefill: int) -> tuple[RecordingNor, Ledger]:
    """A journal in use, `prefill` settled sales old, with housekeeping done."""
    nor = RecordingNor(sectors * 4096)
    ledger = Ledger(open_journal(nor, page_only))
    ledger.sign_on(40)
    for _ in range(prefill):
        ledger.settle(ledger.offline_sale())
    ledger.idle()
    return nor, ledger


def every_kind_of_step(ledger: Ledger) -> None:
    first = ledger.offline_sale(0)
    ledger.offline_sale(1)
    online = ledger.online_intent(2)
    ledger.answer(online)
    lost = ledger.online_intent(2, REDEMPTION)
    undone = ledger.reverse(lost)
    ledger.settle(undone)
    ledger.bury(first)
    refused = ledger.online_intent(3)
    ledger.answer(refused, REFUSED)
    taken_back = ledger.offline_sale(1)
    ledger.offline_sale(2)
    ledger.void(taken_back)
    ledger.void(ledger.offline_sale(2))
    batch = [ledger.offline_sale(n % 4) for n in range(3)]
    ledger.settle(*batch)
    ledger.settle(first)
    given_up = ledger.offline_sale(3)
    ledger.bury(given_up)
    ledger.give_up(given_up)
    ledger.offline_sale(3)


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
def test_every_kind_of_step(page_only: bool) -> None:
    nor, ledger = day(4, page_only, 2)
    nor.ledger = ledger
    every_kind_of_step(ledger)
    assert check_every_cut(nor, page_only) > 60


def test_first_start_and_first_sign_on() -> None:
    nor = RecordingNor(4 * 4096)
    blank = Ledger.__new__(Ledger)
    Ledger.__init__(blank, None)  # type: ignore[arg-type]
    nor.ledger = blank
    blank.journal = open_journal(nor, False)
    blank.sign_on(0)
    blank.offline_sale()
    assert check_every_cut(nor, False) > 8


@pytest.mark.parametrize("page_only", [False, True], ids=["any-length", "whole-pages"])
def test_sector_change_with_an_inline_erase(page_only: bool) -> None:
    nor, ledger = day(4, page_only, 39)
    while ledger.journal._ring.room() > 200:
        ledger.offline_sale(1)
    nor.ledger = ledger
    every_kind_of_step(ledger)
    ledger.idle()
    assert any(moment.op[0] == "erase" for moment in nor.moments)
    assert check_every_cut(nor, page_only) > 60


def test_ring_wraps_and_carries_a_dead_letter_along() -> None:
    nor, ledger = day(4, False, 1)
    dead = ledger.offline_sale(2)
    ledger.bury(dead)
    while ledger.journal._ring.generation < 3 or ledger.journal._ring.room() > 100:
        ledger.settle(ledger.offline_sale())
    nor.ledger = ledger
    for _ in range(4):
        ledger.settle(ledger.offline_sale())
        ledger.idle()
    nor.ledger = None
    moved = ledger.journal._dead[dead] // 64
    assert moved >= 3, "the dead letter was not moved out of the oldest sector"
    assert check_every_cut(nor, False) > 30

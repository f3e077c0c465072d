"""No text is wider than the panel or falls off its end, in any state, with the largest numbers there are."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    AUTH_LEGACY,
    CLOCK_OK,
    DEAD,
    OFFLINE,
    ONLINE,
    OPEN,
    REDEMPTION,
    REFUSED,
    REVERSED,
    VOIDED,
    JournalEntry,
    Member,
    Result,
    Transaction,
)
from firmware.loyalty.outcome import Balance, outcome_of
from firmware.screen import outcomes, screens
from firmware.screen.lines import BIG, HINT, TITLE, WRAP, ends, fitting, pair
from firmware.screen.lines import TEXT as ROW
from firmware.text import catalogue
from host_tests.unit import catalogue_kit
from host_tests.unit.refusal_kit import HOST_REFUSALS
from host_tests.unit.screen_kit import assert_fits, rows_of

TEXT = catalogue.load("en")
TEXTS, ERRORS = catalogue_kit.texts(), catalogue_kit.errors()
NUMBERS = [0, 7, 999, 12_450, 1_000_000, 2_147_483_647, 999_999_999_999]
AGES = [0, 59, 60, 3599, 86_399, 10 * 86_400, 10**9]


@pytest.mark.parametrize("value", NUMBERS)
def test_questions_fit_with_any_number(value: int) -> None:
    for note in ("", *(what for what, _ in ERRORS.values())):
        assert_fits(screens.amount(TEXT, str(value), note))
        assert_fits(screens.points(TEXT, value, value, value, note))
        assert_fits(screens.menu(TEXT, [TEXT.get("menu_reprint"), TEXT.get("menu_send"), TEXT.get("menu_info")], note))
    for code in ("", *ERRORS):
        lines = screens.card(TEXT, TEXT.get("title_redeem"), value, code)
        assert_fits(lines, pages=1 if code[:1] in "CR" else 2)
        if code and code[0] in "CR":
            assert f"{ERRORS[code][0]} {ERRORS[code][1]} " in " ".join(rows_of(lines))
    assert_fits(screens.waiting(TEXT, TEXT.get("title_redeem"), value))
    assert_fits(screens.confirm(TEXT, value, value))
    assert_fits(screens.again(TEXT, value))


@pytest.mark.parametrize("code", ERRORS)
def test_errors_fit_and_say_what_next_and_the_code(code: str) -> None:
    lines = screens.error(TEXT, code)
    assert_fits(lines)
    what, next_step = ERRORS[code]
    shown = rows_of(lines)
    assert what in shown
    assert " ".join(shown[2:-1]) == next_step
    assert shown[-1].endswith(code)


def test_every_short_text_has_its_size() -> None:
    for name, text in TEXTS.items():
        limit = 8 if name.startswith("big_") else 32 if name.startswith("r_") else 16
        assert len(text) <= limit, name


@pytest.mark.parametrize(("count", "age"), list(itertools.product([0, 1, 500, 15_000], AGES)))
def test_the_idle_screen_fits(count: int, age: int) -> None:
    for online, dead, name in itertools.product((True, False), (0, 9999), ("", "A shop with a long name")):
        for time in (None, (14, 5)):
            assert_fits(screens.idle(TEXT, screens.Status(online, count, age, dead, time, name)))
            assert_fits(screens.idle(TEXT, screens.Status(online, count, age, dead, time, name, "", 100, True)))
    assert_fits(screens.info(TEXT, "T0000001", screens.Status(True, count, age, 99, None, "")))


def test_every_outcome_fits_and_has_a_reference() -> None:
    results = [None] + [Result(7, APPROVED, "00", n, b, "") for n in NUMBERS[:6] for b in (None, -n, n)]
    results += [Result(7, REFUSED, code[1:], 0, b, "") for code in HOST_REFUSALS for b in (None, 10**11)]
    states = (OPEN, APPROVED, REFUSED, REVERSED, DEAD, VOIDED)
    for mode, state, result, verb in itertools.product((ONLINE, OFFLINE), states, results, (ACCRUAL, REDEMPTION)):
        for points, age in ((0, 0), (2_147_483_647, 10**8)):
            t = Transaction(7, verb, mode, b"\x01\x02\x03\x04", AUTH_LEGACY, 10**11, points, 0, CLOCK_OK)
            member = Member(t.uid, 1, "", 10**11, 0)
            told = outcome_of(JournalEntry(t, state, result), member, points, age, 10**8)
            lines = outcomes.outcome(TEXT, told)
            assert_fits(lines)
            assert lines[0][0] == BIG
            assert any(told.rrn in text for _, text in lines)
            assert lines[-1][0] == HINT
            again = outcomes.recall(TEXT, told)
            assert_fits(again)
            assert again[0][0] == TITLE
            assert any("0304" in text for _, text in again)
            assert any(told.rrn in text for _, text in again)


@pytest.mark.parametrize(("points", "age"), list(itertools.product([*NUMBERS, -NUMBERS[-1]], AGES)))
def test_a_balance_fits_and_is_confirmed_or_estimated(points: int, age: int) -> None:
    for confirmed in (True, False):
        lines = outcomes.balance(TEXT, Balance(points, confirmed, age))
        assert_fits(lines)
        assert any(text.startswith("estimated") for _, text in lines) is not confirmed


@given(st.text("abc ", max_size=60))
def test_wrapping_loses_no_letter(text: str) -> None:
    assert "".join(rows_of([(WRAP, text)])).replace(" ", "") == "".join(text.split())


@given(st.text("x", max_size=20), st.text("9", max_size=16))
def test_a_value_is_never_cut_for_its_label(label: str, value: str) -> None:
    (shown,) = rows_of([(ROW, pair(label, value))]) or [""]
    assert shown.endswith(value)
    assert len(shown) == 16 or not value


@given(st.text("x", max_size=40), st.text("9", min_size=1, max_size=16))
def test_a_name_is_cut_for_what_stands_beside_it(name: str, value: str) -> None:
    (shown,) = rows_of([(ROW, ends(name, value))])
    assert shown.endswith(value)
    assert len(shown) == 16
    assert shown.startswith(name[: max(0, 15 - len(value))])


def test_the_fullest_wording_that_fits_is_taken() -> None:
    assert rows_of([(ROW, fitting(["x" * 17, "y" * 16, "z"]))]) == ["y" * 16]
    assert rows_of([(ROW, fitting(["x" * 18, "y" * 17]))]) == ["y" * 16]
    assert rows_of([(ROW, pair("label", fitting(["9" * 14, "8" * 10])))]) == ["label 8888888888"]


@pytest.mark.parametrize(
    ("value", "said"),
    [(999_999_999, "999,999,999 rial"), (1_000_000_000, "1,000,000,000 R"), (10**12 - 1, "999999999999 R")],
)
def test_money_never_stands_without_its_unit(value: int, said: str) -> None:
    assert rows_of([(ROW, screens.money(catalogue.load("en"), value))]) == [said]

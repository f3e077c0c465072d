"""What is keyed is what is booked and shown, in every unit; a toman is ten rial, and nothing is ever rounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.core.errors import SettingsError
from firmware.text import catalogue, money
from firmware.text.money import RIAL, TOMAN, Change, Money

AMOUNTS = st.integers(1, 10**12 - 1)
DAY = 20_899  # 2027-03-22
NEW = Change(999, 2, 10_000, DAY)


def text_of(held: Money) -> catalogue.Catalogue:
    text = catalogue.load("en")
    text.money = held
    return text


def new_money(whole: bool = False) -> Money:
    held = Money(change=NEW, whole=whole)
    assert held.look(DAY)
    return held


def shown(text: catalogue.Catalogue, amount: int, new: bool | None = None) -> str:
    """As paper says it."""
    return " ".join(money.parts(text, amount, new))


def in_rial(said: str) -> int:
    """What a person reads, in rial of before the change; written from the law, not from the code."""
    number, word = said.split(" ", 1)
    whole, _, parts = number.replace(",", "").partition(".")
    worth = {"rial": 1, "R": 1, "toman": 10, "T": 10, "new rial": 10_000, "NR": 10_000, "old rial": 1, "OR": 1}[word]
    value = int(whole) * worth
    if parts:
        assert int(parts) * worth % 10 ** len(parts) == 0
        value += int(parts) * worth // 10 ** len(parts)
    return value


@given(st.integers(1, 10**11).map(str))
def test_keyed_is_what_is_shown_in_either_unit(typed):
    for unit, worth in ((RIAL, 1), (TOMAN, 10)):
        text = text_of(Money(unit))
        amount = text.money.now.keyed(typed)
        assert amount == int(typed) * worth
        for said in money.wordings(text, amount):
            assert in_rial(said) == amount
            assert said.split()[0].replace(",", "") == typed
        for said in money.other(text, amount):
            assert in_rial(said) == amount


@given(AMOUNTS)
def test_no_amount_is_ever_shown_as_another(amount):
    for unit in (RIAL, TOMAN):
        text = text_of(Money(unit))
        for said in [*money.wordings(text, amount), *money.other(text, amount)]:
            assert in_rial(said) == amount
    text = text_of(new_money())
    for said in [*money.wordings(text, amount), *money.other(text, amount)]:
        assert in_rial(said) == amount * 100  # a qeran is a hundred rial


def test_what_is_no_whole_toman_is_shown_in_rial():
    text = text_of(Money(TOMAN))
    assert shown(text, 125_000) == "12,500 toman"
    assert shown(text, 125_005) == "125,005 rial"
    assert money.other(text, 125_000) == ["125,000 rial", "125,000 R", "125000 R"]
    assert money.other(text, 125_005)[0] == "12,500.5 toman"


@given(st.lists(AMOUNTS, max_size=20), st.booleans())
def test_what_is_printed_adds_up_to_what_is_booked(amounts, toman):
    text = text_of(Money(TOMAN if toman else RIAL))
    assert sum(in_rial(shown(text, one)) for one in amounts) == sum(amounts)


def test_new_money_has_its_decimals_always_and_the_old_rial_beside_it():
    text = text_of(new_money())
    assert shown(text, 123_450) == "1,234.50 new rial"
    assert shown(text, 100) == "1.00 new rial"
    assert shown(text, 5) == "0.05 new rial"
    assert shown(text, -5) == "-0.05 new rial"
    assert money.other(text, 1250) == ["125,000 old rial", "125,000 OR", "125000 OR"]
    assert shown(text, 125_000, new=False) == "125,000 rial"  # a record of before keeps its own


@pytest.mark.parametrize(("whole", "typed", "amount"), [(False, "1250", 1250), (True, "12", 1200), (True, "000", 0)])
def test_new_money_is_keyed_in_qeran_or_whole(whole, typed, amount):
    assert new_money(whole).now.keyed(typed) == amount


def test_the_currency_changes_on_its_day_and_not_before():
    held = Money(change=NEW)
    assert not held.look(DAY - 1)
    assert (held.now.code, held.limit(1_000_000)) == (364, 1_000_000)
    assert held.look(DAY)
    assert not held.look(DAY + 1000)
    assert (held.now.code, held.limit(1_000_000)) == (999, 10_000)
    assert (held.of(False).code, held.in_old(10_000, True), held.in_old(10_000, False)) == (364, 1_000_000, 10_000)


SETTINGS = {
    "currency": 364, "currency_exponent": 0, "money_unit": "rial", "money_whole": False,
    "new_currency": 0, "new_exponent": 2, "new_divisor": 10_000, "new_from": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"new_currency": 999}, "new_from"),
        ({"new_from": "2027-03-21"}, "new_currency"),
        ({"new_currency": 364, "new_from": "2027-03-21"}, "new_currency"),
        ({"new_currency": 999, "new_from": "2027-02-29"}, "new_from"),
        ({"new_currency": 999, "new_from": "2027-3-21x"}, "new_from"),
        ({"new_currency": 999, "new_from": "1406/01/01"}, "new_from"),
        ({"new_currency": 999, "new_from": "2027-03-21", "new_divisor": 1001}, "new_divisor"),
        ({"money_unit": "toman", "currency_exponent": 2}, "money_unit"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_by_name(changes, names):
    with pytest.raises(SettingsError, match=names):
        money.of_settings({**SETTINGS, **changes})


def test_settings_make_the_money_of_both_times():
    held = money.of_settings({**SETTINGS, "money_unit": "toman", "new_currency": 999, "new_from": "2027-03-22"})
    assert (held.now.keyed("12500"), held.worth, held.change.day) == (125_000, 100, DAY)
    held.look(DAY)
    assert (held.now.keyed("1250"), held.in_old(1250, True)) == (1250, 125_000)


def test_who_is_told_hears_of_each_change_once():
    heard = []
    held = Money(change=NEW)
    held.told.append(lambda code, worth: heard.append((code, worth)))
    for day in (DAY - 1, DAY, DAY + 1, DAY - 1):
        held.look(day)
    assert heard == [(999, 100), (364, 1)]


def test_without_a_change_every_day_and_record_is_of_the_one_currency():
    held = Money()
    assert not held.look(10**6)
    assert held.of(True) is held.of(False) is held.now


def test_the_longest_amounts_have_a_wording_for_a_row_of_the_screen():
    for held in (Money(), Money(TOMAN), new_money(), new_money(whole=True)):
        for amount in (10**12 - 1, 999_999_999_990, 10**11, 1):
            assert min(len(said) for said in money.wordings(text_of(held), amount)) <= 16

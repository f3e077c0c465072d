"""Offers in integers: what is paid is never a rial more than promised, and bytes that make no sense are no offer."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.core import luhn
from firmware.core.errors import StoreError
from firmware.core.types import APPROVED, Result
from firmware.loyalty import offers
from firmware.loyalty.offers import BONUS, COURTESY, MONEY, PERCENT, WIN_BACK, Offer
from firmware.store import records

PRICES = st.integers(0, 10**12 - 1)


def wire(number=7, kind=PERCENT, value=15, expiry="261231", minimum=0, category=0, count=0, text="tea"):
    head = number.to_bytes(2, "big") + bytes([kind]) + value.to_bytes(4, "big") + bytes.fromhex(expiry)
    return head + minimum.to_bytes(5, "big") + bytes([category, count]) + text.encode()


@given(PRICES, st.sampled_from([PERCENT, WIN_BACK]), st.integers(1, 100))
def test_per_cent_off_never_charges_more_than_promised_nor_gives_a_rial_too_much(price, kind, value):
    paid = Offer(1, kind, value).payable(price)
    assert paid * 100 <= price * (100 - value) < (paid + 1) * 100


@given(PRICES, st.integers(1, 2**32 - 1))
def test_money_off_takes_its_value_and_never_more_than_the_price(price, value):
    assert Offer(1, MONEY, value).payable(price) == max(0, price - value)


@given(PRICES, st.sampled_from([COURTESY, BONUS]), st.integers(0, 1000))
def test_a_courtesy_and_a_bonus_leave_the_price_alone(price, kind, value):
    assert Offer(1, kind, value).payable(price) == price


def test_a_bonus_is_per_cent_of_what_the_amount_earns_rounded_down():
    assert Offer(1, BONUS, 50).bonus(125) == 62
    assert Offer(1, PERCENT, 50).bonus(125) == 0
    assert Offer(1, BONUS, 1000).bonus(2**31 - 1) == 2**31 - 1


def test_the_bytes_of_an_offer_say_all_there_is_to_it():
    offer = offers.read(wire(300, MONEY, 50_000, "261231", 1_000_000_000_000, 4, 3, "چای"))
    assert offer is not None
    assert (offer.number, offer.kind, offer.value) == (300, MONEY, 50_000)
    assert (offer.minimum, offer.category, offer.count) == (1_000_000_000_000, 4, 3)
    assert offer.text == "چای"
    last = (datetime.date(2026, 12, 31) - datetime.date(1970, 1, 1)).days
    assert offer.last_day == last
    assert offer.good_on(last)
    assert not offer.good_on(last + 1)
    assert offers.read(wire(expiry="000000")).good_on(10**6)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        wire()[:16],
        wire(kind=0),
        wire(kind=6),
        wire(value=0),
        wire(value=101),
        wire(kind=WIN_BACK, value=101),
        wire(expiry="261301"),
        wire(expiry="260230"),
        wire(expiry="2A0101"),
        wire()[:17] + b"\xff",
    ],
)
def test_what_makes_no_sense_is_no_offer(value):
    assert offers.read(value) is None


def test_three_offers_are_told_in_the_order_of_the_switch_and_a_vouchers_worth_is_none_of_them():
    values = [wire(0, MONEY, 5), wire(9), b"", wire(4, kind=9), wire(8), wire(7), wire(6)]
    assert [offer.number for offer in offers.told(values)] == [9, 8, 7]
    assert offers.worth(values).value == 5
    assert offers.worth(values[1:]) is None


def test_an_offer_asks_for_a_price_and_with_a_count_for_its_category():
    tea = Offer(1, PERCENT, 10, minimum=1000, category=4, count=3)
    assert tea.fits(1000, 4)
    assert not tea.fits(999, 4)
    assert not tea.fits(1000, 5)
    assert Offer(1, PERCENT, 10, category=4).fits(1, 0)


@given(st.integers(0, 65535), PRICES, st.integers(0, 255))
def test_a_sale_says_number_price_and_count(number, price, count):
    value = Offer(number, PERCENT, 1, count=count).applied(price)
    assert value == number.to_bytes(2, "big") + price.to_bytes(5, "big") + bytes([count])
    assert offers.price_of(value) == price
    assert offers.price_of(value[:2]) == 0


def test_a_gift_gets_the_first_courtesy():
    tea, wrapping = Offer(1, COURTESY, 0, text="tea"), Offer(2, COURTESY, 0)
    assert offers.courtesy([Offer(3, PERCENT, 5), tea, wrapping]) is tea
    assert offers.courtesy([]) is None


def test_the_check_digit_is_that_of_the_standard():
    assert luhn.check_digit("7992739871") == "3"  # the example everybody computes
    assert luhn.right("79927398713")
    assert luhn.right("4539578763621486")


@given(st.text("0123456789", min_size=2, max_size=12), st.data())
def test_one_wrong_digit_is_noticed(digits, data):
    number = digits + luhn.check_digit(digits)
    assert luhn.right(number)
    at = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != number[at]]))
    assert not luhn.right(number[:at] + other + number[at + 1 :])


def test_what_is_no_number_is_not_right():
    assert not luhn.right("")
    assert not luhn.right("0")
    assert not luhn.right("12a4")


@given(st.integers(10**8, 10**9 - 1), st.integers(0, 1023))
def test_a_result_keeps_a_voucher_of_ten_digits_and_its_days_in_five_bytes(nine, days):
    number = str(nine) + luhn.check_digit(str(nine))
    result = Result(7, APPROVED, "00", -5, None, "ABCDEF", 2, 3, True, 1, 99, number, days)
    body = records.pack_result(result)
    assert len(body) == 48
    again = records.unpack_result(body)
    assert vars(again) == vars(result)
    plain = records.unpack_result(records.pack_result(Result(7, APPROVED, "00", 5, 1, "A")))
    assert (plain.voucher, plain.voucher_days) == ("", 0)


@pytest.mark.parametrize(("number", "days"), [("1234567890", 1), ("123456789", 1), ("1234567897", 1024)])
def test_a_result_takes_no_voucher_it_cannot_give_back(number, days):
    with pytest.raises(StoreError):
        records.pack_result(Result(7, APPROVED, "00", 5, 1, "A", voucher=number, voucher_days=days))

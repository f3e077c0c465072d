"""Offers at the bench switch: who is told of which, what a sale may take, once, and back again with the sale."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from host_tests.unit.bench_client import (
    ALI,
    NOW,
    SARA,
    accrual,
    ask,
    furnish,
    furnished_desk,
    inquiry,
    reversal,
    untlv,
    value,
)
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.ledger import Ledger
from tools.bench_switch.log import MessageLog
from tools.bench_switch.offer_tables import OfferUseRow

OFFER, BASKET, WINBACK, FLAGS = 0x20, 0x26, 0x15, 0x18
DAY = 86_400


@pytest.fixture
def desk(tmp_path):
    with furnished_desk(f"sqlite:///{tmp_path / 'books.db'}") as found:
        yield found


def taken(number, price=None, count=0):
    body = number.to_bytes(2, "big")
    return body if price is None else body + price.to_bytes(5, "big") + bytes([count])


def sale(seq, paid, offer, price=None, count=0, basket=None, **more):
    extra = {OFFER: taken(offer, price, count)} | ({BASKET: bytes([basket])} if basket is not None else {})
    return accrual(seq, paid, extra=extra, **more)


def offers_in(content: str) -> list[bytes]:
    raw, at, found = bytes.fromhex(content), 0, []
    while at < len(raw):
        if raw[at] == OFFER:
            found.append(raw[at + 2 : at + 2 + raw[at + 1]])
        at += 2 + raw[at + 1]
    return found


def told(desk, uid=ALI):
    return offers_in(ask(desk, inquiry(uid)).fields["48"])


def numbers(values):
    return [int.from_bytes(one[:2], "big") for one in values]


def test_a_member_is_told_what_is_open_and_what_it_asks_for(desk):
    number = desk.ledger.add_offer(
        1, 15, "tea and cake", member="ali", days=10, minimum=50_000, category=4, count=3, now_utc=NOW
    )
    (said,) = told(desk)
    assert said[:2] == number.to_bytes(2, "big")
    assert said[2] == 1
    assert said[3:7] == (15).to_bytes(4, "big")
    assert said[7:10].hex() == "261202"  # ten days after 2026-11-22
    assert said[10:15] == (50_000).to_bytes(5, "big")
    assert (said[15], said[16], said[17:]) == (4, 3, b"tea and cake")
    assert told(desk, SARA) == []


def test_three_at_most_the_best_first_and_a_courtesy_among_them(desk):
    add = desk.ledger.add_offer
    made = {kind: add(kind, worth, "x", now_utc=NOW) for kind, worth in ((3, 0), (4, 50), (2, 10_000), (1, 5))}
    better = add(1, 20, "x", now_utc=NOW)
    assert numbers(told(desk)) == [better, made[1], made[3]]


def test_an_offer_is_applied_once_and_the_paid_amount_is_the_switchs_own_sum(desk):
    number = desk.ledger.add_offer(1, 15, "x", now_utc=NOW)
    assert ask(desk, sale(1, 85_001, number, 100_000)).rc == "64"
    good = ask(desk, sale(2, 84_999, number, 99_999))  # 84999.15, rounded down
    assert (good.rc, good.points) == ("00", 84)
    assert ask(desk, sale(3, 85_000, number, 100_000)).rc == "79"
    assert ask(desk, sale(4, 85_000, number, 100_000, uid=SARA)).rc == "00"
    assert told(desk) == []


@pytest.mark.parametrize(("kind", "worth"), [(3, 0), (4, 50)])
def test_what_takes_no_money_pays_no_price(desk, kind, worth):
    number = desk.ledger.add_offer(kind, worth, "x", now_utc=NOW)
    assert ask(desk, sale(1, 0, number, 100_000)).rc == "64", "the offer, not the amount, is what is wrong"
    assert desk.ledger.offer_uses(number) == []


def test_a_repeat_is_answered_and_uses_nothing_more(desk):
    number = desk.ledger.add_offer(1, 15, "x", once=False, now_utc=NOW)
    first = sale(1, 85_000, number, 100_000)
    assert ask(desk, first).rc == "00"
    assert ask(desk, first).rc == "94"
    assert len(desk.ledger.offer_uses(number)) == 1


def test_a_reversal_gives_it_back_and_it_may_be_used_again(desk):
    number = desk.ledger.add_offer(2, 30_000, "x", now_utc=NOW)
    first = sale(1, 70_000, number, 100_000)
    assert ask(desk, first).rc == "00"
    assert ask(desk, reversal(2, first)).rc == "00"
    assert numbers(told(desk)) == [number]
    assert ask(desk, sale(3, 70_000, number, 100_000, de7="1122000200")).rc == "00"


def test_nothing_may_be_left_to_pay(desk):
    number = desk.ledger.add_offer(2, 30_000, "x", now_utc=NOW)
    free = ask(desk, sale(1, 0, number, 20_000))
    assert (free.rc, free.points) == ("00", 0)
    assert ask(desk, accrual(2, 0)).rc == "13"
    assert ask(desk, sale(3, 0, number, de7="1122000300")).rc == "13"


def test_a_multi_buy_asks_for_its_basket_and_count(desk):
    number = desk.ledger.add_offer(1, 10, "3 teas", category=4, count=3, now_utc=NOW)
    assert ask(desk, sale(1, 90_000, number, 100_000, 3)).rc == "64"
    assert ask(desk, sale(2, 90_000, number, 100_000, 3, basket=5)).rc == "64"
    assert ask(desk, sale(3, 90_000, number, 100_000, 2, basket=4)).rc == "64"
    assert ask(desk, sale(4, 90_000, number, 100_000, 3, basket=4)).rc == "00"


def test_a_minimum_is_of_the_full_price(desk):
    number = desk.ledger.add_offer(1, 50, "x", minimum=100_000, now_utc=NOW)
    assert ask(desk, sale(1, 49_999, number, 99_999)).rc == "64"
    assert ask(desk, sale(2, 50_000, number, 100_000)).rc == "00"


def test_a_bonus_earns_more_and_leaves_the_price_alone(desk):
    number = desk.ledger.add_offer(4, 50, "x", now_utc=NOW)
    answer = ask(desk, sale(1, 100_000, number, 100_000))
    assert (answer.rc, answer.points) == ("00", 150)


def test_a_courtesy_is_given_with_the_offers_number_alone(desk):
    number = desk.ledger.add_offer(3, 0, "free wrapping", now_utc=NOW)
    answer = ask(desk, accrual(1, 100_000, extra={OFFER: taken(number), FLAGS: b"\1"}))
    assert (answer.rc, answer.points) == ("00", 100)
    assert told(desk) == []


@pytest.mark.parametrize(
    ("change", "rc"), [({"member": "sara"}, "56"), ({"days": -1}, "80"), ({"audience": "lapsed"}, "56")]
)
def test_what_is_not_open_for_this_member_today_is_refused(desk, change, rc):
    number = desk.ledger.add_offer(1, 15, "x", now_utc=NOW, **change)
    assert ask(desk, sale(1, 85_000, number, 100_000)).rc == rc
    assert told(desk) == []


def test_an_unknown_offer_or_a_closed_one_or_half_a_tag_is_refused(desk):
    number = desk.ledger.add_offer(1, 15, "x", now_utc=NOW)
    desk.ledger.close_offer(number)
    assert ask(desk, sale(1, 85_000, number, 100_000)).rc == "56"
    assert ask(desk, sale(2, 85_000, 999, 100_000)).rc == "56"
    assert ask(desk, accrual(3, 85_000, extra={OFFER: bytes(5)})).rc == "30"


def test_what_a_terminal_promised_without_the_switch_is_booked_and_remarked(desk):
    number = desk.ledger.add_offer(1, 15, "x", now_utc=NOW)
    assert ask(desk, sale(1, 85_000, number, 100_000)).rc == "00"
    assert ask(desk, sale(2, 85_000, number, 100_000, mti="0220")).rc == "00"
    assert len(desk.ledger.offer_uses(number)) == 2


def test_a_win_back_is_for_who_stayed_away_and_once_for_each_time(tmp_path):
    now = [NOW]
    with furnished_desk(f"sqlite:///{tmp_path / 'books.db'}") as desk:
        desk._clock = lambda: now[0]
        number = desk.ledger.add_offer(5, 20, "welcome back", now_utc=NOW)
        for visit, day in enumerate((1122, 1123, 1124), 1):
            now[0] = NOW + (visit - 1) * DAY
            assert ask(desk, accrual(visit, 10_000, **{"13": str(day)})).rc == "00"
        assert told(desk) == []
        assert ask(desk, sale(10, 80_000, number, 100_000, **{"13": "1124"})).rc == "56"
        now[0] = NOW + (2 + 70) * DAY  # 2027-02-02: 70 days are not more than 70
        assert told(desk) == []
        now[0] += DAY
        assert numbers(told(desk)) == [number]
        back = sale(11, 80_000, number, 100_000, **{"13": "0203", "7": "0203000000"})
        assert ask(desk, back).rc == "00"
        assert told(desk) == []
        assert ask(desk, sale(12, 80_000, number, 100_000, **{"13": "0203"})).rc in ("56", "79")
        now[0] += 71 * DAY
        assert numbers(told(desk)) == [number]


def test_books_that_were_tampered_with_are_found_out(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path / 'other.db'}")
    furnish(ledger)
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    number = ledger.add_offer(1, 15, "x", now_utc=NOW)
    assert ask(desk, sale(1, 85_000, number, 100_000)).rc == "00"
    assert ledger.check() == []
    ledger.transact(lambda session: session.execute(update(OfferUseRow).values(given_back=True)))
    assert any("what became of both differs" in line for line in ledger.check())
    ledger.transact(lambda session: session.execute(update(OfferUseRow).values(given_back=False, price=99_000)))
    assert any("paid 85000 of 99000" in line for line in ledger.check())
    ledger.close()


def test_a_value_message_may_say_its_basket_and_flags(desk):
    answer = ask(desk, value("0200", 1, 5000, 5, extra={BASKET: b"\4", FLAGS: b"\1"}))
    assert answer.rc == "00"
    assert untlv(answer.fields["48"])[1] == (1).to_bytes(4, "big")


@pytest.mark.parametrize(("audience", "told_to"), [("gold", ALI), ("bronze", None), ("", ALI)])
def test_an_offer_to_a_tier_is_for_its_members(desk, audience, told_to):
    number = desk.ledger.add_offer(1, 15, "x", audience=audience, now_utc=NOW)
    assert numbers(told(desk)) == ([number] if told_to else [])

"""The switch's books hold money of before and after a redenomination, and answer each message in its own."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from host_tests.unit.bench_client import ALI, NOW, SARA, accrual, ask, furnished_desk, inquiry, reversal, value
from host_tests.unit.test_bench_batches import closed, row, totals, upload
from tools.bench_switch import Programme
from tools.bench_switch.codec import tlv
from tools.bench_switch.schema import TransactionRow

OFFER, NEXT = tlv.OFFER, tlv.NEXT
NEW = {"49": "999"}
RULES = Programme(currencies=((999, 100, 1),))


@pytest.fixture
def desk(database):
    with furnished_desk(database) as made:
        made.ledger.programme = RULES
        yield made


def new_sale(seq, qeran, mti="0200", **more):
    return value(mti, seq, qeran, qeran // 10, **NEW, **more)


def amounts(desk) -> list[int]:
    with desk.ledger._session() as session:
        return list(session.scalars(select(TransactionRow.amount).where(TransactionRow.seq > 0)))


def test_the_same_purchase_earns_the_same_and_is_booked_the_same(desk):
    assert ask(desk, accrual(1, 125_000)).points == 125
    assert ask(desk, new_sale(2, 1250)).points == 125
    assert desk.ledger.balances()["ali"] == 600 + 250
    assert amounts(desk) == [125_000, 125_000]


def test_a_repeat_is_one_and_a_reversal_undoes_it(desk):
    sale = new_sale(1, 1250)
    assert ask(desk, sale).rc == "00"
    assert ask(desk, new_sale(1, 1250)).rc == "94"
    assert ask(desk, value("0200", 1, 1250, 125)).rc == "12"  # the same number of another currency is another sale
    assert ask(desk, reversal(2, sale, **NEW)).rc == "00"
    assert desk.ledger.balances()["ali"] == 600


def test_an_offline_sale_of_before_keeps_its_currency_after_the_day(desk):
    assert ask(desk, new_sale(2, 1250)).points == 125
    assert ask(desk, accrual(1, 64_000, "0220")).points == 64
    assert sorted(amounts(desk)) == [64_000, 125_000]


def test_what_is_missing_to_a_tier_is_told_in_the_currency_of_the_message(desk):
    def missing(**more):
        said = ask(desk, inquiry(SARA, **more)).tags[NEXT]
        assert said[0] == 2
        return int.from_bytes(said[1:5], "big")

    ask(desk, accrual(1, 1_250_050, uid=SARA))
    old = missing()
    assert missing(session=0x80000077, **NEW) == -(-old // 100)


@pytest.mark.parametrize(("kind", "worth", "price", "paid"), [(1, 15, 1255, 1066), (2, 10_050, 1250, 1150)])
def test_an_offer_is_paid_in_whole_qeran_and_the_books_agree(desk, kind, worth, price, paid):
    number = desk.ledger.add_offer(kind, worth, "tea", member="ali", minimum=50_001, now_utc=NOW)
    said = ask(desk, inquiry(ALI, **NEW)).tags[OFFER]
    assert int.from_bytes(said[3:7], "big") == (worth if kind == 1 else worth // 100)
    assert int.from_bytes(said[10:15], "big") == 501
    applied = {OFFER: number.to_bytes(2, "big") + price.to_bytes(5, "big") + b"\0"}
    assert ask(desk, value("0200", 1, paid + 1, 0, extra=applied, **NEW)).rc != "00"
    assert ask(desk, value("0200", 2, paid, 0, extra=applied, **NEW)).rc == "00"
    assert desk.ledger.check() == []


def test_a_batch_of_both_is_compared_in_either_currency(desk):
    ask(desk, accrual(1, 125_000))
    ask(desk, new_sale(2, 1250))
    rows = row("AC", 0, 2, 125_000 + 1250, 250)
    assert closed(ask(desk, totals(1, 1, 2, rows)))[0] == "95"  # added up as if they were of one currency
    assert closed(ask(desk, totals(1, 1, 2, row("AC", 0, 2, 250_000, 250))))[0] == "00"
    ask(desk, new_sale(3, 640))
    assert closed(ask(desk, totals(2, 3, 3, row("AC", 0, 1, 640, 64), **NEW)))[0] == "00"


def test_a_record_of_a_batch_is_compared_in_its_currency(desk):
    ask(desk, new_sale(1, 1250))
    assert closed(ask(desk, totals(1, 1, 1, row("AC", 0, 1, 1251, 125), **NEW)))[0] == "95"
    assert ask(desk, {**upload(1, "AC", 1, 1250, 125), **NEW}).rc == "00"
    assert ask(desk, upload(1, "AC", 1, 1250, 125)).rc != "00"


def test_a_currency_without_a_whole_rate_is_booked_as_it_comes(desk):
    desk.ledger.programme = Programme(currencies=((999, 3, 7),))
    assert ask(desk, value("0200", 1, 7_000, 3, **NEW)).points == 3
    assert amounts(desk) == [7_000]


def test_more_than_the_books_hold_is_refused(desk):
    assert ask(desk, new_sale(1, 10**10 - 1)).rc == "00"
    assert ask(desk, new_sale(2, 10**10)).rc == "13"
    assert ask(desk, value("0200", 3, 10**12 - 1, 0, **NEW)).rc == "13"

"""The thanks for who brought somebody: for a purchase that stands, and for no other."""

import pytest

from host_tests.unit.bench_client import accrual, ask, furnished_desk, reversal
from host_tests.unit.test_bench_enrolment import NEW, enrolment
from host_tests.unit.test_bench_taking_back import refund, void
from host_tests.unit.test_bench_vouchers import OFFER, made, pays
from tools.bench_switch import offers, referrals
from tools.bench_switch.programme import Programme

THANKS = Programme().referral_points


@pytest.fixture
def desk():
    with furnished_desk("sqlite://") as found:
        ask(found, enrolment(100, more={0x45: referrals.code_of(found.ledger.member("ali").id).encode()}))
        yield found


def thanks(desk):
    return desk.ledger.balance("ali") - 600


def test_a_first_purchase_that_is_refunded_whole_takes_the_thanks_along(desk):
    ask(desk, accrual(1, 10_000, uid=NEW))
    assert thanks(desk) == THANKS
    assert ask(desk, refund(2, 1, 4_000, -4, uid=NEW)).rc == "00"
    assert thanks(desk) == THANKS, "a part was bought"
    assert ask(desk, refund(3, 1, 6_000, -6, uid=NEW)).rc == "00"
    assert thanks(desk) == 0
    ask(desk, accrual(4, 1_000, uid=NEW))
    assert thanks(desk) == THANKS, "it waited for a purchase"


def test_what_is_refunded_besides_the_first_purchase_leaves_the_thanks(desk):
    ask(desk, accrual(1, 10_000, uid=NEW))
    ask(desk, accrual(2, 20_000, uid=NEW))
    assert ask(desk, refund(3, 2, 20_000, -20, uid=NEW)).rc == "00"
    assert thanks(desk) == THANKS


def test_the_check_finds_thanks_for_a_purchase_that_does_not_stand(desk):
    sale = accrual(1, 10_000, uid=NEW)
    ask(desk, sale)
    taken = void(2, sale, uid=NEW)
    ask(desk, taken)
    assert thanks(desk) == 0
    ask(desk, reversal(3, taken))
    assert desk.ledger.check() == []


def test_nothing_bought_thanks_nobody_and_a_voucher_buys(desk):
    offer = desk.ledger.add_offer(offers.COURTESY, 0, "wrap", now_utc=1_795_305_600)
    assert ask(desk, accrual(1, 0, uid=NEW, extra={OFFER: offer.to_bytes(2, "big") + bytes(6)})).rc == "13"
    assert thanks(desk) == 0
    assert ask(desk, pays(2, made(desk), 40_000, 0, uid=NEW)).rc == "00"
    assert thanks(desk) == THANKS

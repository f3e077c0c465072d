"""What a transaction used or gave away when it is undone, and when what undid it is undone itself."""

from __future__ import annotations

import pytest

from host_tests.unit.bench_client import ALI, accrual, ask, furnished_desk, i32, reversal, tlv, untlv, value
from host_tests.unit.test_bench_taking_back import refund, void
from host_tests.unit.test_bench_vouchers import (
    LATE,
    OFFER,
    SOLD,
    VOUCHER,
    issue,
    look,
    made,
    pays,
    use,
    without_card,
)
from tools.bench_switch import offers
from tools.bench_switch.programme import Programme

UID, ORIGINAL = 7, 0x29
NOWHERE_ELSE = "was used elsewhere"


@pytest.fixture
def desk(tmp_path):
    with furnished_desk(f"sqlite:///{tmp_path / 'books.db'}") as found:
        yield found


def void_of_none(seq, original, **more):
    """A void of what moved no points: they come back, all none of them; without a card when it had none."""
    fields = value(
        "0200", seq, int(original["4"]), 0, pcode="029100", extra={ORIGINAL: original["37"].encode()}, **more
    )
    return fields if UID in untlv(original["48"]) else without_card(fields)


def bearers_reversal(seq, original):
    tags = untlv(original["48"])
    return without_card(reversal(seq, {**original, "48": tlv(tags | {UID: bytes.fromhex(ALI)})}))


def noted(desk, word):
    return any(word in entry.note for entry in desk._log.entries())


def test_a_gift_card_that_was_used_cannot_be_voided_before_its_use_is(desk):
    sold = issue(1, 300_000, SOLD)
    number = ask(desk, sold).tags[VOUCHER].decode()
    used = pays(2, number, 100_000, 0)
    assert ask(desk, used).rc == "00"
    assert ask(desk, void_of_none(3, sold)).rc == "21"
    assert ask(desk, void_of_none(4, used)).rc == "00"
    assert ask(desk, void_of_none(5, sold)).rc == "00"
    assert ask(desk, look(number)).rc == "56"


def test_a_sale_whose_prize_was_used_cannot_be_voided(desk):
    desk.ledger.programme = Programme(prize_one_in=1, prize_percent=15)
    sale = accrual(1, 5_000)
    number = ask(desk, sale).tags[VOUCHER].decode()
    assert ask(desk, pays(2, number, 100_000, 85_000)).rc == "00"
    assert ask(desk, void(3, sale)).rc == "21"
    assert ask(desk, look(number)).rc == "79"


def test_an_issue_that_is_reversed_after_its_use_is_undone_and_told(desk):
    sold = issue(1, 300_000, SOLD)
    number = ask(desk, sold).tags[VOUCHER].decode()
    used = pays(2, number, 100_000, 0)
    ask(desk, used)
    assert ask(desk, reversal(3, sold)).rc == "00"
    assert noted(desk, f"voucher ******{number[-4:]} was used and what issued it is undone")
    assert desk.ledger.check() == [f"voucher ******{number[-4:]} was used, and what issued it was undone"]
    assert ask(desk, void_of_none(4, used)).rc == "00"
    assert desk.ledger.check() == []


@pytest.mark.parametrize("extra", [SOLD, LATE])
def test_a_bearers_voucher_and_its_use_are_voided_without_a_card(desk, extra):
    made_out = issue(1, 300_000, extra | {0x0C: b"2"}, bearer=True)
    number = ask(desk, made_out).tags[VOUCHER].decode()
    used = use(2, number, 300_000, 0)
    assert ask(desk, used).rc == "00"
    assert ask(desk, void_of_none(3, made_out)).rc == "21"
    assert ask(desk, void_of_none(4, used, **{"41": "VAFA0001", "4": f"{1:012d}"})).rc == "13"
    taken = void_of_none(5, used)
    assert ask(desk, taken).rc == "00"
    assert ask(desk, look(number)).rc == "00"
    assert ask(desk, bearers_reversal(6, taken)).rc == "00"
    assert ask(desk, look(number)).rc == "79"
    assert ask(desk, void_of_none(7, used)).rc == "00"
    assert ask(desk, void_of_none(8, made_out)).rc == "00"
    assert ask(desk, look(number)).rc == "56"


def test_without_a_card_nothing_but_a_bearers_voucher_is_voided(desk):
    sale = accrual(1, 50_000)
    ask(desk, sale)
    assert ask(desk, without_card(void(2, sale))).rc == "13"
    assert desk.ledger.balance("ali") == 650


@pytest.mark.parametrize("pcode", ["020091", "209100"])
def test_what_takes_back_is_never_an_advice(desk, pcode):
    sale = accrual(1, 50_000)
    ask(desk, sale)
    advice = value("0220", 2, 50_000, -50, pcode=pcode, extra={ORIGINAL: sale["37"].encode()})
    assert ask(desk, advice).rc == "12"
    assert desk.ledger.balance("ali") == 650


def test_a_sale_that_was_voided_and_reversed_does_not_stand_again_with_the_void_reversed(desk):
    number = made(desk)
    sale = pays(1, number, 175_000, 125_000)
    ask(desk, sale)
    taken = void(2, sale)
    ask(desk, taken)
    undone = reversal(3, sale)
    assert ask(desk, undone).rc == "00"
    assert ask(desk, reversal(4, taken)).rc == "00"
    assert desk.ledger.balance("ali") == 600
    assert ask(desk, look(number)).rc == "00", "the voucher is the customer's"
    assert desk.ledger.standing("ali").purchases == 0
    assert desk.ledger.check() == []
    assert ask(desk, undone).rc == "94"
    assert ask(desk, void(5, sale)).rc == "21"


@pytest.mark.parametrize("gift", [False, True])
def test_a_sale_that_stands_again_does_not_use_a_voucher_twice(desk, gift):
    number = ask(desk, issue(9, 50_000, SOLD, bearer=True)).tags[VOUCHER].decode() if gift else made(desk)
    sale = pays(1, number, 60_000, 10_000)
    ask(desk, sale)
    taken = void(2, sale)
    ask(desk, taken)
    assert ask(desk, use(3, number, 60_000, 10_000)).rc == "00"
    assert ask(desk, reversal(4, taken)).rc == "00"
    assert desk.ledger.balance("ali") == 610, "the money that was paid earns"
    ((_, left, _),) = desk.ledger.vouchers()
    assert left == 0
    assert noted(desk, NOWHERE_ELSE)
    assert [line for line in desk.ledger.check() if "its voucher" in line] == desk.ledger.check() != []
    assert ask(desk, void(5, sale)).rc == "00"


def test_a_sale_that_stands_again_does_not_take_an_offer_twice(desk):
    offer = desk.ledger.add_offer(offers.PERCENT, 10, "tea", now_utc=1_795_305_600)
    tag = {OFFER: offer.to_bytes(2, "big") + (100_000).to_bytes(5, "big") + b"\0"}
    sale = accrual(1, 90_000, extra=tag)
    ask(desk, sale)
    taken = void(2, sale)
    ask(desk, taken)
    assert ask(desk, accrual(3, 90_000, extra=tag)).rc == "00"
    assert ask(desk, reversal(4, taken)).rc == "00"
    assert len(desk.ledger.offer_uses(offer)) == 1
    assert noted(desk, NOWHERE_ELSE)
    assert desk.ledger.check() != []
    assert ask(desk, void(5, sale)).rc == "00"


def test_a_sale_paid_by_a_voucher_alone_is_a_visit(desk):
    number = made(desk)
    sale = pays(1, number, 40_000, 0)
    assert ask(desk, sale).rc == "00"
    standing = desk.ledger.standing("ali")
    assert (standing.visits, standing.purchases) == (1, 0)
    assert ask(desk, refund(2, 1, 0, 0)).rc == "21"
    assert ask(desk, void_of_none(3, sale)).rc == "00"
    assert desk.ledger.standing("ali").visits == 0


@pytest.mark.parametrize(
    ("kind", "worth", "price", "rc"),
    [
        (offers.COURTESY, 0, 0, "13"),
        (offers.MONEY, 50_000, 0, "13"),
        (offers.MONEY, 50_000, 40_000, "00"),
        (offers.PERCENT, 100, 40_000, "00"),
        (offers.BONUS, 50, 0, "13"),
    ],
)
def test_nothing_to_pay_is_a_sale_only_when_something_paid_its_price(desk, kind, worth, price, rc):
    offer = desk.ledger.add_offer(kind, worth, "x", now_utc=1_795_305_600)
    tag = {OFFER: offer.to_bytes(2, "big") + price.to_bytes(5, "big") + b"\0"}
    assert ask(desk, accrual(1, 0, extra=tag)).rc == rc
    advice = value("0220", 2, 0, 0, extra={OFFER: offer.to_bytes(2, "big") + bytes(6), 3: i32(0)})
    assert ask(desk, advice).rc == "13"

"""Vouchers and rewards at the bench switch: issued for a reason or for money, used once, back again with the sale."""

from __future__ import annotations

import pytest

from firmware.core import luhn
from firmware.loyalty import offers as terminal
from host_tests.unit.bench_client import (
    ALI,
    NOW,
    SARA,
    TERMINAL,
    accrual,
    ask,
    furnished_desk,
    inquiry,
    redemption,
    reversal,
    tlv,
    untlv,
    value,
)
from tools.bench_switch import vouchers
from tools.bench_switch.programme import Programme

OFFER, VOUCHER, REWARD, REASON, FLAGS, SUPERVISOR, CLERK, UID, TEXT = 0x20, 0x21, 0x22, 0x51, 0x18, 0x0C, 0x0B, 7, 0x70
LATE = {REASON: b"\1"}
SOLD = {FLAGS: b"\1"}


@pytest.fixture
def desk(tmp_path):
    with furnished_desk(f"sqlite:///{tmp_path / 'books.db'}") as found:
        yield found


def without_card(fields):
    tags = untlv(fields["48"])
    tags.pop(UID)
    return {**fields, "48": tlv(tags)}


def issue(seq, amount, extra, bearer=False, **more):
    fields = value("0200", seq, amount, 0, pcode="950091", extra=extra, **more)
    return without_card(fields) if bearer else fields


def priced(number, price):
    return {VOUCHER: number.encode(), OFFER: b"\0\0" + price.to_bytes(5, "big") + b"\0"}


def pays(seq, number, price, paid, **more):
    return accrual(seq, paid, extra=priced(number, price), **more)


def use(seq, number, price, paid, **more):
    return without_card(value("0200", seq, paid, 0, pcode="959100", extra=priced(number, price), **more))


def look(number, session=0x80000003):
    return without_card(inquiry(session=session, extra={VOUCHER: number.encode()}))


def made(desk, kind=2, worth=50_000, **more):
    return desk.ledger.add_voucher(kind, worth, days=30, now_utc=NOW, **more)


def test_numbers_end_with_a_digit_both_sides_agree_on(desk):
    numbers = {made(desk) for _ in range(20)}
    assert len(numbers) == 20
    for number in numbers:
        assert len(number) == 10
        assert number[0] != "0"
        assert luhn.right(number)
        assert vouchers.check_digit(number[:-1]) == number[-1]


def test_a_broken_promise_is_made_good_and_the_answer_says_number_worth_and_end(desk):
    answer = ask(desk, issue(1, 100_000, {**LATE, CLERK: b"7"}))
    assert (answer.rc, answer.points) == ("00", 0)
    assert answer.fields["38"].strip()
    number = answer.tags[VOUCHER].decode()
    worth = terminal.read(answer.tags[OFFER])
    assert (worth.number, worth.kind, worth.value) == (0, terminal.MONEY, 100_000)
    assert answer.tags[OFFER][7:10].hex() == "270220"  # ninety days after 2026-11-22
    ((row, left, used),) = desk.ledger.vouchers()
    assert (row.number, row.reason, row.clerk, left, used) == (number, 1, "7", 100_000, False)
    assert ask(desk, pays(2, number, 250_000, 150_000)).rc == "00"
    assert ask(desk, pays(3, number, 250_000, 150_000)).rc == "79"


def test_a_repeat_of_an_issue_tells_the_same_voucher_and_makes_no_second(desk):
    first = issue(1, 50_000, LATE)
    number = ask(desk, first).tags[VOUCHER]
    again = ask(desk, first)
    assert (again.rc, again.tags[VOUCHER]) == ("94", number)
    assert len(desk.ledger.vouchers()) == 1


def test_without_a_supervisor_the_limit_holds_here_too(desk):
    most = Programme().recovery_limits[0]
    assert ask(desk, issue(1, most, LATE)).rc == "00"
    assert ask(desk, issue(2, most + 1, LATE)).rc == "61"
    assert ask(desk, issue(3, most + 1, {**LATE, SUPERVISOR: b"2"})).rc == "00"
    assert ask(desk, issue(4, Programme().recovery_limits[1] + 1, {**LATE, SUPERVISOR: b"2"})).rc == "61"


def test_whoever_allows_more_than_a_supervisor_may_is_held_to_the_higher_limit(desk):
    desk.ledger.programme = Programme(recovery_limits=(1_000, 2_000, 3_000))
    assert ask(desk, issue(1, 2_001, LATE)).rc == "61"
    assert ask(desk, issue(2, 3_000, {**LATE, SUPERVISOR: b"9"})).rc == "00"
    assert ask(desk, issue(3, 3_001, {**LATE, SUPERVISOR: b"9"})).rc == "61"


def test_a_gift_card_is_money_and_has_its_limits_here_too(desk):
    most, at_all = Programme().gift_limits
    assert ask(desk, issue(1, most, SOLD)).rc == "00"
    for seq, by in ((2, {}), (3, {SUPERVISOR: b"0"})):
        assert ask(desk, issue(seq, most + 1, {**SOLD, **by})).rc == "61"
    assert ask(desk, issue(4, most + 1, {**SOLD, SUPERVISOR: b"9"})).rc == "00"
    assert ask(desk, issue(5, at_all + 1, {**SOLD, SUPERVISOR: b"9"})).rc == "61"


@pytest.mark.parametrize("extra", [{}, {REASON: b"\5"}, {**LATE, **SOLD}])
def test_an_issue_is_for_a_reason_or_for_money(desk, extra):
    assert ask(desk, issue(1, 50_000, extra)).rc == "12"


def test_nothing_is_issued_without_the_switch(desk):
    advice = {**issue(1, 50_000, LATE), "t": "0220", "38": "F00001", "25": "06"}
    advice["48"] = tlv(untlv(advice["48"]) | {3: bytes(4), 0x0D: b"\1"})
    assert ask(desk, advice).rc == "12"
    assert desk.ledger.vouchers() == []


def test_an_issue_nobody_heard_of_is_worth_nothing(desk):
    for bearer in (False, True):
        first = issue(1 + 10 * bearer, 50_000, LATE, bearer, de7=f"112200{bearer:02d}00")
        number = ask(desk, first).tags[VOUCHER].decode()
        undo = reversal(2 + 10 * bearer, {**first, "48": tlv(untlv(first["48"]) | {UID: bytes.fromhex(ALI)})})
        assert ask(desk, without_card(undo) if bearer else undo).rc == "00"
        assert ask(desk, look(number)).rc == "56"


def test_a_gift_card_keeps_its_rest(desk):
    number = ask(desk, issue(1, 300_000, SOLD, bearer=True)).tags[VOUCHER].decode()
    assert ask(desk, pays(2, number, 200_000, 0)).rc == "00"
    assert terminal.read(ask(desk, look(number)).tags[OFFER]).value == 100_000
    assert ask(desk, use(3, number, 150_000, 0)).rc == "64"
    assert ask(desk, use(4, number, 150_000, 50_000, de7="1122000300")).rc == "00"
    assert ask(desk, look(number)).rc == "79"


def test_a_voucher_that_makes_good_is_used_whole(desk):
    number = made(desk)
    assert ask(desk, use(1, number, 20_000, 0)).rc == "00"
    assert ask(desk, use(2, number, 20_000, 0, de7="1122000300")).rc == "79"


def test_a_use_that_is_reversed_is_open_again_with_a_card_and_without(desk):
    number = made(desk)
    for seq, first in ((1, pays(1, number, 80_000, 30_000)), (3, use(3, number, 80_000, 30_000, de7="1122000300"))):
        assert ask(desk, first).rc == "00"
        assert ask(desk, look(number)).rc == "79"
        named = {**first, "48": tlv(untlv(first["48"]) | {UID: bytes.fromhex(ALI)})}
        undo = reversal(seq + 1, named)
        assert ask(desk, undo if seq == 1 else without_card(undo)).rc == "00"
        assert ask(desk, look(number)).rc == "00"
    assert ask(desk, pays(9, number, 80_000, 30_000, de7="1122000900")).rc == "00"


def test_a_use_that_comes_after_its_reversal_uses_nothing(desk):
    number = made(desk)
    first = pays(1, number, 80_000, 30_000)
    assert ask(desk, reversal(2, first)).rc == "25"
    assert ask(desk, first).rc == "68"
    assert ask(desk, look(number)).rc == "00"


def test_looking_changes_nothing_and_says_what_is_wrong(desk):
    number = made(desk, 1, 15)
    assert terminal.read(ask(desk, look(number)).tags[OFFER]).value == 15
    assert ask(desk, look("1234567897")).rc == "56"
    over = desk.ledger.add_voucher(2, 5, days=-1, now_utc=NOW)
    assert ask(desk, look(over)).rc == "80"
    desk.ledger.withdraw_voucher(number)
    assert ask(desk, look(number)).rc == "56"


def test_a_members_voucher_is_the_members_and_a_terminals_the_terminals(desk):
    number = made(desk, member="sara")
    assert ask(desk, look(number)).rc == "00"
    assert ask(desk, pays(1, number, 80_000, 30_000)).rc == "56"
    assert ask(desk, use(2, number, 80_000, 30_000)).rc == "56"
    assert ask(desk, pays(3, number, 80_000, 30_000, uid=SARA)).rc == "00"
    desk.ledger.add_terminal("VAFA0002", "DEMOSHOP0000001", bytes(15) + b"\1", bytes(15) + b"\2")
    elsewhere = made(desk, terminal_id="VAFA0002")
    assert ask(desk, look(elsewhere)).rc == "56"
    here = made(desk, terminal_id=TERMINAL)
    assert ask(desk, pays(4, here, 80_000, 30_000)).rc == "00"


def test_what_is_paid_is_the_switchs_own_sum_and_the_price_must_be_said(desk):
    number = made(desk, 1, 15)
    assert ask(desk, pays(1, number, 99_999, 85_000)).rc == "64"
    assert ask(desk, accrual(2, 85_000, extra={VOUCHER: number.encode()})).rc == "30"
    assert ask(desk, pays(3, number, 99_999, 84_999)).rc == "00"


def test_one_purchase_of_so_many_wins_and_loses_it_when_it_is_undone(desk):
    desk.ledger.programme = Programme(prize_one_in=1)
    first = accrual(1, 50_000)
    won = ask(desk, first)
    worth = terminal.read(won.tags[OFFER])
    assert (worth.kind, worth.value) == (terminal.PERCENT, 15)
    assert won.tags[TEXT] == b"You won 15% off"
    number = won.tags[VOUCHER].decode()
    assert ask(desk, first).tags[VOUCHER].decode() == number
    assert ask(desk, look(number)).rc == "00"
    assert ask(desk, reversal(2, first)).rc == "00"
    assert ask(desk, look(number)).rc == "56"


def test_the_draw_is_as_rare_as_the_office_says_and_the_same_for_the_same_books(tmp_path):
    drawn = []
    for run in range(2):
        with furnished_desk(f"sqlite:///{tmp_path / f'books{run}.db'}") as desk:
            desk.ledger.programme = Programme(prize_one_in=3)
            wins = [VOUCHER in ask(desk, accrual(seq, 5000)).tags for seq in range(1, 31)]
            drawn.append(wins)
            assert 3 <= sum(wins) <= 20
    assert drawn[0] == drawn[1]


def test_an_advice_and_an_empty_draw_win_nothing(desk):
    assert VOUCHER not in ask(desk, accrual(1, 5000)).tags
    desk.ledger.programme = Programme(prize_one_in=1)
    assert VOUCHER not in ask(desk, accrual(2, 5000, "0220")).tags


def test_a_reward_costs_what_the_switchs_own_catalogue_says(desk):
    desk.ledger.programme = Programme(rewards=((1, 550, 60_000, "Mug"), (2, 300, 20_000, "Tea")))
    mug = {REWARD: b"\0\1"}
    assert ask(desk, redemption(1, 500, extra=mug)).rc == "13"
    assert ask(desk, redemption(2, 550, extra={REWARD: b"\0\7"})).rc == "56"
    good = ask(desk, redemption(3, 550, extra=mug))
    assert (good.rc, good.points, good.balance) == ("00", -550, 50)
    ((choice),) = desk.ledger.reward_choices()
    assert (choice.reward, choice.points) == (1, 550)


def test_below_the_threshold_no_reward_is_given_unless_the_catalogue_spares_them(desk):
    tea = {REWARD: b"\0\2"}
    rewards = ((2, 300, 20_000, "Tea"),)
    desk.ledger.programme = Programme(rewards=rewards, redeem_threshold=700)
    assert ask(desk, redemption(1, 300, extra=tea)).rc == "51"
    desk.ledger.programme = Programme(rewards=rewards, redeem_threshold=700, rewards_below=True)
    assert ask(desk, redemption(2, 300, extra=tea)).rc == "00"


def test_what_goes_with_a_basket_is_said_at_the_inquiry(desk):
    desk.ledger.suggest(0, "Bags")
    desk.ledger.suggest(4, "Cake goes with tea")
    assert ask(desk, inquiry()).tags[0x24] == b"Bags"
    assert ask(desk, inquiry(extra={0x26: b"\4"})).tags[0x24] == b"Cake goes with tea"
    assert ask(desk, inquiry(extra={0x26: b"\5"})).tags[0x24] == b"Bags"


def test_a_void_gives_it_back_and_a_void_nobody_heard_of_uses_it_again(desk):
    number = made(desk)
    sold = pays(1, number, 80_000, 30_000)
    assert ask(desk, sold).rc == "00"
    rrn = {0x29: sold["37"].encode()}
    taken_back = value("0200", 2, 30_000, -30, pcode="020091", extra=rrn, de7="1122000200")
    assert ask(desk, taken_back).rc == "00"
    assert ask(desk, look(number)).rc == "00"
    assert desk.ledger.check() == []
    assert ask(desk, reversal(3, taken_back)).rc == "00"
    assert ask(desk, look(number)).rc == "79"
    assert desk.ledger.check() == []

"""Codes to a member's mobile, cards replaced with them, numbers in the place of cards, and who brought whom."""

from dataclasses import replace

import pytest
from sqlalchemy import func, select

from host_tests.unit.bench_client import (
    ALI,
    NOW,
    SARA,
    accrual,
    ask,
    furnish,
    furnished_desk,
    inquiry,
    redemption,
    reversal,
    tlv,
    untlv,
    value,
)
from host_tests.unit.test_bench_enrolment import NEW, OTHER, enrolment
from tools.bench_switch import Ledger, Programme, codes, keyed, referrals
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog
from tools.bench_switch.member_tables import CodeRow

NUMBER = "9121111111"
REASON, CODE, SMS, REFCODE, SUPERVISOR = 0x51, 0x2A, 0x43, 0x27, 0x0C
REPLACES, SPENDS, TELLS = b"\1", b"\2", b"\3"


class Wall:
    now = NOW


@pytest.fixture
def desk(database):
    """A desk whose ali gave a number; the clock is `desk.wall`."""
    ledger, wall = Ledger(database), Wall()
    furnish(ledger)
    ledger.set_contact("ali", "0" + NUMBER, "en")
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: wall.now), lambda: wall.now)
    desk.ledger, desk.wall = ledger, wall
    yield desk
    assert ledger.check() == []
    ledger.close()


def typed(request, number=NUMBER):
    """The request of somebody who typed a number and laid no card on."""
    tags = {tag: one for tag, one in untlv(request["48"]).items() if tag != 7} | {0x40: bytes.fromhex(number), 9: b"\0"}
    return {**request, "22": "011", "48": tlv(tags)}


def sent(desk, reason, session=0x80000009):
    """Have a code sent; (the answer, the digits)."""
    answer = ask(desk, typed(inquiry(session=session, extra={REASON: reason})))
    member = desk.ledger.member("ali").id
    return answer, desk.ledger.transact(lambda session: codes.newest_digits(session, member)).encode()


def spend(seq, points, code):
    return typed(redemption(seq, points, extra={CODE: code}))


def other(code):
    return b"%06d" % ((int(code) + 1) % 10**6)


def test_a_number_earns_and_spends_only_with_the_code_that_was_sent(desk):
    assert ask(desk, typed(accrual(1, 100_000))).balance == 700
    assert ask(desk, typed(redemption(2, 500))).rc == "57"
    assert ask(desk, spend(3, 500, b"000000")).rc == "55", "none was sent"
    answer, code = sent(desk, SPENDS)
    assert (answer.rc, answer.tags[SMS], answer.balance, len(code)) == ("00", b"\1", 700, 6)
    assert ask(desk, spend(4, 500, other(code))).rc == "55"
    assert ask(desk, spend(5, 500, code)).balance == 200
    assert ask(desk, spend(6, 100, code)).rc in ("13", "55"), "once"
    assert ask(desk, accrual(7, 400_000)).balance == 600
    assert ask(desk, spend(8, 500, code)).rc == "55", "a code is good once"


def test_an_advice_never_spends_by_number(desk):
    _, code = sent(desk, SPENDS)
    advice = value("0220", 1, 50_000, -500, auth=0, extra={CODE: code})
    assert ask(desk, typed(advice)).rc == "57"
    desk.ledger.programme = replace(desk.ledger.programme, offline_risk=True)
    again = value("0220", 2, 50_000, -500, auth=0, extra={CODE: code})
    assert ask(desk, typed(again)).rc == "57", "also where the shop bears the risk"
    assert desk.ledger.balance("ali") == 600


def test_a_code_too_late_or_for_something_else_is_wrong(desk):
    _, code = sent(desk, REPLACES)
    assert ask(desk, spend(1, 500, code)).rc == "55", "it was sent for a new card"
    _, code = sent(desk, SPENDS)
    desk.wall.now += codes.LIFE_S
    assert ask(desk, spend(2, 500, code)).rc == "55"


def test_three_wrong_codes_end_it_and_no_other_is_sent_before_its_time(desk):
    _, code = sent(desk, SPENDS)
    assert [ask(desk, spend(seq, 500, other(code))).rc for seq in (1, 2, 3)] == ["55", "55", "38"]
    assert ask(desk, spend(4, 500, code)).rc == "38", "also the right one, now"
    assert sent(desk, SPENDS)[0].rc == "38"
    desk.wall.now += codes.LIFE_S
    answer, fresh = sent(desk, SPENDS)
    assert answer.rc == "00"
    assert ask(desk, spend(5, 500, fresh)).rc == "00"


def test_asked_again_at_once_the_same_code_stands_and_later_another(desk):
    _, first = sent(desk, SPENDS)
    assert sent(desk, SPENDS)[1] == first
    assert len(desk.ledger.messages()) == 1
    desk.wall.now += codes.AGAIN_S
    sent(desk, SPENDS)
    assert [row.kind for row in desk.ledger.messages()] == ["code", "code"]


def test_another_code_brings_no_other_tries(desk):
    _, code = sent(desk, SPENDS)
    assert [ask(desk, spend(seq, 500, other(code))).rc for seq in (1, 2)] == ["55", "55"]
    desk.wall.now += codes.AGAIN_S
    _, code = sent(desk, SPENDS)
    assert ask(desk, spend(3, 500, other(code))).rc == "38"
    assert sent(desk, SPENDS)[0].rc == "38"


def test_a_day_has_so_many_codes_and_so_many_wrong_tries(desk):
    desk.wall.now += 12 * 3600
    guesses = []
    for seq in range(codes.DAY_CODES + 2):
        answer, code = sent(desk, SPENDS)
        guesses += [ask(desk, spend(100 + seq * 3 + n, 500, other(code))).rc for n in range(3) if answer.rc == "00"]
        desk.wall.now += codes.LIFE_S
    assert guesses.count("55") + guesses.count("38") <= codes.DAY_TRIES + 3
    assert desk.ledger.transact(lambda session: session.scalar(select(func.sum(CodeRow.tries)))) == codes.DAY_TRIES
    assert sent(desk, REPLACES)[0].rc == "38", "for whatever purpose"
    desk.wall.now += 86_400
    _, code = sent(desk, SPENDS)
    assert ask(desk, spend(1, 500, code)).rc == "00"


def test_a_day_has_so_many_messages(desk):
    desk.wall.now += 12 * 3600
    answers = []
    for _ in range(codes.DAY_CODES + 1):
        answers.append(sent(desk, SPENDS)[0].rc)
        desk.wall.now += codes.LIFE_S
    assert answers == ["00"] * codes.DAY_CODES + ["38"]
    assert len(desk.ledger.messages()) == codes.DAY_CODES


def test_nobody_without_number_or_consent_is_sent_a_code(desk):
    answer = ask(desk, inquiry(SARA, extra={REASON: SPENDS}))
    assert (answer.rc, answer.tags[SMS]) == ("00", b"\2")
    desk.ledger.set_facts("ali", consent=False)
    assert ask(desk, typed(inquiry(extra={REASON: SPENDS}))).tags[SMS] == b"\0"
    assert desk.ledger.messages() == []


def test_a_number_nobody_has_opens_nothing(desk):
    for request in (accrual(1, 50_000), accrual(2, 50_000, "0220"), inquiry()):
        assert ask(desk, typed(request, "9359999999")).rc == "14"
    assert len(desk.ledger.members()) == 2


def replacement(seq, more, uid=NEW):
    return enrolment(seq, uid=uid, mobile=NUMBER, more={REASON: REPLACES, **more})


def test_a_new_card_takes_the_place_of_the_others_and_the_points_stay(desk):
    _, code = sent(desk, REPLACES)
    assert ask(desk, replacement(1, {CODE: other(code)})).rc == "55"
    answer = ask(desk, replacement(2, {CODE: code}))
    assert (answer.rc, answer.points, answer.balance) == ("00", 0, 600)
    assert ask(desk, accrual(3, 5_000)).rc == "41"
    assert ask(desk, accrual(4, 5_000, uid=NEW)).balance == 605
    assert ask(desk, typed(accrual(5, 5_000))).balance == 610


def test_a_supervisor_stands_for_the_code_and_nobody_for_both(desk):
    assert ask(desk, replacement(1, {})).rc == "55"
    assert ask(desk, replacement(2, {SUPERVISOR: b"7"})).rc == "00"
    assert ask(desk, replacement(3, {SUPERVISOR: b"7"}, uid=SARA)).rc == "26"


def test_whose_number_was_typed_is_told_by_the_members_own(desk):
    assert int.from_bytes(ask(desk, typed(inquiry())).tags[0x2B], "big") == 1001


@pytest.mark.parametrize("nobody", [b"0", b"000"])
def test_nobody_is_no_supervisor(desk, nobody):
    assert ask(desk, replacement(1, {SUPERVISOR: nobody})).rc == "55"
    assert ask(desk, replacement(2, {SUPERVISOR: b"switch"})).rc == "00"


def test_a_replacement_that_is_reversed_lets_the_old_card_work_again(desk):
    first = replacement(1, {SUPERVISOR: b"7"})
    assert ask(desk, first).rc == "00"
    assert ask(desk, reversal(2, first)).rc == "00"
    assert ask(desk, accrual(3, 5_000)).rc == "00"
    assert ask(desk, inquiry(NEW)).rc == "14"
    assert ask(desk, replacement(4, {SUPERVISOR: b"7"})).rc == "00"


def test_no_card_is_replaced_without_the_switch(desk):
    advice = enrolment(1, mobile=NUMBER, mti="0120", more={REASON: REPLACES, SUPERVISOR: b"7"})
    assert ask(desk, advice).rc == "57"
    assert ask(desk, accrual(2, 5_000)).rc == "00"


def test_a_referrer_is_thanked_once_with_the_first_purchase_and_not_when_it_is_undone(desk):
    code = ask(desk, inquiry(extra={REASON: TELLS})).tags[REFCODE]
    assert ask(desk, enrolment(1, more={0x45: code})).rc == "00"
    assert desk.ledger.balance("ali") == 600, "pending"
    first = accrual(2, 50_000, uid=NEW)
    ask(desk, first)
    assert desk.ledger.balance("ali") == 600 + Programme().referral_points
    ask(desk, reversal(3, first))
    assert desk.ledger.balance("ali") == 600
    for seq in (4, 5):
        ask(desk, accrual(seq, 50_000, "0220", uid=NEW))
    assert desk.ledger.balance("ali") == 600 + Programme().referral_points


@pytest.mark.parametrize("said", [b"@nFmbMg", NUMBER.encode(), b"9C599B32", b"00000000", b"@", b"9350000000"])
def test_a_referrer_is_named_by_card_code_or_number(desk, said):
    answer = ask(desk, enrolment(1, more={0x45: said}))
    known = said in (b"@nFmbMg", NUMBER.encode())
    assert answer.rc == "00"
    assert (desk.ledger.facts(1003).referrer_id is not None) == known
    assert answer.tags.get(0x70, b"") == (b"" if known else b"Referrer not known")


def test_every_member_has_a_code_of_its_own_that_shows_a_slip():
    seen = {referrals.code_of(number) for number in range(1, 3000)}
    assert len(seen) == 2999
    assert all(referrals.member_of(referrals.code_of(number)) == number for number in range(1, 3000))
    code = referrals.code_of(17)
    slips = {code[:at] + digit + code[at + 1 :] for at in range(8) for digit in "0123456789"} - {code}
    assert all(referrals.member_of(slip) is None for slip in slips)


def test_a_number_given_to_another_member_is_the_others(desk):
    desk.ledger.set_contact("ali", "")
    assert ask(desk, typed(inquiry())).rc == "14"
    assert ask(desk, enrolment(1, mobile=NUMBER)).rc == "00"
    assert ask(desk, typed(accrual(2, 50_000))).balance == Programme().welcome_points + 50


def test_numbers_are_not_listed_as_cards(desk):
    assert [card.uid for card in desk.ledger.cards()] == [SARA, ALI]
    assert all(not keyed.is_keyed(card.uid) for card in desk.ledger.find_cards())
    assert desk.ledger.find_cards(keyed.PREFIX) == []


def test_two_members_cannot_have_one_card_or_number(database):
    with furnished_desk(database) as desk:
        assert ask(desk, enrolment(1)).rc == "00"
        assert ask(desk, enrolment(2, uid=OTHER)).rc == "26"
        assert ask(desk, enrolment(3, mobile="9350000000")).rc == "26"


def test_a_card_and_a_number_are_one_member_for_visits_bonuses_and_the_cap_of_a_day(desk):
    desk.ledger.programme = replace(Programme(), cap_day=100, visit_every=1, visit_points=7)
    assert ask(desk, accrual(1, 20_000)).points == 27
    assert ask(desk, typed(accrual(2, 20_000))).points == 20, "the same visit"
    desk.ledger.add_card(NEW, "ali")
    assert ask(desk, accrual(3, 80_000, uid=NEW)).points == 53, "and the same day"
    assert ask(desk, typed(accrual(4, 80_000))).points == 0
    assert desk.ledger.standing("ali").visits == 1
    assert ask(desk, accrual(5, 20_000, uid=SARA)).points == 27

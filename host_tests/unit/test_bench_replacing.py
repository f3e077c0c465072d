"""A new card in the place of others is heard of, gives nothing the old one had not, and is undone only as far as it
went; and nobody brings himself."""

import base64

import pytest

from host_tests.unit.bench_client import (
    ALI,
    STRANGER,
    accrual,
    ask,
    furnished_desk,
    inquiry,
    redemption,
    reversal,
)
from host_tests.unit.test_bench_enrolment import MOBILE, NEW, OTHER, enrolment
from tools.bench_switch import Programme, referrals
from tools.bench_switch.member_tables import ReferralRow

NUMBER = "9121111111"
REASON, SUPERVISOR, CLERK, REFERRER, SMS = 0x51, 0x0C, 0x0B, 0x45, 0x43


@pytest.fixture
def desk(database):
    with furnished_desk(database) as desk:
        desk.ledger.set_contact("ali", "0" + NUMBER, "en")
        yield desk


def replacement(seq, uid=NEW, auth=0, **more):
    request = enrolment(
        seq, uid=uid, mobile=NUMBER, more={REASON: b"\1", SUPERVISOR: b"7", CLERK: b"3", 9: bytes((auth,))}
    )
    return request | more


def test_the_member_is_written_to_and_who_allowed_it_is_shown(desk):
    desk.ledger.set_facts("ali", consent=False)
    request = replacement(1)
    assert ask(desk, request).tags[SMS] == b"\1"
    assert ask(desk, request).tags[SMS] == b"\1", "the repeat says the same"
    assert [(row.kind, row.mobile, row.state) for row in desk.ledger.messages()] == [("replaced", NUMBER, "queued")]
    (row,) = desk.ledger.transactions(member=desk.ledger.member("ali").id)[-1:]
    assert desk.ledger.reasons([row.id]) == {row.id: "clerk 3, allowed by 7"}
    assert ask(desk, reversal(2, request)).rc == "00"
    assert [row.state for row in desk.ledger.messages()] == ["withdrawn"]


@pytest.mark.parametrize(
    ("way", "auth", "rc"), [("legacy", 1, "00"), ("group", 1, "57"), ("sun", 2, "57"), ("relay", 1, "57")]
)
def test_a_replacement_spends_by_no_easier_way_before_the_office_says_so(desk, way, auth, rc):
    desk.ledger.set_way(ALI, way)
    desk.ledger.set_card(ALI, "lost")
    assert ask(desk, replacement(1, auth=auth)).rc == "00"
    assert ask(desk, accrual(2, 5_000, uid=NEW, auth=auth)).rc == "00", "it earns"
    assert ask(desk, redemption(3, 500, uid=NEW, auth=auth)).rc == rc
    desk.ledger.set_way(NEW, "legacy")
    assert ask(desk, redemption(4, 500 if rc == "57" else 100, uid=NEW, auth=auth)).rc in ("00", "13")
    assert desk.ledger.balance("ali") == 105


@pytest.mark.parametrize("state", ["stolen", "lost"])
def test_what_the_office_said_meanwhile_outlives_an_undone_replacement(desk, state):
    request = replacement(1)
    assert ask(desk, request).rc == "00"
    desk.ledger.set_card(ALI, state)
    assert ask(desk, reversal(2, request)).rc == "00"
    assert ask(desk, inquiry(ALI)).rc == {"stolen": "43", "lost": "41"}[state]


def test_an_old_card_stays_out_of_use_while_a_later_replacement_stands(desk):
    first, second = replacement(1), replacement(2, uid=OTHER)
    assert [ask(desk, one).rc for one in (first, second)] == ["00", "00"]
    assert ask(desk, reversal(3, first)).rc == "00"
    assert ask(desk, inquiry(ALI)).rc == "41"
    assert ask(desk, inquiry(OTHER)).rc == "00"


def by_card(uid):
    return b"@" + base64.urlsafe_b64encode(bytes.fromhex(uid)).rstrip(b"=")


@pytest.mark.parametrize(
    ("uid", "said"),
    [
        (NEW, MOBILE.encode()),
        (OTHER, by_card(OTHER)),
        (NEW, referrals.code_of(3).encode()),
        (STRANGER, by_card(STRANGER)),
        (STRANGER, referrals.code_of(3).encode()),
    ],
    ids=["number", "card", "code", "card that earned", "code of a card that earned"],
)
def test_nobody_brings_himself(desk, uid, said):
    if uid == STRANGER:
        ask(desk, accrual(1, 7_000, uid=uid))
    answer = ask(desk, enrolment(2, uid=uid, more={REFERRER: said}))
    assert (answer.rc, 0x70 in answer.tags) == ("00", True), "a member all the same, and brought by nobody"
    assert desk.ledger.referrals() == []
    before = answer.balance
    assert ask(desk, accrual(3, 5_000, uid=uid)).balance == before + 5


def test_a_member_of_older_books_who_brought_himself_is_not_thanked_and_found(desk):
    assert ask(desk, enrolment(1, more={REFERRER: referrals.code_of(1).encode()})).rc == "00"
    number = desk.ledger.member(1003).id

    def brought_by(referrer_id):
        def written(session):
            session.get_one(ReferralRow, number).referrer_id = referrer_id

        desk.ledger.transact(written)

    brought_by(number)
    assert ask(desk, accrual(2, 5_000, uid=NEW)).balance == Programme().welcome_points + 5
    brought_by(1)
    assert ask(desk, accrual(3, 5_000, uid=NEW)).rc == "00"
    brought_by(number)
    assert f"member {number}: credited for bringing himself" in desk.ledger.check()
    brought_by(1)

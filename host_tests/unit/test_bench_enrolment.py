"""A card and a number become a member once: whoever repeats, reverses, comes late or says the same again."""

import pytest

from host_tests.unit.bench_client import ALI, SARA, STRANGER, accrual, ask, furnished_desk, reversal, value
from tools.bench_switch import Programme, facts

NEW, OTHER = "04AABBCCDDEE80", "C0FFEE01"
MOBILE = "9123456789"
WELCOME = Programme().welcome_points
ENROL = "930091"
SMS, MEMBER, CHANNEL = 0x43, 0x2B, 0x42


@pytest.fixture
def desk(database):
    with furnished_desk(database) as desk:
        yield desk


def enrolment(seq, uid=NEW, mobile=MOBILE, mti="0100", points=0, consent=1, channel=b"\x01en", more=None, **changes):
    extra = {0x40: bytes.fromhex(mobile), 0x41: bytes((consent,)), 0x42: channel, **(more or {})}
    if mti.startswith("012"):
        extra |= {0x03: points.to_bytes(4, "big"), 0x0D: b"\1"}
        changes.setdefault("38", f"F{seq:05d}")
        changes.setdefault("25", "06")
    return value(mti, seq, 0, points, uid=uid, auth=0, pcode=ENROL, extra=extra, **changes)


def number_of(answer):
    return int.from_bytes(answer.tags[MEMBER], "big")


def test_a_new_member_has_a_number_welcome_points_and_is_found_by_card_and_mobile(desk):
    answer = ask(desk, enrolment(1, more={0x46: bytes.fromhex("0125")}))
    assert (answer.rc, answer.points, answer.balance, number_of(answer)) == ("00", WELCOME, WELCOME, 1003)
    assert answer.fields["38"].strip() and answer.tags[CHANNEL] == b"\x01en"
    assert answer.tags[SMS] == b"\1"
    known = desk.ledger.facts(1003)
    assert (known.channel, known.language, known.consent, known.birthday) == (facts.BY_SMS, "en", True, "0125")
    assert str(known.enrolled) == "2026-11-22"
    assert ask(desk, accrual(2, 50_000, uid=NEW)).balance == WELCOME + 50
    typed = value("0200", 3, 20_000, 20, auth=0, extra={0x40: bytes.fromhex(MOBILE)}, **{"22": "011"})
    typed["48"] = _without_uid(typed["48"])
    assert ask(desk, typed).balance == WELCOME + 70


def _without_uid(content):
    from host_tests.unit.bench_client import tlv, untlv

    return tlv({tag: one for tag, one in untlv(content).items() if tag != 7})


def test_the_same_card_and_number_again_is_the_same_member_and_no_second_welcome(desk):
    assert ask(desk, enrolment(1)).rc == "00"
    again = ask(desk, enrolment(2, channel=b"\x02fa"))
    assert (again.rc, again.points, again.balance, number_of(again)) == ("00", 0, WELCOME, 1003)
    assert desk.ledger.facts(1003).channel == facts.ON_PAPER, "what was said last counts"
    late = ask(desk, enrolment(3, mti="0120", points=WELCOME))
    assert (late.rc, late.points, late.balance) == ("00", WELCOME, WELCOME), "settled: it was booked before"


@pytest.mark.parametrize(
    ("uid", "mobile"), [(ALI, MOBILE), (NEW, "9121111111"), (SARA, "9121111111")], ids=["card", "number", "both"]
)
def test_a_card_or_a_number_of_another_member_is_refused(desk, uid, mobile):
    desk.ledger.set_contact("ali", "09121111111")
    assert ask(desk, enrolment(1, uid=uid, mobile=mobile)).rc == "26"
    assert ask(desk, enrolment(2, uid=uid, mobile=mobile, mti="0120", points=WELCOME)).rc == "26"
    assert desk.ledger.balances() == {"ali": 600, "sara": 0}


def test_what_an_unknown_card_earned_stays_when_it_is_enrolled(desk):
    ask(desk, accrual(1, 70_000, uid=STRANGER))
    answer = ask(desk, enrolment(2, uid=STRANGER))
    assert (answer.rc, answer.points, answer.balance) == ("00", WELCOME, 70 + WELCOME)
    assert not desk.ledger.member(1003).provisional


def test_an_offline_enrolment_keeps_the_welcome_that_was_promised_once(desk):
    for mti in ("0120", "0121", "0121"):
        answer = ask(desk, enrolment(1, mti=mti, points=30))
        assert (answer.rc, answer.points, answer.balance) == ("94" if mti == "0121" else "00", 30, 30)


def test_an_enrolment_that_is_reversed_leaves_card_and_number_free(desk):
    first = enrolment(1)
    assert ask(desk, first).rc == "00"
    assert ask(desk, reversal(2, first)).rc == "00"
    assert desk.ledger.check() == []
    again = ask(desk, enrolment(3))
    assert (again.rc, number_of(again), again.balance) == ("00", 1003, WELCOME)


def test_a_reversal_that_comes_first_keeps_the_enrolment_out(desk):
    first = enrolment(1)
    assert ask(desk, reversal(2, first)).rc == "25"
    assert ask(desk, first).rc == "68"
    assert len(desk.ledger.members()) == 2


def test_without_consent_nobody_is_written_to(desk):
    answer = ask(desk, enrolment(1, consent=0))
    assert (answer.rc, answer.tags[SMS]) == ("00", b"\0")
    assert ask(desk, accrual(2, 50_000, "0220", uid=NEW)).tags[SMS] == b"\0"
    assert desk.ledger.messages() == []


def test_who_wants_messages_hears_of_a_sale_and_who_wants_paper_does_not(desk):
    ask(desk, enrolment(1))
    assert ask(desk, accrual(2, 50_000, uid=NEW)).tags[SMS] == b"\1"
    ask(desk, enrolment(3, uid=OTHER, mobile="9350000000", channel=b"\x02fa"))
    answer = ask(desk, accrual(4, 50_000, uid=OTHER))
    assert (answer.tags[SMS], answer.tags[CHANNEL]) == (b"\0", b"\x02fa")
    assert [row.kind for row in desk.ledger.messages()] == ["earned", "welcome"]


@pytest.mark.parametrize(
    "more",
    [{0x46: bytes.fromhex("1231")}, {0x46: bytes.fromhex("0732")}, {0x46: bytes.fromhex("1301")}, {0x42: b"\x07en"},
     {0x42: b"\x01xx"}, {0x40: bytes.fromhex("8123456789")}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(desk, more):
    assert ask(desk, enrolment(1, more=more)).rc == "12"
    assert len(desk.ledger.members()) == 2


def test_the_thirtieth_of_esfand_is_a_birthday(desk):
    assert ask(desk, enrolment(1, more={0x46: bytes.fromhex("1230")})).rc == "00"


def test_a_blocked_card_becomes_nobodys(desk):
    ask(desk, accrual(1, 1_000, uid=STRANGER))
    desk.ledger.set_card(STRANGER, "stolen")
    assert ask(desk, enrolment(2, uid=STRANGER)).rc == "43"


def test_the_day_of_enrolment_counts_full_years():
    import datetime

    known = facts.Facts(datetime.date(2024, 11, 23))
    assert [known.full_years(datetime.date(2026, 11, day)) for day in (22, 23)] == [1, 2]
    assert facts.Facts().full_years(datetime.date(2026, 1, 1)) == 0


def test_no_whole_number_is_in_the_log(desk):
    ask(desk, enrolment(1))
    typed = value("0200", 2, 20_000, 20, auth=0, extra={0x40: bytes.fromhex(MOBILE)})
    typed["48"] = _without_uid(typed["48"])
    ask(desk, typed)
    ask(desk, {**typed, "4": f"{30_000:012d}"})
    text = " ".join(f"{entry} {entry.line()}" for entry in desk._log.entries())
    assert "was used for" in text and MOBILE not in text and "0912***6789" in text

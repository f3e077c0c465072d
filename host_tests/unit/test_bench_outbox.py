"""Text messages to members: written once with what they tell, never about what was undone, and told in the answer."""

import pytest

from host_tests.unit.bench_client import (
    ALI,
    NOW,
    SARA,
    STRANGER,
    TERMINAL,
    accrual,
    ask,
    furnish,
    furnished_desk,
    redemption,
    reversal,
)
from tools.bench_switch import Ledger, LedgerError, Programme, outbox
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog

SMS = 0x43
NONE, WRITTEN, NO_NUMBER = b"\0", b"\1", b"\2"


@pytest.fixture
def desk(database):
    """A desk whose ali reads Persian and whose sara gave no number."""
    with furnished_desk(database) as desk:
        desk.ledger.set_contact("ali", "0912 345 6789")
        yield desk


def written(desk):
    return [(row.kind, row.state, row.text) for row in reversed(desk.ledger.messages())]


def test_offline_points_are_confirmed_once_whatever_is_repeated(desk):
    for mti in ("0220", "0221", "0221"):
        assert ask(desk, accrual(1, 125_000, mti)).tags[SMS] == WRITTEN
    assert written(desk) == [("confirmed", "queued", "وفا: ۱۲۵ امتیاز خرید شما قطعی شد. مانده: ۷۲۵ امتیاز")]
    assert desk.ledger.messages()[0].mobile == "9123456789"


def test_an_online_sale_writes_nothing_and_a_redemption_does(desk):
    desk.ledger.set_contact("ali", "+989123456789", "en")
    assert ask(desk, accrual(1, 125_000)).tags[SMS] == NONE
    assert ask(desk, redemption(2, 500)).tags[SMS] == WRITTEN
    assert ask(desk, redemption(3, 500)).tags[SMS] == NONE, "refused at the counter"
    assert written(desk) == [("redeemed", "queued", "Vafa: you spent 500 points. Balance 225 points")]


def test_a_later_refusal_of_an_advice_is_told(desk):
    desk.ledger.set_card(ALI, "lost")
    for mti in ("0220", "0221"):
        answer = ask(desk, accrual(1, 125_000, mti))
        assert (answer.rc, answer.tags[SMS]) == ("41", WRITTEN)
    assert written(desk) == [("refused", "queued", "وفا: ۱۲۵ امتیاز ثبت نشد. لطفاً با فروشگاه تماس بگیرید")]


def test_who_gave_no_number_gets_none_and_a_repeat_says_the_same_after_one_was_given(desk):
    assert ask(desk, accrual(1, 5_000, "0220", uid=SARA)).tags[SMS] == NO_NUMBER
    desk.ledger.set_contact("sara", "09351112233")
    assert ask(desk, accrual(1, 5_000, "0221", uid=SARA)).tags[SMS] == NO_NUMBER
    assert ask(desk, accrual(2, 5_000, "0220", uid=STRANGER)).tags[SMS] == NO_NUMBER
    assert written(desk) == []
    desk.ledger.set_contact("sara", "")
    assert desk.ledger.contact("sara") is None


def test_the_message_of_a_redemption_that_is_reversed_is_withdrawn(desk):
    spent = redemption(1, 500)
    assert ask(desk, spent).tags[SMS] == WRITTEN
    assert SMS not in ask(desk, reversal(2, spent)).tags
    assert [(kind, state) for kind, state, _ in written(desk)] == [("redeemed", "withdrawn")]


def test_a_programme_that_wants_none_writes_none(database):
    ledger = Ledger(database, Programme(sms=()))
    furnish(ledger)
    ledger.set_contact("ali", "09123456789")
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    assert ask(desk, redemption(1, 500)).tags[SMS] == NONE
    assert ledger.messages() == []
    ledger.close()


def test_the_log_of_messages_never_holds_a_number(desk):
    ask(desk, redemption(1, 500))
    assert "3456789" not in repr(desk._log.entries())
    assert [entry.tags.get("SMS") for entry in desk._log.entries()] == [None, 1]


@pytest.mark.parametrize("kind", outbox.KINDS)
def test_persian_fits_into_one_part(kind):
    text = outbox.in_words(kind, "fa", -9_999_999, 9_999_999)
    assert len(text) <= 70
    assert not any(digit in text for digit in "0123456789,")


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("09123456789", "9123456789"),
        ("+98 912 345 6789", "9123456789"),
        ("0098-912-345-6789", "9123456789"),
        ("۰۹۱۲۳۴۵۶۷۸۹", "9123456789"),
    ],
)
def test_numbers_as_people_write_them(text, digits):
    assert outbox.mobile_number(text) == digits
    assert outbox.masked_mobile(digits) == "0912***6789"


@pytest.mark.parametrize("text", ["0912345678", "021 1234 5678", "09123456789x", "091234567890", "²9123456789"])
def test_what_is_no_mobile_number_is_refused_without_repeating_it(text):
    with pytest.raises(LedgerError) as refused:
        outbox.mobile_number(text)
    assert refused.value.code == "B15"
    assert text not in str(refused.value)


def test_books_from_before_there_were_messages_go_on(shared_database):
    old = Ledger(shared_database)
    furnish(old)
    with old._engine.begin() as connection:
        for table in ("outbox", "member_contacts", "reasons"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    old.close()
    ledger = Ledger(shared_database)
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    assert ask(desk, redemption(1, 500)).tags[SMS] == NO_NUMBER
    assert ledger.check() == []
    ledger.close()


def test_two_workers_with_one_advice_write_one_message(shared_database):
    ledger = Ledger(shared_database)
    furnish(ledger)
    ledger.set_contact("ali", "09123456789")
    from concurrent.futures import ThreadPoolExecutor

    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: ask(desk, accrual(1, 5_000, "0221")), range(6)))
    assert sorted(answer.rc for answer in answers) == ["00"] + ["94"] * 5
    assert {answer.tags[SMS] for answer in answers} == {WRITTEN}
    assert len(ledger.messages()) == 1
    ledger.close()


def test_the_office_gives_and_takes_points_with_a_reason(database):
    ledger = Ledger(database)
    furnish(ledger)
    assert ledger.adjust("ali", 150, "late delivery", NOW) == 750
    assert ledger.adjust(1001, -50, "  typing mistake ", NOW) == 700
    assert (ledger.balance("ali"), ledger.accounts()) == (700, {"member": 700, "issued": -700})
    rows = [row for row in ledger.transactions() if row.verb == "adjust"]
    assert [(row.points, row.booked_utc, row.terminal_id) for row in rows] == [(150, NOW, None), (-50, NOW, None)]
    assert list(ledger.reasons(row.id for row in rows).values()) == ["late delivery", "typing mistake"]
    for points, reason, code in ((-701, "x", "B13"), (0, "x", "B13"), (2**31, "x", "B13"), (1, " ", "B14")):
        with pytest.raises(LedgerError) as refused:
            ledger.adjust("ali", points, reason, NOW)
        assert refused.value.code == code
    assert ledger.check() == []
    assert ledger.terminal(TERMINAL).high_seq == 0
    ledger.close()

"""The check of the books finds what was changed or lost in the programme's own tables, and nothing in right ones."""

import shutil

import pytest
from sqlalchemy import create_engine

from host_tests.unit.bench_client import ALI, NOW, accrual, ask, furnished_desk, reversal, u32, untlv, value
from host_tests.unit.bench_client import tlv as spelled
from host_tests.unit.test_bench_enrolment import NEW, enrolment
from host_tests.unit.test_bench_vouchers import LATE, OFFER, SOLD, issue, made, pays, use
from tools.bench_switch import Ledger, Programme, offers, referrals
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog

REWARD, REASON, SURVEY, DISPUTE, WINBACK, REFERRER = 0x22, 0x51, 0x50, 0x53, 0x15, 0x45


def remark(seq, extra):
    extra = {3: bytes(4), 0x0D: b"\4", **extra}
    return value("0120", seq, 0, 0, pcode="940000", extra=extra, **{"38": f"F{seq:05d}"})


@pytest.fixture(scope="module")
def kept_books(tmp_path_factory):
    """One of everything the programme keeps: sale 3 took an offer, 5 and 6 vouchers, 7 a reward. 8 enrolled member 3,
    whom member 1 brought. 11 is a remark, 12 one without a name, 13 disputes sale 3, 14 answers a win-back."""
    path = tmp_path_factory.mktemp("programme") / "books.db"
    with furnished_desk(f"sqlite:///{path}") as desk:
        ledger = desk.ledger
        ledger.programme = Programme(rewards=((1, 500, 60_000, "Mug"),), prize_one_in=1, prize_percent=15)
        number = ledger.add_offer(offers.PERCENT, 10, "Tea", now_utc=NOW)
        took = {OFFER: number.to_bytes(2, "big") + (100_000).to_bytes(5, "big") + b"\0"}
        said = []

        def say(request):
            answer = ask(desk, request)
            said.append(answer.rc)
            return answer

        say(accrual(1, 60_000_000))
        say(accrual(2, 90_000, extra=took))
        sold = say(issue(3, 500_000, SOLD)).tags[0x21].decode()
        say(pays(4, sold, 100_000, 0))
        say(use(5, made(desk, worth=50_000), 60_000, 10_000))
        say(value("0200", 6, 60_000, -500, extra={REWARD: b"\0\1"}))
        say(enrolment(7, more={REFERRER: referrals.code_of(1).encode()}))
        say(accrual(8, 5_000, uid=NEW))
        say(remark(9, {SURVEY: b"\1\5\0"}))
        nameless = remark(10, {SURVEY: b"\1\5\1"})
        say({**nameless, "48": spelled({tag: one for tag, one in untlv(nameless["48"]).items() if tag != 7})})
        say(remark(11, {DISPUTE: u32(2), REASON: b"\1"}))
        say(accrual(12, 5_000, extra={WINBACK: b"\1"}))
        undone = enrolment(13, uid="04AABBCCDDEE81", mobile="9121111111", mti="0100")
        say(undone)
        say(reversal(14, undone))
        say(issue(15, 50_000, LATE))
        assert set(said) == {"00"}, " ".join(said)
        ledger.set_contact("sara", "09122222222")
        ledger.set_contact("sara", "09123333333")
        assert ledger.check() == []
    return path


def changed(kept_books, tmp_path, statement):
    path = tmp_path / "changed.db"
    shutil.copy(kept_books, path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        assert connection.exec_driver_sql(statement).rowcount
    engine.dispose()
    ledger = Ledger(f"sqlite:///{path}")
    found = ledger.check()
    ledger.close()
    return found


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM voucher_uses", "transaction 5 was paid with a voucher, and no use of one is kept"),
        ("UPDATE voucher_uses SET slot = 99", "transaction 6: what it used may be used again"),
        ("UPDATE voucher_uses SET slot = 99, stands_at = 99", "transaction 6: what it used may be used again"),
        (
            "UPDATE voucher_uses SET price = 1, taken = 1 - 0",
            "transaction 5 named another voucher or price than is kept",
        ),
        ("DELETE FROM offer_uses", "transaction 3 took offer 1, and no use of it is kept"),
        ("UPDATE offer_uses SET slot = 99, stands_at = 99", "transaction 3: what it used may be used again"),
        ("UPDATE offers SET last_day = '2020-01-01'", "transaction 3 took offer 1 after its last day"),
        ("UPDATE offers SET once = 0", "transaction 3: what it used may be used again"),
        ("UPDATE offers SET audience = 'gold'", "offer 1 is not what it was, and nobody decided so"),
        ("UPDATE vouchers SET value = 99 WHERE reason = 6", "is not what it was, and nobody decided so"),
        ("DELETE FROM vouchers WHERE reason = 6", "is gone, and nobody decided so"),
        ("UPDATE vouchers SET keeps_rest = 1 WHERE reason = 1", "keeps a rest, or loses one, that it should not"),
        ("UPDATE vouchers SET reason = 2 WHERE reason = 1", "is for another reason than its message said"),
        ("UPDATE vouchers SET last_day = '2099-01-01' WHERE reason = 0", "is not what it was, and nobody decided so"),
        ("UPDATE vouchers SET last_day = '2020-01-01'", "transaction 5 used a voucher after its last day"),
        ("DELETE FROM reward_choices", "transaction 7 named another reward than is kept"),
        ("UPDATE reward_choices SET reward = 2", "transaction 7 named another reward than is kept"),
        ("DELETE FROM member_facts", "facts 3 is gone, and nobody decided so"),
        ("UPDATE member_facts SET enrolled = '1990-01-01'", "facts 3 is not what it was, and nobody decided so"),
        ("UPDATE member_facts SET referrer_id = 2", "member 3 was brought by one, and another is thanked"),
        ("UPDATE member_tiers SET tier = 1", "tier 1 is not what it was, and nobody decided so"),
        ("DELETE FROM member_tiers", "tier 1 is gone, and nobody decided so"),
        ("DELETE FROM enrolled_cards", "transaction 8: what this enrolment did to cards is not what is kept of it"),
        (
            "UPDATE enrolled_cards SET was = 'lost'",
            "transaction 8: what this enrolment did to cards is not what is kept",
        ),
        ("UPDATE remarks SET member_id = 2", "remark 11 is member 2's, and member 1 said it"),
        ("UPDATE remarks SET answer = 1", "remark 11 is not what was said"),
        ("UPDATE disputes SET original_id = 4", "dispute 13 is not about what was named"),
        ("UPDATE disputes SET original_id = NULL", "dispute 13 is not about what was named"),
        ("DELETE FROM winbacks", "transaction 14 answered a win-back, or did not, and the books say otherwise"),
        ("UPDATE winbacks SET away_days = 7", "win-back 14 is not what it was, and nobody decided so"),
        (f"UPDATE cards SET member_id = 2 WHERE uid = '{ALI}'", "is member 2's, and was never given to them"),
        ("DELETE FROM card_owners", "was given to somebody, and nobody knows from when on"),
        ("UPDATE member_contacts SET mobile = '9000000000'", "stands for member 3, whose it is not"),
        ("UPDATE cards SET member_id = 2 WHERE uid LIKE '886D%6789'", "stands for member 2, whose it is not"),
        ("UPDATE message_details SET said = '2004'", "what its message said besides is not kept as it came"),
    ],
)
def test_what_was_changed_in_the_programmes_tables_is_found(kept_books, tmp_path, statement, found):
    assert any(found in problem for problem in changed(kept_books, tmp_path, statement))


def test_books_that_are_older_than_the_evidence_are_not_accused(kept_books, tmp_path):
    path = tmp_path / "older.db"
    shutil.copy(kept_books, path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for table in ("message_details", "decision_lines"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    engine.dispose()
    ledger = Ledger(f"sqlite:///{path}")
    assert ledger.check() == []
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    assert ask(desk, accrual(20, 50_000, extra={WINBACK: b"\1"})).rc == "00"
    assert ledger.check() == []
    ledger.close()

"""What customers say at the bench switch: kept once, counted without a name, answered by the office."""

import pytest
from click.testing import CliRunner

from host_tests.unit.bench_client import (
    ALI,
    MERCHANT,
    NOW,
    SARA,
    STRANGER,
    accrual,
    ask,
    furnished_desk,
    untlv,
    value,
)
from tools.bench_switch import Ledger, LedgerError
from tools.bench_switch.cli import main
from tools.bench_switch.remark_tables import NamelessRow
from tools.bench_switch.remarks import ack_for

SURVEY, REASON, CLERK = 0x50, 0x51, 0x0B
DAY = "2026-11-22"


@pytest.fixture
def desk():
    with furnished_desk("sqlite://") as desk:
        yield desk


def remark(seq: int, extra: dict[int, bytes], uid: str = ALI, mti: str = "0120") -> dict[str, str]:
    fields = value("0220", seq, 0, 0, pcode="940000", uid=uid or ALI, extra=extra) | {"t": mti}
    if not uid:
        tags = {tag: said for tag, said in untlv(fields["48"]).items() if tag != 7}
        fields["48"] = "".join(f"{tag:02X}{len(said):02X}{said.hex().upper()}" for tag, said in sorted(tags.items()))
    return fields


def answer(seq: int, digit: int, uid: str = ALI, question: int = 3, **more) -> dict[str, str]:
    return remark(seq, {SURVEY: bytes((question, digit, not uid))}, uid, **more)


def ack(desk, name: str = "ali", now: int = NOW) -> bytes | None:
    member = desk.ledger.member(name).id
    return desk.ledger.transact(lambda session: ack_for(session, member, now))


def test_an_answer_is_kept_once_and_moves_nothing(desk):
    before = desk.ledger.balance("ali")
    assert ask(desk, answer(1, 4)).rc == "00"
    assert ask(desk, answer(1, 4, mti="0121")).rc == "94"
    assert [(one.member, one.kind, one.question, one.said, one.day) for one in desk.ledger.remarks()] == [
        ("ali", "survey", 3, "4", DAY)
    ]
    assert desk.ledger.survey_results() == [(3, 4, 1, 0)]
    assert desk.ledger.balance("ali") == before
    assert desk.ledger.check() == []


def test_another_answer_under_the_same_number_is_refused(desk):
    ask(desk, answer(1, 4))
    assert ask(desk, answer(1, 5)).rc == "12"
    assert desk.ledger.survey_results() == [(3, 4, 1, 0)]


def test_an_answer_without_a_name_is_counted_and_leads_to_nobody(desk):
    ask(desk, accrual(1, 50_000))
    said = answer(2, 5, uid="")
    assert ask(desk, said).rc == "00"
    assert ask(desk, said).rc == "94"
    assert ask(desk, answer(3, 5, uid="")).rc == "00"
    assert desk.ledger.survey_results() == [(3, 5, 0, 2)]
    assert desk.ledger.remarks() == []
    row = desk.ledger.transactions()[-1]
    assert (row.uid, row.member_id, row.de7[4:], row.content) == ("", None, "000000", "remark  0 0 0 @364/1122/")
    assert (row.booked_utc + 12_600) % 86_400 == 0
    assert desk.ledger.check() == []


def test_what_is_said_with_and_without_a_name_at_once_is_refused_and_says_nothing(desk):
    assert ask(desk, remark(1, {SURVEY: b"\3\4\1"})).rc == "12"
    assert ask(desk, remark(2, {SURVEY: b"\3\4\0"}, uid="")).rc == "12"
    assert ask(desk, remark(3, {SURVEY: b"\3\6\0"})).rc == "12"
    assert ask(desk, remark(4, {})).rc == "12"
    assert ask(desk, remark(5, {REASON: b"\6"})).rc == "12"
    assert ask(desk, answer(6, 1, uid=STRANGER)).rc == "14"
    assert desk.ledger.survey_results() == []
    assert desk.ledger.check() == []


def test_the_reason_of_a_member_who_had_stayed_away_is_counted(desk):
    assert ask(desk, remark(1, {REASON: b"\2"})).rc == "00"
    assert ask(desk, remark(2, {REASON: b"\2"}, uid=SARA)).rc == "00"
    assert desk.ledger.stayed_away()["price"] == 2
    assert sum(desk.ledger.stayed_away().values()) == 2


def test_the_offices_answer_is_told_for_a_day_then_the_next_one_and_then_nothing(desk):
    for seq in (1, 2):
        ask(desk, answer(seq, seq))
    assert ack(desk) is None
    first, second = desk.ledger.remarks()
    desk.ledger.answer_remark(first.number, "We have a lift now", NOW)
    desk.ledger.answer_remark(second.number, "Done", NOW)
    assert ack(desk) == bytes.fromhex("261122") + b"We have a lift now"
    assert ack(desk, now=NOW + 60) == ack(desk)  # the first was lost on its way
    assert ack(desk, "sara") is None
    midnight = NOW - (NOW + 12_600) % 86_400 + 86_400
    assert ack(desk, now=midnight - 1) == ack(desk)
    later = midnight  # a business day, whatever the hours
    assert ack(desk, now=later) == bytes.fromhex("261122") + b"Done"
    assert ack(desk, now=later + 86_400) is None
    assert desk.ledger.remarks() == []
    with pytest.raises(LedgerError, match="B97"):
        desk.ledger.answer_remark(first.number, "once more", NOW)
    with pytest.raises(LedgerError, match="B97"):
        desk.ledger.answer_remark(99, "nobody said that", NOW)


def test_an_answer_longer_than_a_message_holds_is_refused(desk):
    ask(desk, answer(1, 1))
    (one,) = desk.ledger.remarks()
    with pytest.raises(LedgerError, match="B97"):
        desk.ledger.answer_remark(one.number, "ب" * 31, NOW)
    desk.ledger.answer_remark(one.number, "ب" * 30, NOW)
    said = ack(desk)
    assert said is not None
    assert len(said) == 63


def test_the_check_sees_answers_that_nobody_gave(desk):
    ask(desk, answer(1, 5, uid=""))

    invented = NamelessRow(merchant_id=MERCHANT, question=9, answer=1, day=DAY, times=1)
    desk.ledger.transact(lambda session: session.add(invented))
    assert desk.ledger.check() == ["1 answers without a name came, and 2 are counted"]
    desk.ledger.transact(lambda session: session.delete(invented))


def test_the_office_reads_and_answers_from_the_command_line(tmp_path):
    database = f"sqlite:///{tmp_path}/books.db"
    with furnished_desk(database) as desk:
        ask(desk, answer(1, 5))
        ask(desk, answer(2, 2, uid=""))
        ask(desk, remark(3, {REASON: b"\5"}))

    def run(*words: str) -> str:
        ran = CliRunner().invoke(main, ["--database", database, *words], env={"COLUMNS": "200"})
        assert ran.exit_code == 0, ran.output
        return ran.output

    assert "a service they lack" in run("remark", "list", "--member", "ali")
    number = str(Ledger(database).remarks()[0].number)
    assert "told at the member's next tap" in run("remark", "answer", number, "Thank you, done")
    assert "Thank you, done" in run("remark", "list", "--answered")
    assert "Thank you" not in run("remark", "list")
    results = run("survey", "results")
    assert "a service they lack" in results
    assert "without" in results

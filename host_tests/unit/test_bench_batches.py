"""The switch's side of a batch: what it compares, closes once and keeps; bytes in, bytes out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from host_tests.unit.bench_client import (
    ALI,
    SARA,
    TERMINAL,
    accrual,
    ask,
    card_fields,
    furnished_desk,
    i32,
    network,
    redemption,
    reversal,
    stan,
    tlv,
    u32,
    untlv,
)
from tools.bench_switch import Programme
from tools.bench_switch.amnesia import forget
from tools.bench_switch.batch_tables import BatchRow, FactRow
from tools.bench_switch.batches import COMPARED, KINDS, equal, parsed, spelt, together

TAG = bytes(range(8))
SESSIONS = iter(range(0x80000100, 0x80001000))


@pytest.fixture
def desk(database):
    with furnished_desk(database) as desk:
        yield desk


def row(kind, clerk, count, money, points):
    return f"{kind}{clerk:03d}{count:06d}{money:016d}{'D' if points < 0 else 'C'}{abs(points):013d}"


def totals(number, low, high, *rows, code="920000", beginning="W", **changes):
    session = next(SESSIONS)
    return {
        "t": "0500",
        "3": code,
        "7": "1122000000",
        "11": stan(session),
        "24": "001",
        "41": network("301")["41"],
        "42": network("301")["42"],
        "48": tlv({1: u32(session), 0x0A: b"\2", 0x60: b"\1", 0x64: TAG}),
        "49": "364",
        "60": f"{number:06d}{low:010d}{high:010d}{beginning}{12:010d}",
        "63": "".join(rows),
        **changes,
    }


def upload(number, kind, seq, amount, points, uid=ALI, mti="0320", clerk=b"", offline=False):
    tags = {1: u32(seq), 2: i32(points), 4: b"\0\1", 7: bytes.fromhex(uid), 9: b"\1", 0x0A: b"\2", 0x60: b"\1"}
    fields = card_fields(mti, "009100" if points < 0 else "210091", seq, "1122000000")
    more = {"25": "06" if offline else "00", "38": " " * 6, "4": f"{amount:012d}", "60": f"{number:06d}{kind}"}
    return {**fields, **more, "48": tlv(tags | ({0x0B: clerk} if clerk else {}))}


def closed(answer):
    text = answer.fields["60"]
    return answer.rc, int(text[:6]), int(text[6:16]), int(text[16:])


def shift(desk):
    """A little of everything; what the terminal says of it."""
    ask(desk, accrual(1, 125_000, extra={0x0B: b"3"}))
    ask(desk, redemption(2, 500))
    lost = accrual(3, 7_000)
    ask(desk, lost)
    ask(desk, reversal(4, lost))
    ask(desk, accrual(5, 9_000, "0220", uid=SARA))
    ask(desk, reversal(6, accrual(60, 8_000)))  # never came
    ask(desk, redemption(7, 90_000))  # refused
    return [
        row("AC", 3, 1, 125_000, 125),
        row("RE", 0, 1, 50_000, -500),
        row("OA", 0, 1, 9_000, 9),
        row("RV", 0, 2, 15_000, 15),
        row("VO", 0, 1, 1_000, 1),
    ]


def test_equal_totals_close_the_batch_once_and_for_good(desk):
    rows = shift(desk)
    assert closed(ask(desk, totals(1, 1, 7, *rows))) == ("00", 1, 1, 7)
    assert closed(ask(desk, totals(1, 1, 7, *rows))) == ("00", 1, 1, 7)
    assert closed(ask(desk, totals(1, 1, 9, row("AC", 0, 1, 1, 1)))) == ("00", 1, 1, 7)
    kept = desk.ledger.batch(TERMINAL, 1)
    assert (kept.state, kept.chain, kept.generation, kept.high) == ("agreed", TAG.hex(), 12, 7)
    assert closed(ask(desk, totals(2, 8, 7))) == ("00", 2, 8, 7)
    ask(desk, accrual(8, 4_000))
    assert closed(ask(desk, totals(3, 8, 8, row("AC", 0, 1, 4_000, 4)))) == ("00", 3, 8, 8)


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows[1:],
        lambda rows: [row("AC", 3, 2, 125_000, 125), *rows[1:]],
        lambda rows: [row("AC", 3, 1, 125_001, 125), *rows[1:]],
        lambda rows: [row("AC", 3, 1, 125_000, 126), *rows[1:]],
        lambda rows: [row("AC", 4, 1, 125_000, 125), *rows[1:]],
        lambda rows: [row("OA", 3, 1, 125_000, 125), *rows[1:]],
    ],
)
def test_any_other_figure_differs(desk, change):
    rows = change(shift(desk))
    assert closed(ask(desk, totals(1, 1, 7, *rows)))[0] == "95"
    assert desk.ledger.batch(TERMINAL, 1).state == "open"


def test_a_terminal_with_many_clerks_is_compared_by_kind(desk):
    shift(desk)
    rows = [row("AC", 0, 1, 125_000, 125), row("RE", 0, 1, 50_000, -500)]
    rows += [row("OA", 0, 1, 9_000, 9), row("RV", 0, 2, 15_000, 15)]
    told = [text[:2] + "***" + text[5:] for text in rows]
    assert closed(ask(desk, totals(1, 1, 7, *told)))[0] == "00"


def test_a_lost_beginning_and_a_journal_that_ends_too_soon_are_never_agreed(desk):
    rows = shift(desk)
    assert closed(ask(desk, totals(1, 1, 7, *rows, beginning="L")))[0] == "95"
    assert closed(ask(desk, totals(1, 1, 6, *rows)))[0] == "95"  # 7 was refused: only its SEQ is known
    assert desk.ledger.batch(TERMINAL, 1).beyond == 7


def test_a_range_that_does_not_follow_is_given_number_and_beginning(desk):
    rows = shift(desk)
    ask(desk, totals(4, 1, 7, *rows))
    ask(desk, accrual(8, 4_000))
    for number, low in ((4, 8), (1, 8), (5, 1), (5, 9)):
        assert closed(ask(desk, totals(number, low, 9, row("AC", 0, 1, 4_000, 4)))) == ("94", 5, 8, 9)
    assert closed(ask(desk, totals(6, 8, 8, row("AC", 0, 1, 4_000, 4))))[0] == "00"


def lose(ledger, seq):
    """As if the books had been put back to an earlier day."""
    forget(ledger, TERMINAL, seq=seq)


def test_an_accrual_the_switch_lost_comes_back_with_the_upload_once(desk):
    rows = shift(desk)
    lose(desk.ledger, 1)
    before = desk.ledger.balance("ali")
    assert closed(ask(desk, totals(1, 1, 7, *rows)))[0] == "95"
    lost = {"number": 1, "kind": "AC", "seq": 1, "amount": 125_000, "points": 125, "clerk": b"3"}
    assert [ask(desk, upload(mti=mti, **lost)).rc for mti in ("0320", "0321", "0321")] == ["00", "00", "00"]
    assert desk.ledger.balance("ali") == before + 125
    assert ask(desk, upload(1, "RE", 2, 50_000, -500)).rc == "00"
    assert closed(ask(desk, totals(1, 1, 7, *rows, code="960000"))) == ("00", 1, 1, 7)
    batch = desk.ledger.batch(TERMINAL, 1)
    assert batch.state == "agreed"
    findings = {one.seq: one.finding for one in desk.ledger.batch_records(batch)}
    assert findings == {1: "booked", 2: "same"}
    assert ask(desk, accrual(1, 125_000, "0221", extra={0x0B: b"3"})).rc == "94"


def test_a_redemption_the_switch_lost_waits_for_a_person(desk):
    rows = shift(desk)
    lose(desk.ledger, 2)
    before = desk.ledger.balance("ali")
    ask(desk, totals(1, 1, 7, *rows))
    assert ask(desk, upload(1, "RE", 2, 50_000, -500)).rc == "95"
    assert ask(desk, upload(1, "AC", 1, 125_000, 124, clerk=b"3")).rc == "95"
    assert ask(desk, upload(1, "OA", 5, 9_000, 9, uid=SARA, offline=True)).rc == "00"
    assert closed(ask(desk, totals(1, 1, 7, *rows, code="960000"))) == ("95", 1, 1, 7)
    assert desk.ledger.balance("ali") == before
    batch = desk.ledger.batch(TERMINAL, 1)
    assert batch.state == "disputed"
    findings = {one.seq: (one.finding, one.here) for one in desk.ledger.batch_records(batch)}
    assert findings[1] == ("differs", "AC 003 125000 125")
    assert findings[2] == ("missing", "")
    assert findings[5][0] == "same"
    assert findings[4] == ("unknown", "RV 000 7000 7")
    assert closed(ask(desk, totals(1, 1, 7, *rows)))[0] == "95"  # as it was closed
    assert closed(ask(desk, totals(2, 8, 7)))[0] == "00"


def test_an_upload_without_a_batch_or_of_another_card_is_not_taken(desk):
    rows = shift(desk)
    assert ask(desk, upload(1, "AC", 1, 125_000, 125)).rc == "12"
    ask(desk, totals(1, 1, 7, *rows[1:]))
    assert ask(desk, upload(1, "AC", 1, 125_000, 125, uid=SARA, clerk=b"3")).rc == "95"
    assert ask(desk, upload(1, "XX", 1, 125_000, 125)).rc == "30"


def test_an_upload_that_calls_spending_a_sale_books_nothing_whatever_the_programme_risks(desk):
    desk.ledger.programme = Programme(offline_risk=True)
    rows = shift(desk)
    ask(desk, totals(1, 1, 7, *rows[1:]))
    before = desk.ledger.balance("ali")
    for kind in ("AC", "OA"):
        assert ask(desk, upload(1, kind, 9, 50_000, -500)).rc == "30"
    assert ask(desk, upload(1, "RE", 9, 50_000, 50)).rc == "30"
    assert ask(desk, upload(1, "RV", 6, 8_000, 8)).rc == "00"
    assert desk.ledger.balance("ali") == before


def test_what_is_booked_after_closing_is_shown_and_spoils_nothing(desk):
    rows = shift(desk)
    lose(desk.ledger, 5)
    assert closed(ask(desk, totals(1, 1, 7, *rows[:2], *rows[3:])))[0] == "00"
    assert ask(desk, accrual(5, 9_000, "0221", uid=SARA)).rc == "00"
    assert desk.ledger.late_records(desk.ledger.batch(TERMINAL, 1)) == [5]


@pytest.mark.parametrize(
    "changes",
    [
        {"60": "1"},
        {"60": "000000" + "0" * 9 + "1" + "0" * 9 + "7W" + "0" * 10},
        {"60": "000001" + "0" * 9 + "9" + "0" * 9 + "7W" + "0" * 10},
        {"60": "000001" + "0" * 9 + "1" + "0" * 9 + "7X" + "0" * 10},
        {"63": "AC"},
        {"63": row("AC", 0, 1, 1, 1) * 2},
        {"63": row("XX", 0, 1, 1, 1)},
        {"63": row("AC", 0, 1, 1, 1).replace("C0", "E0")},
        {"63": " " * 41},
    ],
)
def test_totals_that_are_none_are_answered_30(desk, changes):
    assert ask(desk, totals(1, 1, 7, **changes)).rc == "30"
    assert desk.ledger.batches() == []


def test_transactions_older_than_the_facts_count_by_what_they_say(desk):
    rows = shift(desk)
    with desk.ledger._session() as session:
        session.execute(delete(FactRow))
    rows[0] = row("AC", 0, 1, 125_000, 125)
    assert closed(ask(desk, totals(1, 1, 7, *rows)))[0] == "00"


@pytest.mark.parametrize(
    ("what", "word"),
    [
        (update(BatchRow).values(said=""), "differ"),
        (update(FactRow).values(batch_id=None), "do not make"),
        (update(BatchRow).values(high=3), "not of it"),
    ],
)
def test_the_check_knows_batches(desk, what, word):
    ask(desk, totals(1, 1, 7, *shift(desk)))
    with desk.ledger._session() as session:
        session.execute(what)
    found = desk.ledger.check()
    assert any(word in line for line in found), found
    with desk.ledger._session() as session:
        session.execute(update(FactRow).values(batch_id=None))
        session.execute(delete(BatchRow))


def test_ranges_that_overlap_are_found(desk):
    ask(desk, totals(1, 1, 7, *shift(desk)))
    ask(desk, totals(2, 8, 7))
    with desk.ledger._session() as session:
        session.execute(update(BatchRow).where(BatchRow.number == 2).values(low=7, high=7))
    assert any("before the end" in line for line in desk.ledger.check())
    with desk.ledger._session() as session:
        session.execute(delete(BatchRow).where(BatchRow.number == 2))


figures = st.tuples(st.integers(0, 999_999), st.integers(0, 10**16 - 1), st.integers(1 - 10**13, 10**13 - 1))
some_totals = st.dictionaries(
    st.tuples(st.sampled_from(KINDS), st.integers(0, 255).map("{:03d}".format)), figures, max_size=24
)


@given(some_totals, some_totals)
def test_what_is_spelt_is_read_again_and_only_equal_figures_are_equal(ours, theirs):
    assert parsed(spelt(ours)) == ours
    assert equal(ours, dict(ours)) and equal(together(ours), ours)
    wanted = [{key: f for key, f in one.items() if key[0] in COMPARED and f != (0, 0, 0)} for one in (ours, theirs)]
    assert equal(ours, theirs) == (wanted[0] == wanted[1])


def test_the_tags_of_the_answer_are_those_of_every_answer(desk):
    request = totals(1, 1, 7, *shift(desk))
    assert set(ask(desk, request).tags) == {1, 0x0E, 0x60}
    assert untlv(request["48"])[0x64] == TAG

"""Void, refund, statement and dispute at the bench switch: each takes back what it may, once, whoever asks at once."""

import threading

import pytest
from click.testing import CliRunner
from sqlalchemy import delete, update

from host_tests.unit.bench_client import (
    ALI,
    KEY_IN,
    KEY_OUT,
    MERCHANT,
    NOW,
    SARA,
    TERMINAL,
    accrual,
    ask,
    bench,
    furnished_desk,
    i32,
    inquiry,
    opened,
    redemption,
    reversal,
    sealed,
    stan,
    untlv,
    value,
)
from host_tests.unit.test_bench_enrolment import NEW, enrolment
from tools.bench_switch import referrals
from tools.bench_switch.cli import main
from tools.bench_switch.schema import TransactionRow
from tools.bench_switch.taking_back_tables import TakenBackRow

ORIGINAL = 0x29
BLOB = 0x7F
OTHER = "VAFA0002"


@pytest.fixture
def desk():
    with furnished_desk("sqlite://") as desk:
        desk.ledger.add_terminal(OTHER, MERCHANT, KEY_OUT, KEY_IN)
        yield desk


def reference(seq: int) -> str:
    return "632603" + stan(seq)


def void(seq: int, original: dict[str, str], **more) -> dict[str, str]:
    points = -int.from_bytes(untlv(original["48"])[2], "big", signed=True)
    pcode = "020091" if points < 0 else "029100"
    amount = int(original["4"])
    extra = {ORIGINAL: original["37"].encode()}
    return value("0200", seq, amount, points, pcode=pcode, extra=extra, **more)


def refund(seq: int, of: int, amount: int, points: int, **more) -> dict[str, str]:
    pcode = "209100" if points < 0 else "200091"
    return value("0200", seq, amount, points, pcode=pcode, extra={ORIGINAL: reference(of).encode()}, **more)


def test_a_void_undoes_its_original_and_leaves_no_purchase_behind(desk):
    before = desk.ledger.standing("sara")
    sale = accrual(1, 125_000, uid=SARA)
    ask(desk, sale)
    answer = ask(desk, void(2, sale, uid=SARA))
    assert (answer.rc, answer.points, answer.balance) == ("00", -125, 0)
    assert answer.fields["38"].strip()
    assert desk.ledger.standing("sara") == before


def test_a_void_of_a_redemption_brings_the_points_back(desk):
    spent = redemption(1, 500)
    ask(desk, spent)
    assert ask(desk, void(2, spent)).balance == 600


def test_a_second_void_and_a_void_of_what_was_refunded_are_refused(desk):
    sale, other = accrual(1, 125_000), accrual(2, 80_000)
    ask(desk, sale)
    ask(desk, other)
    assert ask(desk, void(3, sale)).rc == "00"
    assert ask(desk, void(4, sale)).rc == "21"
    assert ask(desk, refund(5, 2, 1_000, -1)).rc == "00"
    assert ask(desk, void(6, other)).rc == "21"
    assert ask(desk, refund(7, 1, 1_000, -1)).rc == "21"
    assert desk.ledger.balance("ali") == 600 + 80 - 1


def test_a_repeated_void_is_one_void(desk):
    sale = accrual(1, 125_000)
    ask(desk, sale)
    ask(desk, void(2, sale))
    repeated = ask(desk, void(2, sale))
    assert (repeated.rc, repeated.points) == ("94", -125)
    assert desk.ledger.balance("ali") == 600


@pytest.mark.parametrize(
    ("change", "rc"),
    [
        ({"uid": SARA}, "13"),
        ({"4": f"{1:012d}"}, "13"),
        ({"41": OTHER}, "25"),
    ],
    ids=["another card", "another amount", "another terminal"],
)
def test_a_void_of_anything_else_than_what_it_names_is_refused(desk, change, rc):
    sale = accrual(1, 125_000)
    ask(desk, sale)
    assert ask(desk, void(2, sale, **change)).rc == rc
    assert desk.ledger.balance("ali") == 725


def test_what_a_void_undid_stands_again_when_the_void_is_reversed(desk):
    sale = accrual(1, 125_000)
    ask(desk, sale)
    taken = void(2, sale)
    ask(desk, taken)
    standing = desk.ledger.standing("ali")
    assert ask(desk, reversal(3, taken)).rc == "00"
    assert desk.ledger.balance("ali") == 725
    assert desk.ledger.standing("ali").visits == standing.visits + 1
    assert desk.ledger.check() == []
    assert ask(desk, void(4, sale)).rc == "00"
    assert desk.ledger.balance("ali") == 600


def test_refunds_in_parts_take_exactly_what_was_earned(desk):
    ask(desk, accrual(1, 1_999))  # one point
    ask(desk, accrual(2, 100_700))  # a hundred
    assert ask(desk, refund(3, 1, 999, 0)).rc == "00"
    assert ask(desk, refund(4, 1, 1_000, 0)).rc == "13"  # the last part takes the rest
    assert ask(desk, refund(5, 1, 1_000, -1)).rc == "00"
    assert ask(desk, refund(6, 1, 1, 0)).rc == "21"
    assert ask(desk, refund(7, 2, 50_000, -49)).rc == "00"  # 49.65
    assert ask(desk, refund(8, 2, 50_701, -51)).rc == "61"
    assert ask(desk, refund(9, 2, 50_700, -51, **{"41": OTHER})).rc == "00"
    assert desk.ledger.balance("ali") == 600


def test_a_sale_refunded_whole_is_no_visit_and_one_refunded_in_part_counts_with_the_rest(desk):
    ask(desk, accrual(1, 100_000, uid=SARA))
    ask(desk, refund(2, 1, 40_000, -40, uid=SARA))
    standing = desk.ledger.standing("sara")
    assert (standing.visits, standing.purchases) == (1, 60_000)
    ask(desk, refund(3, 1, 60_000, -60, uid=SARA))
    standing = desk.ledger.standing("sara")
    assert (standing.visits, standing.purchases) == (0, 0)


def test_a_refund_may_leave_a_negative_balance(desk):
    ask(desk, accrual(1, 500_000, uid=SARA))
    ask(desk, redemption(2, 500, uid=SARA))
    answer = ask(desk, refund(3, 1, 500_000, -500, uid=SARA))
    assert (answer.rc, answer.balance) == ("00", -500)


def test_a_refund_of_a_redemption_gives_its_points_back(desk):
    ask(desk, redemption(1, 600))
    assert ask(desk, refund(2, 1, 20_000, 200)).balance == 200
    assert ask(desk, refund(3, 1, 40_000, 400)).balance == 600
    assert ask(desk, refund(4, 1, 40_000, 400)).rc == "21"


def test_a_refund_needs_a_reference_of_the_same_member(desk):
    ask(desk, accrual(1, 100_000))
    assert ask(desk, refund(2, 1, 100_000, -100, uid=SARA)).rc == "25"
    assert ask(desk, refund(3, 77, 100_000, -100)).rc == "25"
    assert ask(desk, refund(4, 1, 100_000, -100, uid="DEADBEEF")).rc == "14"


def test_a_reversed_refund_may_be_made_again(desk):
    ask(desk, accrual(1, 100_000))
    back = refund(2, 1, 100_000, -100)
    ask(desk, back)
    ask(desk, reversal(3, back))
    assert desk.ledger.standing("ali").purchases == 100_000
    assert ask(desk, refund(4, 1, 100_000, -100)).rc == "00"
    assert desk.ledger.balance("ali") == 600


def test_two_terminals_refund_one_sale_at_once_and_give_back_no_more_than_it_was(tmp_path):
    with bench(tmp_path, f"sqlite:///{tmp_path / 'books.db'}") as switch:
        switch.ledger.add_terminal(OTHER, MERCHANT, KEY_OUT, KEY_IN)
        desk = switch.desk
        desk.handle(sealed(accrual(1, 100_000)))
        codes: list[str] = []

        def till(terminal: str) -> None:
            for seq in range(2, 8):
                raw = desk.handle(sealed(refund(seq, 1, 20_000, -20, **{"41": terminal}))).data[2:]
                codes.append(opened(raw).rc)

        tills = [threading.Thread(target=till, args=(name,)) for name in (TERMINAL, OTHER)]
        for one in tills:
            one.start()
        for one in tills:
            one.join()
        assert sorted(codes) == ["00"] * 5 + ["21"] * 7
        assert switch.ledger.balance("ali") == 600
        assert switch.ledger.check() == []


def statement(uid: str = ALI, **more) -> dict[str, str]:
    return inquiry(uid, **more) | {"3": "389100"}


def test_the_statement_is_the_last_five_entries_as_they_stand(desk):
    sales = [accrual(seq, 100_000 * seq) for seq in range(1, 6)]
    for sale in sales:
        ask(desk, sale)
    ask(desk, void(6, sales[4]))
    ask(desk, refund(7, 4, 1_000, -1))
    answer = ask(desk, statement())
    blob = answer.tags[BLOB]
    assert (answer.rc, len(blob)) == ("00", 5 * 21)
    entries = [blob[at : at + 21] for at in range(0, len(blob), 21)]
    assert [one[0] for one in entries] == [4, 5, 1, 1, 1]
    assert [one[1] for one in entries] == [0, 0, 1, 2, 0]
    assert entries[3] == bytes((1, 2)) + bytes.fromhex("261122") + i32(400) + reference(4).encode()


def test_the_statement_shows_the_thanks_for_a_referral(desk):
    ask(desk, enrolment(1, more={0x45: referrals.code_of(1).encode()}))
    ask(desk, accrual(2, 100_000, uid=NEW))
    entry = ask(desk, statement()).tags[BLOB][:21]
    assert (entry[0], entry[5:9]) == (0, i32(50))


def test_a_statement_of_nothing_says_so(desk):
    assert ask(desk, statement(SARA)).tags[BLOB] == b"\0"


def test_a_reference_is_told_with_what_is_left_of_it(desk):
    ask(desk, accrual(1, 100_000))
    ask(desk, refund(2, 1, 30_000, -30))
    blob = ask(desk, statement(extra={ORIGINAL: reference(1).encode()})).tags[BLOB]
    assert blob[21:] == (100_000).to_bytes(6, "big") + (70_000).to_bytes(6, "big") + i32(70) + b"VAFA0001"
    assert ask(desk, statement(SARA, extra={ORIGINAL: reference(1).encode()})).rc == "25"


def remark(seq: int, extra: dict[int, bytes], **more) -> dict[str, str]:
    fields = value("0220", seq, 0, 0, pcode="940000", extra=extra, **more)
    return fields | {"t": "0120"}


def test_a_dispute_is_kept_shown_and_closed_by_the_office(desk):
    ask(desk, accrual(1, 100_000))
    said = remark(2, {0x53: (1).to_bytes(4, "big"), 0x51: b"\2"})
    assert ask(desk, said).rc == "00"
    assert ask(desk, said).rc == "94"
    (dispute,) = desk.ledger.disputes()
    assert (dispute.reference, dispute.points, dispute.reason) == (reference(1), 100, "points missing")
    assert ask(desk, statement()).tags[BLOB][1] == 4
    desk.ledger.close_dispute(dispute.number, "points were booked by hand", NOW)
    assert desk.ledger.disputes() == []
    assert ask(desk, statement()).tags[BLOB][1] == 0
    with pytest.raises(ValueError, match="B96"):
        desk.ledger.close_dispute(dispute.number, "once more", NOW)


def test_a_dispute_of_what_never_came_is_kept_all_the_same(desk):
    assert ask(desk, remark(2, {ORIGINAL: reference(9).encode(), 0x51: b"\1"})).rc == "00"
    assert [(one.reference, one.verb) for one in desk.ledger.disputes()] == [(reference(9), "")]


def test_the_office_lists_and_closes_disputes_on_the_command_line(tmp_path):
    url = f"sqlite:///{tmp_path / 'books.db'}"
    with furnished_desk(url) as desk:
        ask(desk, accrual(1, 100_000))
        ask(desk, remark(2, {0x53: (1).to_bytes(4, "big"), 0x51: b"\1"}))
        (dispute,) = desk.ledger.disputes()

        def run(*words: str):
            return CliRunner().invoke(main, ["--database", url, "dispute", *words])

        assert reference(1) in run("list").output
        assert run("close", str(dispute.number), "made good").exit_code == 0
        assert reference(1) not in run("list").output
        assert "made good" in run("list", "--all").output
        assert "[B96]" in run("close", str(dispute.number), "again").output


def spoil(ledger, statement):
    with ledger._session() as session:
        session.execute(statement)


@pytest.mark.parametrize(
    ("what", "finding"),
    [
        (update(TakenBackRow).where(TakenBackRow.transaction_id == 6).values(original_id=4), "given back"),
        (delete(TakenBackRow).where(TakenBackRow.transaction_id == 5), "takes back what is not there"),
        (update(TransactionRow).where(TransactionRow.id == 5).values(original_id=None), "does not void"),
        (update(TransactionRow).where(TransactionRow.id == 6).values(amount=10**6), "given back"),
    ],
    ids=["another original", "no original", "a void that lets go", "more than it was"],
)
def test_the_check_finds_what_was_taken_back_wrongly(tmp_path, what, finding):
    with bench(tmp_path) as switch:
        for message in (accrual(1, 10_000), accrual(2, 80_000), accrual(3, 40_000)):
            switch.desk.handle(sealed(message))
        for message in (void(4, accrual(1, 10_000)), refund(5, 2, 80_000, -80)):
            switch.desk.handle(sealed(message))
        assert switch.ledger.check() == []
        spoil(switch.ledger, what)
        assert any(finding in line for line in switch.ledger.check()), switch.ledger.check()

"""What the switch refused for good: cleared at the terminal and never booked, or decided anew; on both databases."""

import pytest
from click.testing import CliRunner

from host_tests.unit.bench_client import (
    ALI,
    NOW,
    SARA,
    TERMINAL,
    accrual,
    answered,
    ask,
    furnish,
    furnished_desk,
    network,
    redemption,
    reversal,
    sealed,
    tlv,
    u32,
    untlv,
)
from host_tests.unit.test_bench_batches import row, totals, upload
from tools.bench_switch import Ledger, LedgerError
from tools.bench_switch.cli import main
from tools.bench_switch.desk import Desk
from tools.bench_switch.faults import FaultScript
from tools.bench_switch.log import MessageLog

DISPUTE, ADMIN = 0x53, 0x54


@pytest.fixture
def desk(database):
    with furnished_desk(database) as desk:
        yield desk


def told(desk, function="301", session=0x80000001, done=None):
    """The SEQ the switch wants given up, as an 0810 says it; `done` is one the terminal says it gave up."""
    request = network(function, session)
    if done is not None:
        request["48"] = tlv({**untlv(request["48"]), DISPUTE: u32(done), ADMIN: b"\1"})
    tags = ask(desk, request).tags
    assert (DISPUTE in tags) == (ADMIN in tags) and tags.get(ADMIN, b"\1") == b"\1"
    return int.from_bytes(tags[DISPUTE], "big") if DISPUTE in tags else None


def refused(desk, seq):
    """An advice the switch refuses for good: the card is lost."""
    desk.ledger.set_card(SARA, "lost")
    assert ask(desk, accrual(seq, 40_000, "0220", uid=SARA)).rc == "41"
    desk.ledger.set_card(SARA, "active")


def test_a_letter_is_cleared_one_an_answer_until_the_terminal_says_so_and_is_never_booked_after(desk):
    for seq in (7, 8):
        refused(desk, seq)
        desk.ledger.clear_letter(TERMINAL, seq, NOW)
    desk.ledger.saw(TERMINAL, 10)
    with pytest.raises(LedgerError, match="was not refused here .B81"):
        desk.ledger.clear_letter(TERMINAL, 9, NOW)  # a mistyped number would cost somebody a sale
    desk.ledger.clear_letter(TERMINAL, 9, NOW, anyway=True)  # its refusal was not kept
    assert [told(desk, "001"), told(desk), told(desk, "002")] == [7, 7, None]
    assert [told(desk, done=7), told(desk, done=7), told(desk, done=8), told(desk, done=9)] == [8, 8, 9, None]
    assert [letter.state for letter in desk.ledger.letters(TERMINAL)] == ["cleared"] * 3
    assert [ask(desk, accrual(seq, 40_000, "0221", uid=SARA)).rc for seq in (7, 9)] == ["41", "12"]
    assert ask(desk, accrual(9, 40_000, "0220", uid=SARA)).rc == "12", "also when it comes as if for the first time"
    assert ask(desk, totals(1, 1, 10, row("OA", 0, 1, 40_000, 40))).rc == "95"
    assert ask(desk, upload(1, "OA", 9, 40_000, 40, offline=True)).rc == "95"
    assert desk.ledger.balance("sara") == 0
    with pytest.raises(LedgerError, match="B81"):
        desk.ledger.reopen_letter(TERMINAL, 7, NOW)


def test_a_blocked_terminal_and_another_one_hear_of_no_letter(desk):
    refused(desk, 7)
    desk.ledger.clear_letter(TERMINAL, 7, NOW)
    desk.ledger.add_terminal("VAFA0002", "DEMOSHOP0000001", bytes(range(16)), bytes(range(16, 32)))
    other = {**network("301"), "41": "VAFA0002"}
    assert ADMIN not in answered(other, desk.handle(sealed(other)).data[2:]).tags
    desk.ledger.block_terminal(TERMINAL, True)
    assert ADMIN not in ask(desk, network("301")).tags


def test_what_is_booked_is_neither_cleared_nor_opened_again(desk):
    assert ask(desk, accrual(7, 125_000, "0220")).rc == "00"
    for resolve in (desk.ledger.clear_letter, desk.ledger.reopen_letter):
        with pytest.raises(LedgerError, match="B81"):
            resolve(TERMINAL, 7, NOW)
    for seq in (0, 0x80000000):
        with pytest.raises(LedgerError, match="B80"):
            desk.ledger.clear_letter(TERMINAL, seq, NOW)
    with pytest.raises(LedgerError, match="B30"):
        desk.ledger.clear_letter("NOBODY01", 7, NOW)
    with pytest.raises(LedgerError, match="B81"):
        desk.ledger.reopen_letter(TERMINAL, 8, NOW)
    assert desk.ledger.balance("ali") == 725


def test_a_refusal_that_is_set_aside_is_decided_anew_once_and_stays_in_the_books(desk):
    for seq in (7, 8):
        refused(desk, seq)
    assert ask(desk, accrual(7, 40_000, "0221", uid=SARA)).rc == "41", "the first outcome counts"
    for seq in (7, 8):
        assert desk.ledger.reopen_letter(TERMINAL, seq, NOW) == "41"
    assert [ask(desk, accrual(7, 40_000, "0221", uid=SARA)).rc for _ in range(2)] == ["00", "94"]
    assert desk.ledger.balance("sara") == 40
    assert [(row.seq, row.rc) for row in desk.ledger.transactions(TERMINAL)] == [(None, "41"), (None, "41"), (7, "00")]


def test_only_what_was_refused_is_cleared_and_a_number_still_to_come_never(desk):
    refused(desk, 7)
    for anyway in (False, True):
        with pytest.raises(LedgerError, match="still to come: the highest was 7 .B80"):
            desk.ledger.clear_letter(TERMINAL, 8, NOW, anyway=anyway)
    assert desk.ledger.letters()[-1].seq == 7
    assert ask(desk, accrual(8, 40_000, "0220")).rc == "00"
    for resolve in (desk.ledger.reopen_letter, desk.ledger.clear_letter):
        with pytest.raises(LedgerError, match="B80"):
            resolve(TERMINAL, 10**30, NOW)


def test_an_order_to_give_up_is_taken_back_until_the_terminal_has_carried_it_out(desk):
    for seq in (7, 8):
        refused(desk, seq)
        desk.ledger.clear_letter(TERMINAL, seq, NOW)
    assert told(desk) == 7
    desk.ledger.unclear_letter(TERMINAL, 7)
    assert [told(desk), told(desk, done=8)] == [8, None]
    assert [letter.state for letter in desk.ledger.letters()] == ["refused", "cleared"]
    for seq, why in ((7, "is not to be given up"), (8, "is given up already")):
        with pytest.raises(LedgerError, match=f"{why}.*B81"):
            desk.ledger.unclear_letter(TERMINAL, seq)
    assert desk.ledger.reopen_letter(TERMINAL, 7, NOW) == "41"
    assert ask(desk, accrual(7, 40_000, "0221", uid=SARA)).rc == "00"


def test_a_settled_reversal_and_a_declined_sale_are_no_letters(desk):
    undone, declined = reversal(2, accrual(1, 5_000)), redemption(3, 100_000)
    assert [ask(desk, undone).rc, ask(desk, declined).rc] == ["25", "51"]
    assert desk.ledger.letters() == []
    for seq in (2, 3):
        for resolve in (desk.ledger.reopen_letter, desk.ledger.clear_letter):
            with pytest.raises(LedgerError, match="B81"):
                resolve(TERMINAL, seq, NOW)
    assert ask(desk, totals(1, 1, 3, row("RV", 0, 1, 5_000, 5))).rc == "00"
    desk.ledger.adjust("ali", 200_000, "a gift", NOW)
    assert [ask(desk, undone).rc, ask(desk, declined).rc] == ["25", "51"]


def test_a_letter_of_a_closed_shift_is_decided_anew_and_the_books_stay_right(desk):
    refused(desk, 7)
    assert ask(desk, totals(1, 1, 7)).rc == "00"
    desk.ledger.reopen_letter(TERMINAL, 7, NOW)
    assert desk.ledger.check() == []
    assert ask(desk, accrual(7, 40_000, "0221", uid=SARA)).rc == "00"
    assert desk.ledger.late_records(desk.ledger.batch(TERMINAL, 1)) == [7]


def test_the_office_does_it_from_the_command_line(shared_database):
    def run(*words):
        done = CliRunner().invoke(main, ["--database", shared_database, *words])
        return done.exit_code, done.output

    ledger = Ledger(shared_database)
    furnish(ledger)
    desk = Desk(ledger, FaultScript(), MessageLog(lambda: NOW), lambda: NOW)
    desk.ledger = ledger
    refused(desk, 7)
    assert "SEQ 7" in run("letters", "clear", TERMINAL, "7")[1]
    code, listed = run("letters", "list")
    assert code == 0 and "ordered" in listed and SARA[-4:] in listed and SARA not in listed
    assert told(desk) == 7
    assert run("letters", "reopen", TERMINAL, "7")[0] == 1
    assert "not told to give SEQ 7 up" in run("letters", "unclear", TERMINAL, "7")[1]
    assert told(desk) is None
    assert "B80" in run("letters", "clear", TERMINAL, "9", "--anyway")[1]
    refused(desk, 8)
    assert "refused with 41" in run("letters", "reopen", TERMINAL, "8")[1]
    assert ALI not in run("letters", "list", TERMINAL)[1]
    ledger.close()

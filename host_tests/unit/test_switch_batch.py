"""The end of a batch between the terminal's journal and the switch's books, whatever is lost on the way."""

from __future__ import annotations

import asyncio

import pytest

from firmware.core.errors import Cancelled, LinkError, Refused
from firmware.core.types import APPROVED, REFUND, REFUSED, SETTLED, VOID, JournalEntry
from firmware.loyalty.totals import KINDS, Totals
from firmware.switch.batch import AGREED, CHANGED, DISPUTED, ROWS_MOST, Batch, totals_fields, totals_text
from host_tests.unit.batch_kit import Patient, Till
from host_tests.unit.bench_client import ALI, NOW, TERMINAL
from host_tests.unit.switch_kit import transaction
from tools.bench_switch.batches import parsed
from tools.lt87.page import PAGE
from tools.sim.chips.nor import PowerCut, Torn

FIRST = 1000  # of a fresh journal


@pytest.fixture
def till():
    made = Till()
    yield made
    assert made.ledger.check() == []
    made.ledger.close()


def close(till, watch=None):
    return asyncio.run(till.close(watch))


def test_a_day_of_everything_agrees_and_the_next_batch_follows(till):
    till.a_little_of_everything()
    closed = close(till)
    assert (closed.outcome, closed.whole, closed.uploaded, closed.more) == (AGREED, True, 0, False)
    assert [closed.totals.of(kind)[0] for kind in KINDS] == [2, 1, 1, 0, 2, 0, 0, 0, 0, 0, 1, 1]
    assert closed.totals.of("AC", 3) == (1, 125_000, 125)
    assert till.asked == ["0500"]
    ends = closed.totals.high
    assert till.states() == [(1, FIRST, ends, "agreed")]
    batch = till.ledger.batch(TERMINAL, 1)
    assert (batch.chain, batch.generation) == (till.journal.last_tag()[0].hex(), till.journal.last_tag()[1])
    assert (till.shift.batch().number, till.shift.batch().first) == (2, ends + 1)
    till.sell()
    assert close(till).outcome == AGREED
    assert close(till).totals.compared() == 0
    assert till.states()[1:] == [(2, ends + 1, ends + 1, "agreed"), (3, ends + 2, ends + 1, "agreed")]


def test_what_was_taken_back_counts_beside_what_it_took_back(till):
    sale, spent = till.sell(clerk=3), till.redeem()
    till.take_back(VOID, sale, sale.amount, -sale.points)
    till.take_back(REFUND, spent, 20_000, 200)
    closed = close(till)
    assert (closed.outcome, closed.uploaded) == (AGREED, 0)
    assert closed.totals.of("AC") == (1, sale.amount, sale.points)
    assert closed.totals.of("VD") == (1, sale.amount, -sale.points)
    assert closed.totals.of("RF") == (1, 20_000, 200)


def test_what_stands_in_a_closed_batch_is_voided_no_more_but_refunded(till):
    sale = till.sell()
    assert close(till).outcome == AGREED
    late = till.take_back(VOID, sale, sale.amount, -sale.points)
    found = till.journal.find(late.seq)
    assert (found.state, found.result.rc) == (REFUSED, "76")
    till.take_back(REFUND, sale, sale.amount, -sale.points)
    closed = close(till)
    assert (closed.outcome, closed.totals.of("VD")[0], closed.totals.of("RF")[0]) == (AGREED, 0, 1)


def test_what_was_taken_back_is_uploaded_and_what_the_switch_lost_of_it_waits_for_a_person(till):
    sale = till.sell()
    kept = till.take_back(REFUND, sale, 25_000, -25)
    lost = till.take_back(REFUND, sale, 100_000, -100)
    till.switch_loses(lost.seq)
    closed = close(till)
    assert (closed.outcome, closed.uploaded, closed.differing) == (DISPUTED, 3, 1)
    batch = till.ledger.batch(TERMINAL, 1)
    findings = {one.seq: one.finding for one in till.ledger.batch_records(batch)}
    assert findings == {sale.seq: "same", kept.seq: "same", lost.seq: "missing"}


def test_an_accrual_the_switch_lost_is_repaired_by_the_upload(till):
    till.a_little_of_everything()
    before = till.ledger.balance("ali")
    till.switch_loses(FIRST)
    till.switch_loses(FIRST + 4)
    closed = close(till)
    assert (closed.outcome, closed.uploaded, closed.differing) == (AGREED, 6, 0)
    assert till.ledger.balance("ali") == before
    assert till.asked == ["0500", *["0320"] * 6, "0500"]
    found = {one.seq: one.finding for one in till.ledger.batch_records(till.ledger.batch(TERMINAL, 1))}
    assert [seq for seq, finding in found.items() if finding == "booked"] == [FIRST, FIRST + 4]


def test_a_redemption_the_switch_lost_ends_in_a_dispute_and_the_next_batch_begins(till):
    till.sell()
    lost = till.redeem()
    till.switch_loses(lost.seq)
    closed = close(till)
    assert (closed.outcome, closed.uploaded, closed.differing) == (DISPUTED, 2, 1)
    assert till.states() == [(1, FIRST, FIRST + 1, "disputed")]
    till.sell()
    assert close(till).outcome == AGREED


def test_what_the_terminal_does_not_have_is_found(till):
    till.sell()
    till.sell(64_000)
    till.shift.keep(Batch(1, FIRST))
    till.journal.history = lambda first, last=1 << 31, real=till.journal.history: Without(FIRST, real(first, last))
    closed = close(till)
    assert closed.outcome == DISPUTED
    (found,) = [one for one in till.ledger.batch_records(till.ledger.batch(TERMINAL, 1)) if one.finding != "same"]
    assert (found.seq, found.finding, found.here) == (FIRST, "unknown", "AC 000 125000 125")


class Without:
    """A history that lacks one record."""

    def __init__(self, seq, history):
        self.whole = history.whole
        self._seq, self._history = seq, history

    def load(self):
        return self._history.load()

    def __iter__(self):
        return (entry for entry in self._history if entry.transaction.seq != self._seq)


@pytest.mark.parametrize("fault", ["lost", "unheard"])
def test_a_question_without_its_answer_is_asked_again_as_a_repeat(fault):
    """Each question of a closing with an upload in turn."""

    for number in (0, 1, 4, 7):
        till = Till()
        till.a_little_of_everything()
        before = till.ledger.balance("ali")
        till.switch_loses(FIRST)
        getattr(till, fault).add(number)
        closed = close(till)
        assert (closed.outcome, closed.uploaded) == (AGREED, 6), number
        assert till.ledger.balance("ali") == before
        assert len(till.asked) == 9
        assert till.asked[number + 1] == till.asked[number][:3] + "1", number
        assert till.ledger.check() == []
        assert len(till.states()) == 1
        till.ledger.close()


def test_after_three_failures_the_batch_stays_open_and_is_closed_later_with_what_came_since(till):
    till.sell()
    till.lost = {0, 1, 2}
    with pytest.raises(LinkError):
        close(till)
    assert till.states() == [(1, FIRST, FIRST, "agreed")]
    assert till.shift.batch().number == 1
    till.sell(64_000)
    closed = close(till)
    assert (closed.batch.number, closed.totals.high, closed.more) == (1, FIRST, True)
    assert closed.totals.of("AC") == (1, 125_000, 125)
    closed = close(till)
    assert (closed.batch.number, closed.totals.of("AC"), closed.more) == (2, (1, 64_000, 64), False)
    assert [state[3] for state in till.states()] == ["agreed", "agreed"]


@pytest.mark.parametrize("since", ["nothing", "a sale"])
def test_what_was_agreed_with_other_figures_is_not_called_agreed(till, since):
    till.sell()
    till.ledger.set_card(ALI, "lost")
    letter = till.sell_offline(64_000)
    till.ledger.set_card(ALI, "active")
    till.lost = {0, 1, 2}
    with pytest.raises(LinkError):
        close(till)
    till.ledger.reopen_letter(TERMINAL, letter.seq, NOW)
    till.retry(letter)
    if since == "a sale":
        till.sell(10_000)
    closed = close(till)
    assert (closed.batch.number, closed.outcome, closed.more) == (1, CHANGED, since == "a sale")
    assert closed.totals.of("OA") == (1, 64_000, 64)
    assert till.ledger.late_records(till.ledger.batch(TERMINAL, 1)) == [letter.seq]
    closed = close(till)
    assert (closed.batch.number, closed.outcome, closed.totals.of("AC")[0]) == (2, AGREED, since == "a sale")


def test_a_letter_given_up_since_changes_nothing_that_was_agreed(till):
    till.sell()
    till.ledger.set_card(ALI, "lost")
    letter = till.sell_offline(64_000)
    till.lost = {0, 1, 2}
    with pytest.raises(LinkError):
        close(till)
    till.journal.void(letter.seq, 0, NOW, "a reason")
    assert close(till).outcome == AGREED


@pytest.mark.parametrize("rc", ["68", "91", "96", "63"])
def test_a_switch_that_has_not_decided_is_asked_again(till, rc):
    till.sell()
    till.faults.next("refuse", count=2, mti="0500", rc=rc)
    till.faults.next("refuse", count=2, mti="0501", rc=rc)
    with pytest.raises(LinkError):
        close(till)
    assert till.asked == ["0500", "0501", "0501"]
    till.faults.clear()
    assert close(till).outcome == AGREED


def test_a_refusal_leaves_the_batch_open(till):
    till.sell()
    till.ledger.block_terminal(TERMINAL)
    with pytest.raises(Refused) as refusal:
        close(till)
    assert refusal.value.code == "H58"
    till.ledger.block_terminal(TERMINAL, False)
    assert close(till).outcome == AGREED


def test_giving_up_in_the_middle_of_the_upload_leaves_the_batch_open(till):
    till.a_little_of_everything()
    till.switch_loses(FIRST)
    watch = Patient(cancel_at=5)
    with pytest.raises(Cancelled):
        close(till, watch)
    assert 0 < max(done for done, _ in watch.seen) < 6
    assert till.states() == [(1, FIRST, till.journal.highest_seq(), "open")]
    assert close(till).outcome == AGREED


def test_a_terminal_that_lost_its_small_values_goes_on_where_the_switch_says(till):
    till.sell()
    close(till)
    till.sell(64_000)
    till.cells.image[:] = b"\xff" * len(till.cells.image)
    till.start()
    assert till.shift.batch().number == 1
    closed = close(till)  # the journal still begins with it
    assert (closed.batch.number, closed.totals.of("AC"), closed.more) == (1, (1, 125_000, 125), True)
    closed = close(till)
    assert (closed.batch.number, closed.totals.of("AC"), closed.outcome) == (2, (1, 64_000, 64), AGREED)
    assert till.shift.batch().number == 3


def test_a_replaced_terminal_answers_for_what_its_predecessor_did_not_close(till):
    till.sell()
    close(till)
    till.sell(64_000)
    for nor in (till.flash, till.cells):
        nor.image[:] = b"\xff" * len(nor.image)
    till.start()
    till.journal.continue_above(till.ledger.terminal(TERMINAL).high_seq)
    till.sell(30_000)
    closed = close(till)
    assert (closed.batch.number, closed.batch.first, closed.outcome) == (2, FIRST + 1, DISPUTED)
    assert close(till).outcome == AGREED


def test_a_batch_that_lost_its_beginning_is_disputed_though_figures_may_agree():
    till = Till(sectors=6)
    first = till.sell()
    close(till)
    void = till._intent(mode=1, offline_reason=1)  # counts nowhere that is compared
    till.journal.void(void.seq, 0, 0)
    for _ in range(400):
        record = till._intent(mode=1, offline_reason=1)
        till.journal.void(record.seq, 0, 0)
        while till.journal.idle_work():
            pass
    assert not till.journal.history(first.seq + 1).whole
    closed = close(till)
    assert (closed.outcome, closed.whole, closed.totals.low) == (DISPUTED, False, first.seq + 1)
    assert not till.ledger.batch(TERMINAL, 2).whole
    assert close(till).outcome == AGREED
    till.ledger.close()


def test_a_cut_at_each_flash_operation_of_the_closing_leaves_the_batch_open_or_closed():
    """The number goes up once, and no record is in two batches or in none."""
    for torn in (Torn.NOTHING, Torn.HALF, Torn.DONE):
        numbers, done = set(), False
        for operation in range(1, 12):
            till = Till()
            till.sell()
            close(till)
            till.sell(64_000)
            till.cells.cut_at(operation, torn)
            try:
                close(till)
                done = True
            except PowerCut:
                done = False
            till.start()
            numbers.add(till.shift.batch().number)
            last = till.sell(30_000)
            while close(till).more:
                pass
            states = till.states()
            assert [state[3] for state in states] == ["agreed"] * 3
            assert states[-1][1:3] == (FIRST + 2, last.seq)
            assert till.ledger.check() == []
            till.ledger.close()
            if done:
                break
        assert done and numbers <= {2, 3} and 3 in numbers


def totals_of(rows):
    totals = Totals()
    for seq, clerk in enumerate(rows, 1):
        totals.add(JournalEntry(transaction(seq=seq, mode=1, clerk=clerk), SETTLED))
    return totals


def test_rows_that_do_not_fit_are_told_by_kind():
    few, many = totals_of(range(ROWS_MOST)), totals_of(range(ROWS_MOST + 1))
    assert len(totals_text(few)) == 41 * ROWS_MOST <= 999
    assert parsed(totals_text(few))["OA", "007"] == (1, 125_000, 125)
    assert parsed(totals_text(many)) == {("OA", "***"): (25, 25 * 125_000, 25 * 125)}


def test_the_longest_figures_keep_their_places():
    totals = Totals()
    for seq in range(1, 1001):
        record = transaction(seq=seq, verb=2, amount=2**40 - 1, points=-(2**31), clerk=255)
        totals.add(JournalEntry(record, APPROVED))
    text = totals_text(totals)
    assert len(text) == 41 and parsed(text)["RE", "255"] == (1000, 1000 * (2**40 - 1), -1000 * 2**31)


def test_the_page_spells_the_example_as_the_terminal_does():
    totals = Totals()
    totals.add(JournalEntry(transaction(), APPROVED))
    fields = totals_fields("920000", 7, totals, True, 12)
    page = PAGE.read_text(encoding="utf-8").split("## 15. Batches")[1]
    assert f"DE 60 `{fields[60]}`" in page and f"`{fields[63]}`" in page

"""MENU, end of shift: what the cashier sees and gets on paper, with the switch, without it, and in a quarrel."""

from __future__ import annotations

import pytest

from firmware.core.types import OFFLINE
from host_tests.unit.batch_kit import Till
from host_tests.unit.bench_client import ALI, NOW, TERMINAL
from host_tests.unit.cashier_kit import World
from tools.sim.chips.nor import PowerCut


class Counter(World):
    """A desk whose journal and small values are on flash, before the switch's own desk."""

    def __init__(self) -> None:
        super().__init__()
        self.till = Till()
        self.journal = self.till.journal
        self.till.online = lambda: self.switch.up

    def shift(self):
        return self.till.shift

    async def ends(self) -> None:
        await self.keys("MENU")
        await self.sees("5 End shift")
        await self.keys("5")
        await self.sees("END SHIFT?")
        await self.keys("OK")

    def report(self) -> list[str]:
        return self.printer.receipts[-1]


@pytest.fixture
def counter():
    world = Counter()
    yield world
    assert world.till.ledger.check() == []
    world.till.ledger.close()


def test_an_agreed_shift_is_told_and_printed_by_kind_and_clerk(counter):
    counter.till.a_little_of_everything()

    async def story(w):
        await w.ends()
        await w.sees("AGREED")
        await w.sees("Rejected")
        await w.keys("OK")
        await w.sees("READY")

    counter.play(story)
    text = counter.report()
    assert "SHIFT REPORT, BATCH 1" in text and "AGREED WITH THE SWITCH" in text
    assert [line for line in text if line.startswith(("Accruals", "Reversals", "Voided", "Rejected:"))] == [
        "Accruals: 2", "Reversals: 2", "Voided before send: 1", "Rejected: 1",
        "Accruals: 1", "Reversals: 2", "Voided before send: 1", "Rejected: 1",
        "Accruals: 1",
    ]  # fmt: skip
    assert " 215,000 rial        +215 points" in text
    assert text.index("WITHOUT CLERK") < text.index("CLERK 3")
    assert "Rejected and not resolved: 1" in text and any(line.endswith(": H13 0") for line in text)
    tag, generation = counter.journal.last_tag()
    assert f"{tag.hex()}@{generation}" in text
    assert all(len(line) <= 32 for line in text)
    assert not any(line.startswith("Points:") for line in text), "programs add receipts up by it"


def test_a_dispute_has_its_code_on_screen_and_paper_and_the_next_batch_begins(counter):
    counter.till.sell()
    counter.till.switch_loses(counter.till.redeem().seq)

    async def story(w):
        await w.ends()
        await w.sees("DISPUTED")
        assert w.canvas.rows[-1].endswith("L20")

    counter.play(story)
    text = counter.report()
    assert "DISPUTED" in text and "L20 Totals differ" in text and "Compared 2, different 1" in text
    assert counter.till.shift.batch().number == 2
    assert counter.till.ledger.batch(TERMINAL, 1).state == "disputed"


def test_figures_that_changed_after_they_were_agreed_are_not_printed_as_agreed(counter):
    till = counter.till
    till.sell()
    till.ledger.set_card(ALI, "lost")
    letter = till.sell_offline(64_000)
    till.lost = {0, 1, 2}

    async def story(w):
        await w.ends()
        await w.sees("NOT SENT", 60_000)
        await w.keys("OK")
        await w.sees("READY")
        till.ledger.set_card(ALI, "active")
        till.ledger.reopen_letter(TERMINAL, letter.seq, NOW)
        till.retry(letter)
        await w.ends()
        await w.sees("CHANGED")
        assert w.canvas.rows[-1].endswith("L21")

    counter.play(story)
    text = counter.report()
    assert "CLOSED BEFORE, CHANGED SINCE" in text and "L21 Changed since" in text
    assert not any("AGREED" in line for line in text)
    assert till.shift.batch().number == 2


def test_without_a_line_the_report_says_so_and_the_batch_stays_open(counter):
    counter.till.sell()
    counter.switch.up = False

    async def story(w):
        await w.ends()
        await w.sees("NOT SENT", 20_000)
        assert w.canvas.rows[-1].endswith("P61")

    counter.play(story)
    assert "NOT RECONCILED, batch stays open" in counter.report() and "Accruals: 1" in counter.report()
    assert counter.till.shift.batch().number == 1 and counter.till.asked == []


def test_what_waits_is_sent_first_and_counted_until_it_is(counter):
    """One record leaves the queue every ten seconds."""
    waiting = [counter.till._intent(mode=OFFLINE, offline_reason=1) for _ in range(3)]

    async def story(w):
        import asyncio

        await w.ends()
        for left in (3, 2, 1):
            await w.sees(f"{left} to be sent", 15_000)
            await asyncio.sleep(10)
            record = waiting.pop(0)
            assert w.till._answer(w.till.messages.advice(record, record.time_utc, False)).rc == "00"
            w.journal.settle(record.seq)
        await w.sees("AGREED", 20_000)

    counter.play(story)
    assert "Offline accruals: 3" in counter.report()


def test_what_does_not_get_on_is_told_with_how_many_wait(counter):
    counter.till._intent(mode=OFFLINE, offline_reason=1)
    counter.till._intent(mode=OFFLINE, offline_reason=1)

    async def story(w):
        await w.ends()
        await w.sees("NOT SENT", 60_000)
        assert "2 to be sent" in w.canvas.rows and w.canvas.rows[-1].endswith("P60")

    counter.play(story)
    assert "Not sent yet: 2" in counter.report() and counter.till.asked == []


def test_cancel_ends_the_waiting_and_leaves_all_as_it_was(counter):
    counter.till._intent(mode=OFFLINE, offline_reason=1)

    async def story(w):
        await w.ends()
        await w.sees("1 to be sent")
        await w.keys("CANCEL")
        await w.sees("READY")

    counter.play(story)
    assert counter.printer.receipts == [] and counter.till.asked == []


def test_a_question_that_is_not_confirmed_asks_nobody(counter):
    async def story(w):
        await w.keys("MENU")
        await w.sees("5 End shift")
        await w.keys("5")
        await w.sees("END SHIFT?")
        await w.keys("CANCEL")
        await w.sees("READY")

    counter.play(story)
    assert counter.till.asked == [] and counter.till.shift.batch().number == 1


def test_a_switch_that_refuses_is_told_by_its_code(counter):
    counter.till.sell()
    counter.till.ledger.block_terminal(TERMINAL)

    async def story(w):
        await w.ends()
        await w.sees("NOT SENT", 20_000)
        assert w.canvas.rows[-1].endswith("H58")

    counter.play(story)
    assert counter.till.shift.batch().number == 1


def test_without_paper_the_figures_are_on_the_screen(counter):
    counter.till.sell(clerk=3)
    counter.till.redeem()
    counter.printer.paper = False

    async def story(w):
        await w.ends()
        await w.sees("AGREED")
        await w.keys("OK")
        await w.sees("Accruals")
        assert "Clerk 3" in w.canvas.rows and "+125 points" in w.canvas.rows
        await w.keys("OK")
        await w.sees("Redeemed")
        await w.keys("OK")
        await w.sees("READY")

    counter.play(story)


def test_what_was_sold_since_a_lost_answer_gets_a_report_of_its_own(counter):
    counter.till.sell()
    counter.till.lost = {0, 1, 2}

    async def story(w):
        await w.ends()
        await w.sees("NOT SENT", 60_000)
        await w.keys("OK")
        await w.sees("READY")
        w.till.sell(64_000)
        await w.ends()
        await w.sees("AGREED")
        await w.keys("OK")
        await w.sees("AGREED", 5000)
        await w.keys("OK")
        await w.sees("READY")

    counter.play(story)
    assert [line for receipt in counter.printer.receipts for line in receipt if "BATCH" in line] == [
        f"SHIFT REPORT, BATCH {number}" for number in (1, 1, 2)
    ]
    assert counter.till.states()[1][1:3] == (1001, 1001)


def test_a_cut_before_the_number_is_kept_prints_the_same_report_again(counter):
    counter.till.sell()
    counter.till.cells.cut_at(1)

    async def story(w):
        await w.ends()
        await w.sees("never", 10_000)

    with pytest.raises((PowerCut, AssertionError)):
        counter.play(story)
    first = counter.report()
    counter.till.start()
    counter.journal = counter.till.journal

    async def again(w):
        await w.ends()
        await w.sees("AGREED")

    counter.play(again)
    assert counter.report()[:5] == first[:5] and counter.till.shift.batch().number == 2
    assert len(counter.till.states()) == 1

"""MENU 7: a void, a refund, a receipt that is looked for, a statement and a dispute, as a person meets them."""

from __future__ import annotations

import asyncio

import pytest

from firmware.core.errors import NoAnswer, Refused
from firmware.core.reference import original_of, rrn_of
from firmware.core.types import (
    ACCRUAL,
    OFFLINE,
    OPEN,
    REFUND,
    REMARK,
    VOID,
    VOIDED,
    CardData,
    JournalEntry,
    Reply,
    Transaction,
)
from firmware.switch.profile import TAG_VOUCHER
from firmware.switch.statement import DISPUTED, Entry, Found
from firmware.switch.tlv import every, pack
from host_tests.unit.cashier_kit import ALI, World, member

SARA = CardData(bytes.fromhex("04A1B2C3D4E5F6"), "ntag213", 1, 4712)
EARNED = Reply("00", 125, 1365, "ABC123", member(1365))
TAKEN = Reply("00", -125, 1240, "ABC124", member(1240))
ELSEWHERE = "632613000777"
TOLD = {"voided here": "nothing booked", "voided at the switch": "VOIDED", "refunded in full": "REFUNDED"}


class Statements:
    def __init__(self, world: Till) -> None:
        self.world = world

    async def last(self, card: CardData, member_no: int) -> tuple[list[Entry], Reply]:
        self.world.calls.append("statement")
        return self.world.entries, Reply("00", 0, 1240)

    async def one(self, card: CardData, member_no: int, reference: str, new_money: bool = False) -> tuple[Found, Reply]:
        self.world.calls.append("look up")
        if reference not in self.world.known:
            raise Refused("H25")
        return self.world.known[reference], Reply("00", 0, 40)


class Till(World):
    """With the rooms that are wanted rarely."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: list[Entry] = []
        self.known: dict[str, Found] = {}

    def statements(self) -> Statements:
        return Statements(self)

    async def sell(self, amount: str = "125000", answer: Reply | None = EARNED) -> int:
        """SEQ of a sale to ali; without an answer it is made offline."""
        self.switch.up = answer is not None
        if answer is not None:
            self.switch.replies.insert(0, answer)
        await self.keys(*amount, "OK")
        await self.sees("TAP CARD")
        await self.tap()
        await self.sees("EARNED" if answer is not None else "SAVED")
        await self.keys("OK")
        await self.sees("READY")
        return max(self.journal.entries)

    async def undo(self, digit: str) -> None:
        await self.keys("MENU")
        await self.sees("MENU")
        await self.keys("7")
        await self.sees("UNDO AND FIND")
        if digit == "6":
            await self.keys("DOWN")
        await self.keys(digit)

    def rrn(self, seq: int) -> str:
        t = self.journal.entries[seq].transaction
        return rrn_of(t.seq, t.time_utc)


def test_a_void_is_shown_confirmed_written_sent_and_told() -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell()
        w.calls.clear()
        w.switch.replies = [TAKEN]
        await w.undo("1")
        await w.sees("VOID?")
        await w.sees("-125")
        await w.sees(w.rrn(seq))
        await w.keys("OK")
        await w.sees("VOIDED")
        await w.sees("1,240")
        t = w.journal.entries[max(w.journal.entries)].transaction
        assert (t.verb, t.amount, t.points, t.original_seq) == (VOID, 125_000, -125, seq)
        assert original_of(t.details) == w.rrn(seq)

    world.play(story)
    told = world.order("append", "request", "result", "show VOID", "print")
    assert told[0] == "show VOID?"
    assert told[1:] == ["append void online", "show VOID", "request", "result 00", "show VOIDED", "print"]
    assert "Points: -125" in world.printer.receipts[-1]


def test_cancel_until_the_last_key_takes_nothing_back() -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell()
        w.known[w.rrn(seq)] = Found(Entry(ACCRUAL, 0, 0, 125, w.rrn(seq)), 125_000, 125_000, 125, "T0000001")
        before = dict(w.journal.entries)
        await w.undo("1")
        await w.sees("VOID?")
        await w.keys("CANCEL")
        await w.sees("READY")
        await w.undo("2")
        await w.sees("VOID")
        await w.keys("1", "2", "CANCEL")
        await w.sees("READY")
        await w.undo("3")
        await w.sees("Reference")
        await w.keys(*w.rrn(seq), "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("OK: all of it")
        await w.keys("OK")
        await w.sees("REFUND?")
        await w.keys("CANCEL")
        await w.sees("READY")
        await w.undo("6")
        await w.sees("last receipt")
        await w.keys("OK")
        await w.sees("Wrong amount")
        await w.keys("1")
        await w.sees("DISPUTE?")
        await w.keys("CANCEL")
        await w.sees("READY")
        assert w.journal.entries == before

    world.play(story)
    assert world.order("request") == ["request"]


def test_a_void_without_an_answer_is_reversed_and_the_sale_stands() -> None:
    world = Till()

    async def story(w: Till) -> None:
        await w.sell()
        w.calls.clear()
        w.switch.replies = [NoAnswer()]
        await w.undo("1")
        await w.sees("VOID?")
        await w.keys("OK")
        await w.sees("NOT DONE")

    world.play(story)
    assert world.order("append", "request") == ["append void online", "request", "append reversal"]


def test_what_was_never_sent_is_voided_here_and_the_switch_is_not_asked() -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell(answer=None)
        w.switch.up = True
        w.calls.clear()
        await w.undo("2")
        await w.keys(*w.rrn(seq)[-6:], "OK")
        await w.sees("VOID?")
        await w.keys("OK")
        await w.sees("nothing booked")
        assert w.journal.entries[seq].state == VOIDED

    world.play(story)
    assert world.order("append", "request", "void") == ["void"]
    assert "VOIDED: nothing was booked" in world.printer.receipts[-1]


def test_what_may_have_been_sent_is_waited_for_and_then_voided_at_the_switch() -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell(answer=None)
        w.journal.sent.add(seq)
        await w.undo("1")
        await w.sees("VOID?")
        await w.keys("OK")
        await w.sees("On its way")  # the line is down
        await w.keys("OK")
        w.switch.up = True
        w.switch.replies = [TAKEN]
        await w.undo("1")
        await w.sees("VOID?")
        await w.keys("OK")
        await w.sees("WAIT")
        assert w.order("request") == []
        w.journal.settle(seq)
        await w.sees("VOIDED")

    world.play(story)
    assert world.order("append", "request")[-2:] == ["append void online", "request"]


@pytest.mark.parametrize("how", TOLD)
def test_a_sale_that_was_taken_back_is_made_again_without_a_question(how: str) -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell(answer=None if how == "voided here" else EARNED)
        w.known[w.rrn(seq)] = Found(Entry(ACCRUAL, 0, 0, 125, w.rrn(seq)), 125_000, 125_000, 125, "T0000001")
        w.switch.replies = [TAKEN]
        if how == "refunded in full":
            await w.undo("3")
            await w.keys(*w.rrn(seq), "OK")
            await w.sees("TAP CARD")
            await w.tap()
            await w.sees("OK: all of it")
            await w.keys("OK")
            await w.sees("REFUND?")
        else:
            await w.undo("1")
            await w.sees("VOID?")
        await w.keys("OK")
        await w.sees(TOLD[how])
        await w.keys("OK")
        await w.sees("READY")
        assert await w.sell() > seq
        assert not any("AGAIN" in call for call in w.calls)

    world.play(story)


def test_a_sale_of_which_a_part_was_given_back_is_asked_for_again() -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell()
        w.known[w.rrn(seq)] = Found(Entry(ACCRUAL, 0, 0, 125, w.rrn(seq)), 125_000, 125_000, 125, "T0000001")
        w.switch.replies = [TAKEN]
        await w.undo("3")
        await w.keys(*w.rrn(seq), "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("OK: all of it")
        await w.keys(*"25000", "OK")
        await w.sees("REFUND?")
        await w.keys("OK")
        await w.sees("REFUNDED")
        await w.keys("OK")
        await w.sees("READY")
        await w.keys(*"125000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("AGAIN")

    world.play(story)


@pytest.mark.parametrize(
    ("spoil", "why"),
    [("refused", "Cannot be voided"), ("void", "Cannot be voided")],
)
def test_what_cannot_be_voided_is_refused_before_anything_is_written(spoil: str, why: str) -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell()
        entry = w.journal.entries[seq]
        if spoil == "refused":
            w.journal.entries[seq] = JournalEntry(entry.transaction, OPEN)
        else:
            w.switch.replies = [TAKEN]
            await w.undo("1")
            await w.sees("VOID?")
            await w.keys("OK")
            await w.sees("VOIDED")
            await w.keys("OK")
        before = len(w.journal.entries)
        await w.undo("1")
        await w.sees(why)
        assert len(w.journal.entries) == before

    world.play(story)


def test_a_refund_in_part_shows_the_points_and_the_balance_they_leave() -> None:
    world = Till()
    world.known[ELSEWHERE] = Found(Entry(ACCRUAL, 0, 0, 125, ELSEWHERE), 125_000, 100_000, 100, "T0000009")

    async def story(w: Till) -> None:
        w.switch.replies = [Reply("00", -50, -10, "ABC125", member(-10))]
        await w.undo("3")
        await w.keys(*ELSEWHERE, "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("of 100,000")
        await w.keys(*"100001", "OK")
        await w.sees("Amount too large")
        await w.keys(*["CLEAR"] * 6, *"50000", "OK")
        await w.sees("REFUND?")
        await w.sees("-50")
        await w.sees("Then         -10")
        await w.keys("OK")
        await w.sees("REFUNDED")
        (entry,) = w.journal.entries.values()
        t = entry.transaction
        assert (t.verb, t.amount, t.points, t.original_seq) == (REFUND, 50_000, -50, 0)
        assert original_of(t.details) == ELSEWHERE

    world.play(story)
    assert f"Original: {ELSEWHERE}" in world.printer.receipts[-1]


@pytest.mark.parametrize(("keyed", "said"), [("", True), ("20000", False)])
def test_a_refund_of_all_that_is_left_says_that_the_voucher_does_not_come_back(keyed: str, said: bool) -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell()
        w.journal.entries[seq].transaction.details = pack([(TAG_VOUCHER, b"1234567897")])
        w.known[w.rrn(seq)] = Found(Entry(ACCRUAL, 0, 0, 125, w.rrn(seq)), 125_000, 125_000, 125, "T0000001")
        w.switch.replies = [TAKEN]
        await w.undo("3")
        await w.keys(*w.rrn(seq), "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("OK: all of it")
        await w.keys(*keyed, "OK")
        await w.sees("REFUND?")
        await w.keys("OK")
        await w.sees("REFUNDED")
        assert any("Voucher not back" in row for row in w.canvas.rows) is said

    world.play(story)
    assert ("Voucher not back" in world.printer.receipts[-1]) is said


def test_the_last_part_of_a_refund_takes_the_rest() -> None:
    sold = Found(Entry(ACCRUAL, 0, 0, 100, ""), 100_700, 50_700, 51, "")
    assert (sold.points_for(50_000), sold.points_for(50_700)) == (-49, -51)
    spent = Found(Entry(2, 0, 0, -600, ""), 60_000, 60_000, -600, "")
    assert (spent.points_for(20_001), spent.points_for(60_000)) == (200, 600)


@pytest.mark.parametrize(("up", "rrn", "why"), [(False, "", "No refund now"), (True, ELSEWHERE, "Sale not found")])
def test_a_refund_is_never_made_without_the_switch_and_never_of_what_it_does_not_know(
    up: bool, rrn: str, why: str
) -> None:
    world = Till()

    async def story(w: Till) -> None:
        w.switch.up = up
        await w.undo("3")
        if rrn:
            await w.keys(*rrn, "OK")
            await w.sees("TAP CARD")
            await w.tap()
        await w.sees(why)
        assert w.journal.entries == {}

    world.play(story)


def test_a_receipt_is_found_by_six_digits_as_it_stands_now_and_printed_as_a_reprint() -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell()
        w.switch.replies = [TAKEN]
        await w.undo("1")
        await w.sees("VOID?")
        await w.keys("OK")
        await w.sees("VOIDED")
        await w.keys("OK")
        voided_by = w.rrn(max(w.journal.entries))
        await w.undo("4")
        await w.keys(*w.rrn(seq)[-6:], "OK")
        await w.sees("Voided")
        await w.sees(w.rrn(seq))
        await w.keys("OK")
        await asyncio.sleep(0.5)
        paper = w.printer.receipts[-1]
        assert paper[0] == "*** REPRINT ***"
        assert "Points: +125" in paper
        assert f"Voided by {voided_by}" in paper

    world.play(story)


@pytest.mark.parametrize("digit", ["4", "2", "6"])
def test_an_answer_without_a_name_is_not_found_by_its_number(digit: str) -> None:
    world = Till()

    async def story(w: Till) -> None:
        await w.sell()
        seq = w.journal.next_seq()
        said = Transaction(seq, REMARK, OFFLINE, b"", 0, 0, 0, w.clock.now_utc(), 0)
        w.journal.append(said)
        await w.undo(digit)
        await w.keys(*w.rrn(seq)[-6:], "OK")
        await w.sees("Not found here")

    world.play(story)


def test_a_reference_of_nobody_is_not_found() -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell()
        for digits in ("000000", "999999", str((int(w.rrn(seq)[0]) + 1) % 10) + w.rrn(seq)[1:]):
            await w.undo("4")
            await w.keys(*digits, "OK")
            await w.sees("Not found here")
            await w.keys("OK")
            await w.sees("READY")

    world.play(story)


def test_a_statement_is_the_switchs_and_without_it_this_terminals_own() -> None:
    world = Till()
    world.entries = [Entry(ACCRUAL, DISPUTED, 0, 100 * n, f"63261300000{n}") for n in range(1, 6)]

    async def story(w: Till) -> None:
        await w.undo("5")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("632613000001   !")
        await w.keys("DOWN")
        await w.sees("632613000005")
        await w.keys("OK")
        await w.sees("READY")
        assert "MINI STATEMENT ****9B32" in w.printer.receipts[-1]
        assert "Balance now: 1,240" in w.printer.receipts[-1]
        seq = await w.sell(answer=None)
        await w.undo("5")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("This till only")
        await w.sees(w.rrn(seq))

    world.play(story)
    assert world.order("statement") == ["statement"]


@pytest.mark.parametrize("up", [True, False])
def test_a_dispute_is_written_down_with_or_without_a_line_and_moves_nothing(up: bool) -> None:
    world = Till()

    async def story(w: Till) -> None:
        seq = await w.sell()
        w.switch.up = up
        await w.undo("6")
        await w.sees("last receipt")
        await w.keys("OK")
        await w.sees("Points missing")
        await w.keys("2")
        await w.sees("DISPUTE?")
        await w.keys("OK")
        await w.sees("NOTED")
        t = w.journal.entries[max(w.journal.entries)].transaction
        assert (t.verb, t.mode, t.amount, t.points, t.uid) == (REMARK, OFFLINE, 0, 0, ALI.uid)
        assert (every(t.details, 0x53), every(t.details, 0x51)) == ([seq.to_bytes(4, "big")], [b"\2"])
        await w.keys("OK")
        await w.undo("4")
        await w.keys(*w.rrn(seq), "OK")
        await w.sees("In dispute")

    world.play(story)
    assert not [line for line in world.printer.receipts[-1] if line.startswith("Points:")]


def test_another_terminals_receipt_is_disputed_with_the_card() -> None:
    world = Till()

    async def story(w: Till) -> None:
        await w.undo("6")
        await w.keys(*ELSEWHERE, "OK")
        await w.sees("TAP CARD")
        await w.tap(SARA)
        await w.sees("Was not me")
        await w.keys("3")
        await w.sees("DISPUTE?")
        await w.keys("OK")
        await w.sees("NOTED")
        (entry,) = w.journal.entries.values()
        assert entry.transaction.uid == SARA.uid
        assert original_of(entry.transaction.details) == ELSEWHERE

    world.play(story)

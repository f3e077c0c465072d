"""A sale, whatever the person, the card, the line and the store do."""

import asyncio
from typing import Any

import pytest

from firmware.core.errors import (
    BadAnswer,
    CardLeft,
    CardUnreadable,
    FlashUnreadable,
    LinkDown,
    NoAnswer,
    StoreFull,
    TwoCards,
)
from firmware.core.types import (
    ACCRUAL,
    AUTH_UID,
    OFFLINE,
    OFFLINE_LINK_DOWN,
    OFFLINE_NO_ANSWER,
    OFFLINE_SWITCH_DOWN,
    ONLINE,
    REVERSAL,
    CardData,
    Reply,
    Transaction,
)
from firmware.switch.session import SwitchUnable
from host_tests.unit.cashier_kit import ALI, START_UTC, World, member

YES = Reply("00", 125, 12_450, "ABC123", member(12_450))


async def _sell_125(world: World) -> None:
    await world.sees("READY")
    await world.keys("1", "2", "5", "000", "OK")
    await world.sees("TAP CARD")
    await world.tap()


def test_an_online_sale_is_written_before_it_is_sent_and_answered_before_it_is_shown() -> None:
    world = World()
    world.switch.replies = [YES]

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("EARNED")
        await w.sees("+125 points")
        await w.sees("12,450")
        await w.sees("confirmed")
        await w.sees("Ref 63270500")
        await w.keys("OK")
        await w.sees("READY")

    world.play(story)
    told = world.order("append", "request", "result", "show EARNED", "print")
    assert told == ["append accrual online", "request", "result 00", "show EARNED", "print"]
    (entry,) = world.journal.entries.values()
    assert (entry.transaction.amount, entry.transaction.points, entry.transaction.mode) == (125_000, 125, ONLINE)
    assert entry.transaction.member_no == 4711
    assert "Points: +125" in world.printer.receipts[0]
    assert world.members.known[ALI.uid].points == 12_450
    assert world.beats > 3


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (NoAnswer(), OFFLINE_NO_ANSWER),
        (BadAnswer(), OFFLINE_NO_ANSWER),
        (LinkDown(), OFFLINE_LINK_DOWN),
        (SwitchUnable("91"), OFFLINE_SWITCH_DOWN),
    ],
)
def test_a_sale_without_answer_is_reversed_and_then_approved_here_under_a_new_number(
    fault: Exception, reason: int
) -> None:
    world = World()
    world.switch.replies = [fault]
    world.members.put(member(1000, START_UTC - 720))

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("SAVED")
        await w.sees("about +125")
        await w.sees("about 1,125")
        await w.sees("estimated 12 min")
        await w.sees("to be confirmed")

    world.play(story)
    told = world.order("append", "request", "result", "show SAVED", "print")
    assert told == [
        "append accrual online", "request", "append reversal", "append accrual offline", "show SAVED", "print",
    ]  # fmt: skip
    intent, reversal, advice = [entry.transaction for entry in world.journal.entries.values()]
    assert len({intent.seq, reversal.seq, advice.seq}) == 3
    assert (reversal.verb, reversal.original_seq) == (REVERSAL, intent.seq)
    assert (advice.verb, advice.mode, advice.offline_reason) == (ACCRUAL, OFFLINE, reason)
    assert "Points: about +125" in world.printer.receipts[0]


def test_with_the_line_down_nothing_is_sent_and_the_sale_is_approved_here() -> None:
    world = World()
    world.switch.up = False

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("SAVED")
        await w.sees("no balance yet")
        await w.keys("OK")
        await w.sees("1 waiting")
        await w.sees("OFFLINE")

    world.play(story)
    assert world.order("append", "request", "show SAVED") == ["append accrual offline", "show SAVED"]
    assert 1800 in world.sounder.tones
    assert 2400 not in world.sounder.tones, "the second tone of a confirmed approval"


def test_a_refusal_is_told_with_its_code_and_stays_in_the_journal() -> None:
    world = World()
    world.switch.replies = [Reply("14")]

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("REFUSED")
        await w.sees("Card not known")
        await w.sees("H14")
        await w.keys("OK")
        await w.sees("READY")

    world.play(story)
    assert world.order("append", "result") == ["append accrual online", "result 14"]
    assert world.printer.receipts == []


@pytest.mark.parametrize(
    ("error", "shown"),
    [(TwoCards(2), "2 CARDS"), (CardLeft(), "Card moved away"), (CardUnreadable(), "Card unreadable")],
)
def test_a_bad_tap_says_why_and_the_next_one_counts(error: Exception, shown: str) -> None:
    world = World()
    world.switch.replies = [YES]

    async def story(w: World) -> None:
        await w.keys("1", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap(error)  # type: ignore[arg-type]
        await w.sees(shown)
        assert w.journal.entries == {}
        await w.tap()
        await w.sees("EARNED")

    world.play(story)


def test_a_full_journal_books_nothing_and_says_so() -> None:
    world = World()
    world.journal.room = 0

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("Memory is full")
        await w.sees("S03")
        await w.keys("OK")
        await w.sees("READY")

    world.play(story)
    assert world.journal.entries == {}
    assert world.order("request") == []


def test_a_journal_that_fills_up_before_the_reversal_is_put_right_when_it_has_room() -> None:
    world = World()
    world.switch.replies = [NoAnswer()]
    world.journal.room = 1

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("CHECKING")  # it was sent, and may be booked
        assert w.books.recovery_due()
        w.journal.room = 9
        w.books.recover_if_due()
        assert not w.books.recovery_due()

    world.play(story)
    assert world.order("append") == ["append accrual online", "append reversal"]


def test_an_answer_that_cannot_be_written_leaves_the_sale_in_doubt_and_no_other() -> None:
    world = World()
    world.switch.replies = [YES]
    world.journal.room, world.journal.deaf = 1, True

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("CHECKING")
        assert w.books.in_doubt() == 101
        await w.keys("OK")
        await _sell_125(w)
        await w.sees("SAME SALE AGAIN?")
        await w.keys("OK")
        await w.sees("Memory is full")  # the second was never sent: nothing of it is booked
        w.journal.room = 9
        w.books.recover_if_due()
        assert w.books.in_doubt() == 0

    world.play(story)
    assert world.order("request") == ["request"]
    assert world.order("append") == ["append accrual online", "append reversal"]


def test_a_doubt_that_ends_while_another_sale_fails_is_no_outcome_of_it() -> None:
    world = World()
    world.switch.replies = [YES]
    world.journal.room, world.journal.deaf = 1, True
    append = world.journal.append

    def only_reversals(transaction: Transaction) -> None:
        """An acknowledgement has made room: for what must follow, not yet for new value."""
        if transaction.verb != REVERSAL:
            raise StoreFull()
        world.journal.room = 1
        append(transaction)

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("CHECKING")
        await w.keys("OK")
        w.journal.append = only_reversals
        await _sell_125(w)
        await w.sees("SAME SALE AGAIN?")
        await w.keys("OK")
        await w.sees("Memory is full")
        assert w.books.in_doubt() == 0

    world.play(story)


def test_a_flash_that_does_not_even_read_says_so_and_nothing_of_the_sale() -> None:
    world = World()
    world.switch.replies = [YES]

    def silent(*_: object) -> Any:
        raise FlashUnreadable("sector 3")

    async def story(w: World) -> None:
        w.journal.append_result = w.journal.unanswered = w.journal.find = silent
        await _sell_125(w)
        await w.sees("Memory is silent")

    world.play(story)


def test_keys_that_do_not_fit_get_one_line_and_lose_nothing() -> None:
    world = World()
    world.switch.replies = [YES]

    async def story(w: World) -> None:
        await w.keys("SALE", "OK")
        await w.sees("Amount is 0")
        await w.keys("0", "000", "OK")
        await w.sees("Amount is 0")
        await w.keys("7", "REDEEM")
        await w.sees("Not this key")
        await w.keys("CLEAR", "1", "2", "5", "000", "000", "000", "000")
        await w.sees("Too many digits")
        await w.sees("125,000,000,000")
        await w.keys("OK")  # not a thousandth of what was meant
        await w.sees("Too many digits")
        await w.keys("CLEAR", "1", "2", "5", "000", "000", "000", "OK")
        await w.sees("Amount too large")
        await w.keys("CLEAR", "CLEAR", "CLEAR", "CLEAR", "CLEAR", "CLEAR", "OK")
        await w.sees("TAP CARD")
        await w.keys("5")
        await w.sees("Not this key")
        await w.tap()
        await w.sees("EARNED")

    world.play(story)
    (entry,) = world.journal.entries.values()
    assert entry.transaction.amount == 125_000
    codes = {line.split()[1] for line in world.log.newest(100)}
    assert {"P10", "P11", "P12", "P13"} <= codes


def test_cancel_and_silence_at_every_question_book_nothing() -> None:
    async def story(w: World) -> None:
        await w.keys("5", "CANCEL")
        await w.sees("READY")
        await w.keys("5")
        await w.sees("READY", 70_000)
        await w.keys("5", "000", "OK")
        await w.sees("TAP CARD")
        await w.keys("CANCEL")
        await w.sees("READY")
        await w.keys("5", "000", "OK")
        await w.sees("TAP CARD")
        await w.sees("READY", 40_000)

    world = World()
    world.play(story)
    assert world.journal.entries == {}


@pytest.mark.parametrize("answer", ["OK", "CANCEL"])
def test_the_same_card_and_amount_within_two_minutes_is_asked_about(answer: str) -> None:
    world = World()
    world.switch.replies = [YES, YES]

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("EARNED")
        await w.keys("OK")
        await _sell_125(w)
        await w.sees("SAME SALE AGAIN?")
        await w.keys(answer)
        await w.sees("EARNED" if answer == "OK" else "READY")

    world.play(story)
    assert len(world.journal.entries) == (2 if answer == "OK" else 1)


def test_another_amount_or_a_later_sale_is_not_asked_about() -> None:
    world = World()
    world.switch.replies = [YES, YES, YES]

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("EARNED")
        await w.keys("OK", "7", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("EARNED")
        await w.keys("OK")
        await asyncio.sleep(121)
        await _sell_125(w)
        await w.sees("EARNED")

    world.play(story)
    assert "show SAME SALE AGAIN?" not in world.calls


def test_a_blocked_card_does_nothing_online_or_offline() -> None:
    for up in (True, False):
        world = World()
        world.switch.up = up
        world.blocked.add(ALI.uid)

        async def story(w: World) -> None:
            await _sell_125(w)
            await w.sees("Card is blocked")

        world.play(story)
        assert world.journal.entries == {}


def test_a_full_queue_takes_no_offline_sale() -> None:
    world = World()
    world.switch.up = False
    world.queue_limit = 1

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("SAVED")
        await w.keys("9", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("Queue is full")

    world.play(story)
    assert len(world.journal.entries) == 1


def test_refused_keys_of_the_terminal_stop_value() -> None:
    world = World()
    world.switch.stopped = True

    async def story(w: World) -> None:
        await w.keys("5")
        await w.sees("Selling stopped")

    world.play(story)


def test_a_uid_alone_earns() -> None:
    world = World()
    world.switch.up = False

    async def story(w: World) -> None:
        await w.keys("5", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap(CardData(b"\x01\x02\x03\x04", "ntag213", AUTH_UID))
        await w.sees("SAVED")

    world.play(story)


def test_an_empty_printer_stops_nothing_is_told_once_and_the_journal_prints_later() -> None:
    world = World()
    world.switch.replies = [YES, Reply("00", 5, 12_455)]
    world.printer.paper = False

    async def story(w: World) -> None:
        await _sell_125(w)
        await w.sees("EARNED")
        await w.sees("No paper", 25_000)
        await w.keys("OK", "5", "000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("EARNED")
        await w.sees("READY", 25_000)
        w.printer.paper = True
        await w.keys("MENU", "1")
        await w.sees("Printed")

    world.play(story)
    assert world.calls.count("show NO PRINT") == 1
    (receipt,) = world.printer.receipts
    assert receipt[0] == "*** REPRINT ***"
    assert "Points: +5" in receipt

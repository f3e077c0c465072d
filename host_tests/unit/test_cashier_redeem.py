"""Points pay only with the switch, only as many as the customer chose, and never vanish."""

import pytest

from firmware.core.errors import BadAnswer, LinkDown, NoAnswer
from firmware.core.types import AUTH_AES, AUTH_UID, REDEMPTION, REVERSAL, CardData, Reply
from firmware.switch.session import SwitchUnable
from host_tests.unit.cashier_kit import ALI, World, member

HAS_1240 = Reply("00", 0, 1240, "", member(1240))
PAID = Reply("00", -700, 540, "ABC123", member(540))


async def _choose_700(w: World) -> None:
    await w.keys("REDEEM")
    await w.sees("TAP CARD")
    await w.tap()
    await w.sees("HOW MANY POINTS")
    await w.sees("of 1,240")
    await w.keys("UP", "UP")
    await w.sees("= 70,000 rial")
    await w.keys("OK")
    await w.sees("USE POINTS?")
    await w.sees("70,000 rial")


def test_points_and_their_worth_are_shown_before_the_last_key_and_written_before_they_are_sent() -> None:
    world = World()
    world.switch.replies = [HAS_1240, PAID]

    async def story(w: World) -> None:
        await _choose_700(w)
        assert w.journal.entries == {}
        await w.keys("OK")
        await w.sees("USED")
        await w.sees("-700 points")
        await w.sees("540")

    world.play(story)
    told = world.order("append", "inquire", "request", "result", "show USE POINTS", "show USED", "print")
    assert told == [
        "inquire", "show USE POINTS?", "append redemption online", "request", "result 00", "show USED", "print",
    ]  # fmt: skip
    (entry,) = world.journal.entries.values()
    assert (entry.transaction.points, entry.transaction.amount) == (-700, 70_000)
    assert "Points: -700" in world.printer.receipts[0]
    assert "Value: 70,000 rial" in world.printer.receipts[0]


@pytest.mark.parametrize("fault", [NoAnswer(), BadAnswer(), LinkDown(), SwitchUnable("96")])
def test_an_unknown_outcome_is_reversed_and_the_points_are_safe(fault: Exception) -> None:
    world = World()
    world.switch.replies = [HAS_1240, fault]

    async def story(w: World) -> None:
        await _choose_700(w)
        await w.keys("OK")
        await w.sees("NOT USED")
        await w.sees("Points are safe")
        await w.keys("OK")
        await w.sees("READY")

    world.play(story)
    assert world.order("append", "request", "result") == ["append redemption online", "request", "append reversal"]
    intent, reversal = [entry.transaction for entry in world.journal.entries.values()]
    assert (intent.verb, reversal.verb, reversal.original_seq) == (REDEMPTION, REVERSAL, intent.seq)
    (receipt,) = world.printer.receipts
    assert not [line for line in receipt if line.startswith("Points:")]


def test_keys_pressed_before_the_questions_stood_there_are_no_consent() -> None:
    world = World()
    world.switch.replies = [HAS_1240, PAID]
    world.switch.takes_ms = 1000

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        await w.tap()
        await w.keys("OK", "OK", "OK")  # while the switch is asked
        await w.sees("HOW MANY POINTS")
        assert w.journal.entries == {}
        await w.keys("OK")
        for _ in range(20):  # and hammered on while the customer is asked
            await w.keys("OK")
        await w.sees("USE POINTS?")
        assert w.journal.entries == {}
        await w.keys("OK")
        await w.sees("USED")

    world.play(story)


def test_cancel_at_every_question_spends_nothing() -> None:
    world = World()
    world.switch.replies = [HAS_1240, HAS_1240]

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        await w.sees("TAP CARD")
        await w.keys("CANCEL")
        await w.sees("READY")
        await w.keys("REDEEM")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("HOW MANY POINTS")
        await w.keys("CANCEL")
        await w.sees("READY")
        await _choose_700(w)
        await w.keys("5", "CANCEL")
        await w.sees("READY")

    world.play(story)
    assert world.journal.entries == {}
    assert world.order("request") == []


def test_typed_points_must_fit_threshold_step_and_balance() -> None:
    world = World()
    world.switch.replies = [HAS_1240]

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("HOW MANY POINTS")
        for typed in (("4", "0", "0"), ("7", "5", "0"), ("1", "3", "0", "0")):
            await w.keys(*typed, "OK")
            await w.sees("Points not valid")
            await w.keys("CLEAR", "CLEAR", "CLEAR", "CLEAR")
        await w.keys("UP", "OK")
        await w.sees("120,000 rial")

    world.play(story)


@pytest.mark.parametrize(
    ("prepare", "shown", "code"),
    [
        (lambda w: setattr(w.switch, "up", False), "No connection", "P21"),
        (lambda w: w.switch.replies.append(NoAnswer()), "No connection", "P21"),
        (lambda w: w.switch.replies.append(Reply("00", 0, 499)), "Too few points", "P20"),
        (lambda w: w.switch.replies.append(Reply("62")), "Card restricted", "H62"),
        (lambda w: w.switch.replies.append(Reply("77")), "Switch refuses", "H99"),
        (lambda w: w.blocked.add(ALI.uid), "Card is blocked", "P23"),
    ],
)
def test_what_forbids_spending_is_said_before_anything_is_written(prepare, shown: str, code: str) -> None:  # type: ignore[no-untyped-def]
    world = World()
    prepare(world)

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees(shown)
        await w.sees(code)
        await w.keys("OK")
        await w.sees("READY")

    world.play(story)
    assert world.journal.entries == {}


def test_a_uid_alone_never_spends() -> None:
    world = World()

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        await w.sees("TAP CARD")
        await w.tap(CardData(b"\x01\x02\x03\x04", "ntag213", AUTH_UID))
        await w.sees("Card only earns")

    world.play(story)
    assert world.order("inquire", "append") == []


def test_the_switch_may_refuse_at_the_last_moment_and_shows_what_is_there() -> None:
    world = World()
    world.switch.replies = [HAS_1240, Reply("51", 0, 30)]

    async def story(w: World) -> None:
        await _choose_700(w)
        await w.keys("OK")
        await w.sees("REFUSED")
        await w.sees("Too few points")
        await w.sees("30")

    world.play(story)


def test_the_line_going_down_while_the_customer_thinks_books_nothing() -> None:
    world = World()
    world.switch.replies = [HAS_1240]

    async def story(w: World) -> None:
        await _choose_700(w)
        w.switch.up = False
        await w.keys("OK")
        await w.sees("P21")

    world.play(story)
    assert world.journal.entries == {}


# --- what a card has proven -------------------------------------------------------------------------------------------

SIGNED = CardData(ALI.uid, "ntag424", AUTH_UID, sun=b"\x01" + bytes(24))
PROVEN = Reply("00", 0, 1240, "", member(1240), auth=AUTH_AES, counter=77)


def test_only_spending_asks_a_card_to_prove_itself() -> None:
    world = World()
    world.switch.up = False

    async def story(w: World) -> None:
        await w.tap()  # a balance
        await w.sees("Balance unknown")
        await w.keys("OK")
        await w.keys("5", "0", "0", "0", "OK")
        await w.sees("TAP CARD")
        await w.keys("CANCEL", "REDEEM")
        await w.sees("TAP CARD")
        await w.keys("CANCEL")

    world.play(story)
    assert [prove for prove in world.reader.proofs if prove] == [True]


def test_what_a_card_signed_is_worth_what_the_switch_says_and_travels_with_the_counter() -> None:
    world = World()
    world.switch.replies = [PROVEN, PAID]

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        await w.sees("TAP CARD")
        await w.tap(SIGNED)
        await w.sees("HOW MANY POINTS")
        await w.keys("UP", "UP", "OK")
        await w.sees("USE POINTS?")
        await w.keys("OK")
        await w.sees("USED")

    world.play(story)
    assert world.order("inquire") == ["inquire with sun"]
    (sent,) = world.switch.sent
    assert (sent.auth, sent.card_counter) == (AUTH_AES, 77)


@pytest.mark.parametrize(
    ("card", "reply", "shown", "code"),
    [
        (SIGNED, Reply("00", 0, 1240, "", member(1240), auth=AUTH_UID), "Card only earns", "P22"),
        (SIGNED, Reply("00", 0, 1240, "", member(1240)), "Card only earns", "P22"),
        (SIGNED, Reply("59"), "Renew this card", "H59"),
        (CardData(ALI.uid, "ntag424", AUTH_UID), None, "Card only earns", "P22"),
        # An answer to what nobody asked raises no card above what it is.
        (CardData(ALI.uid, "classic-1k", AUTH_UID), PROVEN, "Card only earns", "P22"),
        (CardData(ALI.uid, "classic-1k", AUTH_UID, suspect=True), PROVEN, "Renew this card", "P28"),
        (CardData(ALI.uid, "ntag424", AUTH_UID, sun=b"\x01" + bytes(24), suspect=True), PROVEN, "Renew this", "P28"),
    ],
)
def test_a_card_without_proof_or_one_that_looks_like_a_copy_spends_nothing_and_says_what_to_do(
    card: CardData, reply: Reply | None, shown: str, code: str
) -> None:
    world = World()
    world.switch.replies = [reply] if reply is not None else []

    async def story(w: World) -> None:
        await w.keys("REDEEM")
        await w.sees("TAP CARD")
        await w.tap(card)
        await w.sees(shown)
        await w.sees(code)

    world.play(story)
    assert world.journal.entries == {}
    assert world.order("request") == []


def test_a_card_that_could_prove_itself_is_told_that_the_line_is_missing() -> None:
    world = World()
    world.switch.up = False

    async def story(w: World) -> None:
        for card in (SIGNED, CardData(ALI.uid, "ntag424", AUTH_UID)):
            await w.keys("REDEEM")
            await w.sees("TAP CARD")
            await w.tap(card)
            await w.sees("No connection")
            await w.keys("OK")
            await w.sees("READY")

    world.play(story)


def test_the_first_ok_to_a_question_with_a_page_nobody_saw_turns_the_page() -> None:
    world = World()
    world.switch.replies = [HAS_1240, PAID]

    async def story(w: World) -> None:
        await _choose_700(w)
        w.canvas.unseen = 1
        await w.keys("OK")
        await w.sees("USE POINTS?")
        assert w.journal.entries == {} and "turn 1" in w.calls
        await w.keys("OK")
        await w.sees("USED")

    world.play(story)

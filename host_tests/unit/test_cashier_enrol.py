"""Enrolment at the counter: nothing before the last key, the journal before the line, a provisional member offline."""

import pytest

from firmware.core.errors import LinkDown, NoAnswer, Refused
from firmware.core.keyed import keyed_uid
from firmware.core.refusals import NEEDS_CONNECTION
from firmware.core.types import AUTH_UID, ENROL, OFFLINE, ONLINE, REDEMPTION, CardData, Member, Reply
from firmware.switch import tlv
from host_tests.unit.cashier_kit import ALI, START_UTC, World, member

BLANK = CardData(bytes.fromhex("0C0FFEE1"), "classic-1k", AUTH_UID)
WELCOMED = Reply("00", 100, 100, "ABC123", Member(BLANK.uid, 1005, "", 100, START_UTC))
MOBILE = bytes.fromhex("9123456789")
SENT = Reply("00", 0, 1240, "", member(1240), tags={0x43: b"\x01"})


async def _to_the_last_key(w: World, *birthday: str) -> None:
    await w.keys("MENU")
    await w.sees("MENU")
    await w.keys("6")
    await w.sees("MEMBERS")
    await w.keys("1")
    await w.sees("TAP CARD")
    await w.tap(BLANK)
    await w.sees("Mobile, then OK")
    await w.keys(*"09123456789")
    await w.sees("0912 345 6789")
    await w.keys("OK")
    await w.sees("BIRTHDAY")
    await w.keys(*birthday)
    if birthday:
        await w.sees("25 Farvardin")
    await w.keys("OK")
    await w.sees("SEND MESSAGES?")
    await w.keys("1")
    await w.sees("RECEIPTS")
    await w.keys("1")
    await w.sees("WHO TOLD YOU?")
    await w.keys("OK")
    await w.sees("NEW MEMBER?")
    await w.sees("0912***6789")


def test_a_member_is_enrolled_by_one_journalled_request() -> None:
    world = World()
    world.switch.replies = [WELCOMED]

    async def story(w: World) -> None:
        await _to_the_last_key(w, "2", "5", "0", "1")
        assert w.journal.entries == {}, "nothing before the last key"
        await w.keys("OK")
        await w.sees("WELCOME")
        await w.sees("Member 1005")
        await w.sees("+100 points")

    world.play(story)
    assert world.order("append", "request", "result") == ["append enrolment online", "request", "result 00"]
    (sent,) = world.switch.sent
    assert (sent.verb, sent.mode, sent.amount) == (ENROL, ONLINE, 0)
    said = tlv.parse(sent.details)
    assert said == {0x40: MOBILE, 0x41: b"\x01", 0x42: b"\x01fa", 0x46: bytes.fromhex("0125")}


@pytest.mark.parametrize("fault", [LinkDown(), NoAnswer()])
def test_without_the_switchs_word_the_request_is_undone_and_a_provisional_member_waits(fault: Exception) -> None:
    world = World()
    world.switch.replies = [fault]

    async def story(w: World) -> None:
        await _to_the_last_key(w)
        await w.keys("OK")
        await w.sees("SAVED")
        await w.sees("about +100")
        await w.sees("not yet to spend")

    world.play(story)
    assert world.order("append") == ["append enrolment online", "append reversal", "append enrolment offline"]
    (receipt,) = world.printer.receipts
    assert "are not spendable until then" in receipt


def test_offline_a_known_card_and_a_waiting_one_are_refused_before_anything_is_typed() -> None:
    world = World()
    world.switch.up = False
    world.members.known[ALI.uid] = member(1000)

    async def story(w: World) -> None:
        await w.keys("MENU", "6", "1")
        await w.sees("TAP CARD")
        await w.tap(ALI)
        await w.sees("A member already")
        await w.keys("OK")
        await _to_the_last_key(w)
        await w.keys("OK")
        await w.sees("SAVED")
        await w.keys("OK")
        await w.keys("MENU", "6", "1")
        await w.sees("TAP CARD")
        await w.tap(BLANK)
        await w.sees("Waits already")

    world.play(story)
    (advice,) = [entry.transaction for entry in world.journal.entries.values()]
    assert (advice.verb, advice.mode, advice.points) == (ENROL, OFFLINE, 100)


def test_cancel_at_every_question_enrols_nobody() -> None:
    world = World()

    async def story(w: World) -> None:
        for keys in (
            ("CANCEL",),
            ("9", "CANCEL"),
            (*"09123456789", "OK", "CANCEL"),
            (*"09123456789", "OK", "OK", "CANCEL"),
            (*"09123456789", "OK", "OK", "1", "CANCEL"),
            (*"09123456789", "OK", "OK", "2", "CANCEL"),
            (*"09123456789", "OK", "OK", "2", "OK", "CANCEL"),
        ):
            await w.keys("MENU", "6", "1")
            await w.sees("TAP CARD")
            await w.tap(BLANK)
            await w.sees("Mobile, then OK")
            for name in keys:
                await w.keys(name)
            await w.sees("READY")

    world.play(story)
    assert world.journal.entries == {} and world.order("request") == []


@pytest.mark.parametrize(
    ("typed", "says"),
    [("0812345678", "No such number"), ("091234567", "No such number"), ("", "No such number")],
)
def test_what_is_no_number_is_one_line_and_the_question_stays(typed: str, says: str) -> None:
    world = World()

    async def story(w: World) -> None:
        await w.keys("MENU", "6", "3")
        await w.sees("Mobile, then OK")
        await w.keys(*typed, "OK")
        await w.sees(says)
        await w.keys("CANCEL")
        await w.sees("READY")

    world.play(story)
    assert not any(typed and typed in line for line in map(str, world.log.newest(50)))


def test_a_sale_by_number_earns_and_no_paper_shows_the_number() -> None:
    world = World()
    world.switch.replies = [Reply("00", 50, 1050, "ABC123", None)]

    async def story(w: World) -> None:
        await w.keys("MENU", "6", "3")
        await w.sees("Mobile, then OK")
        await w.keys(*"9123456789", "OK")
        await w.sees("Amount, then OK")
        await w.keys(*"50000", "OK")
        await w.sees("EARNED")

    world.play(story)
    (sent,) = world.switch.sent
    assert sent.uid == keyed_uid("9123456789") and sent.auth == AUTH_UID
    (receipt,) = world.printer.receipts
    assert "Card: 0912***6789" in receipt and "9123456789" not in " ".join(receipt)


def test_points_are_spent_by_number_only_with_the_code() -> None:
    world = World()
    world.switch.replies = [SENT, Reply("55"), Reply("00", -500, 740, "ABC123", member(740))]

    async def story(w: World) -> None:
        await w.keys("MENU", "6", "5")
        await w.sees("Mobile, then OK")
        await w.keys(*"9123456789", "OK")
        await w.sees("HOW MANY POINTS")
        await w.keys("OK")
        await w.sees("USE POINTS?")
        await w.keys("OK")
        await w.sees("Code of the SMS")
        await w.keys(*"12345", "OK")
        await w.sees("Six digits")
        assert w.journal.entries == {}
        await w.keys("6", "OK")
        await w.sees("Wrong code")
        await w.keys("OK")
        await w.sees("Code of the SMS")
        await w.keys(*"654321", "OK")
        await w.sees("USED")

    world.play(story)
    assert [t.verb for t in world.switch.sent] == [REDEMPTION, REDEMPTION]
    assert [tlv.parse(t.details) for t in world.switch.sent] == [{0x2A: b"123456"}, {0x2A: b"654321"}]


@pytest.mark.parametrize(("sms", "code"), [(b"\x00", "P76"), (b"\x02", "P76")])
def test_without_a_message_nothing_is_spent_by_number(sms: bytes, code: str) -> None:
    world = World()
    world.switch.replies = [Reply("00", 0, 1240, "", member(1240), tags={0x43: sms})]

    async def story(w: World) -> None:
        await w.keys("MENU", "6", "5")
        await w.sees("Mobile, then OK")
        await w.keys(*"9123456789", "OK")
        await w.sees(code)

    world.play(story)
    assert world.journal.entries == {}


def test_a_card_nobody_knows_may_become_a_members_with_ok() -> None:
    world = World()
    world.switch.replies = [Reply("14")]

    async def story(w: World) -> None:
        await w.tap(BLANK)
        await w.sees("Make a member?")
        await w.keys("OK")
        await w.sees("Mobile, then OK")
        await w.keys("CANCEL")
        await w.sees("READY")

    world.play(story)
    assert world.journal.entries == {}


@pytest.mark.parametrize("allowed", [True, False])
def test_without_the_switch_a_number_earns_only_with_who_may_allow_it(allowed: bool) -> None:
    world = World()
    world.switch.up = False

    async def allow(right: str, amount: int = 0) -> int:
        assert (right, amount) == ("keyed", 50_000)
        if not allowed:
            raise Refused(NEEDS_CONNECTION)
        return 7

    async def story(w: World) -> None:
        w.desk._counter.allow = allow  # type: ignore[method-assign]
        await w.keys("MENU", "6", "3")
        await w.sees("Mobile, then OK")
        await w.keys(*"9123456789", "OK")
        await w.sees("Amount, then OK")
        await w.keys(*"50000", "OK")
        await w.sees("SAVED" if allowed else "P21")

    world.play(story)
    said = [entry.transaction.details for entry in world.journal.entries.values()]
    assert said == ([tlv.pack([(0x0C, b"7")])] if allowed else [])


@pytest.mark.parametrize(
    ("tags", "paper"),
    [
        ({0x42: b"\x01fa", 0x43: b"\x01"}, 0),
        ({0x42: b"\x02fa", 0x43: b"\x01"}, 1),
        ({0x42: b"\x01fa", 0x43: b"\x00"}, 1),
        ({0x43: b"\x01"}, 1),
    ],
)
def test_who_wants_messages_gets_no_paper_when_one_is_written(tags: dict[int, bytes], paper: int) -> None:
    world = World()
    world.switch.replies = [Reply("00", 50, 1050, "ABC123", member(1050), tags=tags)]

    async def story(w: World) -> None:
        await w.keys(*"50000", "OK")
        await w.sees("TAP CARD")
        await w.tap()
        await w.sees("EARNED")
        assert len(w.printer.receipts) == paper
        await w.keys("MENU", "1")
        await w.sees("Printed")
        assert len(w.printer.receipts) == paper + 1, "wanted on paper all the same"

    world.play(story)


def test_a_card_is_replaced_with_the_members_code_and_without_one_on_a_supervisors_word() -> None:
    world = World()
    replaced = Reply("00", 0, 1240, "ABC123", Member(BLANK.uid, 4711, "Ali", 1240, START_UTC))
    unsent = Reply("00", 0, 1240, "", member(1240), tags={0x43: b"\x02"})
    world.switch.replies = [SENT, replaced, unsent, replaced]

    async def allow(right: str, amount: int = 0) -> int:
        assert right == "replace"
        return 7

    async def story(w: World) -> None:
        w.desk._counter.allow = allow  # type: ignore[method-assign]
        for code in ("123456", ""):
            await w.keys("MENU", "6", "2")
            await w.sees("Mobile, then OK")
            await w.keys(*"9123456789", "OK")
            if code:
                await w.sees("Code of the SMS")
                await w.keys(*code, "OK")
            await w.sees("TAP CARD")
            await w.tap(BLANK)
            await w.sees("Points stay")
            await w.keys("OK")
            await w.sees("WELCOME")
            await w.keys("OK")
            await w.sees("READY")

    world.play(story)
    said = [tlv.parse(t.details) for t in world.switch.sent]
    assert said == [{0x40: MOBILE, 0x51: b"\x01", 0x2A: b"123456"}, {0x40: MOBILE, 0x51: b"\x01", 0x0C: b"7"}]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("12345678", "Not a code"),
        ("01223346", "Referrer: yes"),
        ("09351112233", "Referrer: yes"),
        ("09123456789", "Not a code"),
    ],
)
def test_a_referrer_is_a_code_that_fits_a_number_or_a_card(typed: str, says: str) -> None:
    world = World()

    async def story(w: World) -> None:
        await w.keys("MENU", "6", "1")
        await w.sees("TAP CARD")
        await w.tap(BLANK)
        await w.sees("Mobile, then OK")
        await w.keys(*"09123456789", "OK", "OK", "2")
        await w.sees("WHO TOLD YOU?")
        await w.keys(*typed, "OK")
        await w.sees(says)

    world.play(story)


def test_a_referrers_card_fits_into_twelve_characters() -> None:
    from firmware.cashier.member_asks import named_by_card

    assert named_by_card(bytes.fromhex("9C599B32")) == "@nFmbMg"
    assert len(named_by_card(b"\xff" * 7)) <= 12 and "/" not in named_by_card(b"\xff" * 7)


def test_the_members_number_is_the_switchs_word() -> None:
    from firmware.switch.told import member_of

    assert member_of({0x2B: b"\x00\x00\x03\xed"}, BLANK.uid, 0, 100, START_UTC).member_no == 1005
    assert member_of({}, BLANK.uid, 4711, 100, START_UTC).member_no == 4711

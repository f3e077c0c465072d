"""Freedom inside limits: each role does what configuration says, and above it a supervisor types a PIN on the spot."""

import asyncio

import pytest

from firmware.core.errors import Cancelled, LinkError, Refused, VafaError
from firmware.core.keyed import keyed_uid
from firmware.core.types import (
    ACCRUAL,
    APPROVED,
    ISSUE,
    OFFLINE,
    ONLINE,
    REFUSED,
    REVERSED,
    CardData,
    JournalEntry,
    Member,
    Reply,
    Transaction,
)
from firmware.settings import declared_settings
from firmware.store.staff import LIMITS, RIGHTS, ROLES
from firmware.switch import tlv
from firmware.switch.profile import TAG_DIAG, TAG_REASON, TAG_SUPERVISOR
from host_tests.unit.cashier_kit import ALI, START_UTC
from host_tests.unit.staff_kit import SHOP, Till

BY_SUPERVISOR = tlv.pack([(TAG_SUPERVISOR, b"9")])
REASON = tlv.pack([(TAG_REASON, b"\x01")])
MOBILE = keyed_uid("9123456789")


@pytest.fixture
def till(tmp_path):
    return Till(tmp_path, SHOP)


def note(till, verb, amount, uid=ALI.uid, details=b"", clerk=3, state=APPROVED):
    seq = till.journal.next_seq()
    record = Transaction(seq, verb, OFFLINE, uid, 0, amount, 0, START_UTC - 200_000, 2, clerk=clerk, details=details)
    till.journal.entries[seq] = JournalEntry(record, state)


def asked(till, right, amount=0, *, clerk=3, supervisor=(9, "739164")):
    """What `allow` says: a number, "cancelled", or a code."""
    found = []

    async def one(_event):
        del till.desk._story
        try:
            found.append(await till.counter.allow(right, amount))
        except Cancelled:
            found.append("cancelled")
        except VafaError as error:
            found.append(error.code)
        return -1

    async def story(till):
        await till.at_the_till(clerk)
        till.desk._story = one
        await till.keys("CLEAR")
        await asyncio.sleep(0.3)
        if not found:
            await till.sees("NEEDS SUPERVISOR")
            if supervisor is None:
                await till.keys("CANCEL")
            else:
                await till.keys(*str(supervisor[0]), "OK")
                await till.sees("Your PIN")
                await till.keys(*supervisor[1], "OK")
            await asyncio.sleep(0.5)

    till.play(story)
    return found[0]


@pytest.mark.parametrize(
    ("right", "amount", "said"),
    [
        ("refund", 5_000_000, 0),
        ("refund", 5_000_001, 9),
        ("refund", 1_000_000_001, "P94"),
        ("recovery", 100_000, 0),
        ("recovery", 100_001, 9),
        ("recovery", 1_000_001, "P94"),
        ("void", 0, 9),
        ("replace", 0, 9),
        ("enrol", 0, 0),
        ("dispute", 0, 0),
        ("training", 0, 0),
        ("redeem_offline", 5_000, 0),
        ("redeem_offline", 5_001, 9),
        ("staff", 0, 9),
        ("keyed", 0, 0),
        ("gift_card", 20_000_000, 0),
        ("gift_card", 20_000_001, 9),
        ("gift_card", 1_000_000_001, "P94"),
        ("end_shift", 0, 9),
    ],
)
def test_a_clerk_goes_so_far_alone(till, right, amount, said):
    assert asked(till, right, amount) == said


def test_a_supervisor_at_the_till_is_asked_by_nobody(till):
    assert asked(till, "refund", 9_000_000, clerk=9) == 0


def test_roles_come_from_configuration(till):
    till.staff.roles = (1, 2, 1, 1, 1, 2, 1, 1, 3)
    assert asked(till, "void") == 0
    again = till.restart()
    again.staff.roles = till.staff.roles
    assert asked(again, "training") == "P94"  # that one is the technician's


def test_a_colleague_is_no_supervisor(till):
    assert asked(till, "void", supervisor=(4, "2580")) == "P94"


def test_a_wrong_pin_of_the_supervisor_allows_nothing_and_counts(till):
    assert asked(till, "void", supervisor=(9, "111111")) == "P90"
    store = till.staff.store()
    store.open()
    assert store.tries(9) == 1


@pytest.mark.parametrize("number", [0, 255, 256, 999])
def test_nobody_is_called_by_a_number_that_nobody_has(till, number):
    assert asked(till, "void", supervisor=(number, "739164")) == "P90"


def test_cancel_goes_back(till):
    assert asked(till, "void", supervisor=None) == "cancelled"


@pytest.mark.parametrize(("before", "said"), [(2, 0), (3, 9)])
def test_sales_without_a_card_are_counted_by_the_shift_in_the_journal(till, before, said):
    for _ in range(before):
        note(till, ACCRUAL, 1000, MOBILE)
    note(till, ACCRUAL, 1000, MOBILE, BY_SUPERVISOR)
    note(till, ACCRUAL, 1000, MOBILE, clerk=4)
    note(till, ACCRUAL, 1000)
    assert asked(till, "keyed") == said


@pytest.mark.parametrize(("given", "said"), [(900_000, 0), (900_001, 9)])
def test_what_is_given_for_broken_promises_is_counted_by_the_shift(till, given, said):
    note(till, ISSUE, given, details=REASON)
    note(till, ISSUE, 500_000, details=BY_SUPERVISOR + REASON)
    note(till, ISSUE, 700_000)  # a gift card, paid for
    assert asked(till, "recovery", 100_000) == said


@pytest.mark.parametrize(("sold", "said"), [(80_000_000, 0), (80_000_001, 9)])
def test_gift_cards_are_counted_by_the_shift(till, sold, said):
    note(till, ISSUE, sold)
    note(till, ISSUE, 5_000_000, details=REASON)
    note(till, ISSUE, 60_000_000, details=BY_SUPERVISOR)
    assert asked(till, "gift_card", 20_000_000) == said


@pytest.mark.parametrize("state", [REFUSED, REVERSED])
def test_what_came_to_nothing_uses_up_nothing(till, state):
    for _ in range(3):
        note(till, ACCRUAL, 1000, MOBILE, state=state)
    assert asked(till, "keyed") == 0


def test_lists_of_before_count_with_what_they_lack(till):
    till.staff.roles, till.staff.limits = till.staff.roles[:9], till.staff.limits[:5]
    assert asked(till, "gift_card", 20_000_001) == 9
    again = till.restart()
    again.staff.roles = till.staff.roles
    assert asked(again, "end_shift") == 9


def test_the_places_are_those_of_the_settings():
    found = {one.name: one for one in declared_settings()}
    assert found["staff_roles"].default == ROLES and len(ROLES) == len(RIGHTS) == found["staff_roles"].count[1]
    assert found["staff_limits"].default == LIMITS and len(LIMITS) == found["staff_limits"].count[1]


def test_a_clerk_sells_a_large_gift_card_and_ends_the_shift_with_a_supervisor(till):
    async def story(till):
        await till.at_the_till(3)
        await till.keys("MENU", "8", "3")
        await till.sees("Amount, then OK")
        await till.keys(*"900000000", "OK")
        await till.sees("NEEDS SUPERVISOR")
        await till.keys("CANCEL")
        await till.sees("READY")
        await till.keys("MENU", "5")
        await till.sees("NEEDS SUPERVISOR")
        await till.keys("CANCEL")
        await till.sees("READY")

    till.play(story)
    assert till.journal.entries == {}


def test_without_clerks_nobody_is_asked(tmp_path):
    till = Till(tmp_path)
    found = []

    async def story(till):
        await till.sees("READY")
        found.append(await till.counter.allow("void"))
        found.append(await till.counter.allow("recovery", 10**11))

    till.play(story)
    assert found == [0, 0]


def test_one_card_sold_to_often_by_one_clerk_is_told_the_switch_and_nobody_else(till):
    shown = []

    async def story(till):
        await till.at_the_till(3)
        for count in range(1, 7):
            till.books.note_sale(ALI, 1000)
            assert (till.staff.says() != []) == (count > 4)
        shown.extend(till.canvas.rows)
        till.staff.heard(None)
        assert till.staff.says() == []
        till.books.note_sale(ALI, 1000)
        assert till.staff.says() == [(TAG_DIAG, b"velocity clerk 3 ****9B32 7x")]
        till.staff.shift_over()
        till.staff.says()
        till.staff.heard(None)
        till.books.note_sale(ALI, 1000)
        assert till.staff.says() == []

    till.play(story)
    assert not any("velocity" in row for row in shown)


def test_what_the_switch_never_heard_is_said_again(till):
    async def story(till):
        await till.at_the_till(3)
        for _ in range(5):
            till.books.note_sale(ALI, 1000)
        assert till.staff.says() == till.staff.says() != []

    till.play(story)


def test_an_own_card_is_refused_before_anything_is_written(till):
    async def story(till):
        await till.at_the_till(3)
        till.staff.cards = [ALI.uid]
        with pytest.raises(Refused) as refused:
            till.books.accrual(ALI, 1000, ONLINE)
        assert refused.value.code == "P95" and till.journal.entries == {}

    till.play(story)


def by_number(till, replies):
    """A sale by mobile number up to what it ends with."""

    async def story(till):
        await till.at_the_till(3)
        till.staff.cards = [ALI.uid]
        till.switch.replies = list(replies)
        await till.keys("MENU", "6", "3")
        await till.sees("Mobile, then OK")
        await till.keys(*"9123456789", "OK")
        await till.sees("Amount, then OK")
        await till.keys(*"50000", "OK")
        await asyncio.sleep(3)
        till.ended = list(till.canvas.rows)

    till.play(story)
    return " ".join(till.ended)


def of_member(uid, number):
    return Reply("00", 0, 500, "", Member(uid, number, "Ali", 500, START_UTC))


def test_the_number_of_an_own_card_earns_nothing_either(till):
    assert "P95" in by_number(till, [of_member(MOBILE, 4711), of_member(ALI.uid, 4711)])
    assert till.journal.entries == {}


def test_the_number_of_somebody_else_earns_at_a_till_of_who_has_cards(till):
    said = by_number(till, [of_member(MOBILE, 4712), of_member(ALI.uid, 4711), Reply("00", 50, 550, "123456")])
    assert "EARNED" in said


def test_whose_number_cannot_be_asked_the_sale_goes_offline_after_one_silence(till):
    assert "SAVED" in by_number(till, [LinkError("nothing came")])
    assert len(till.order("inquire")) == 1 and till.switch.sent == []


def test_sales_by_number_are_counted_online_too(till):
    for _ in range(3):
        note(till, ACCRUAL, 1000, MOBILE)
    known = [of_member(MOBILE, 4712), of_member(ALI.uid, 4711)]
    assert "NEEDS SUPERVISOR" in by_number(till, known)
    assert till.switch.sent == []


@pytest.mark.parametrize("way", ["card", "mobile"])
def test_who_stands_at_the_till_brings_nobody_with_an_own_card(till, way):
    async def story(till):
        await till.at_the_till(3)
        till.staff.cards = [ALI.uid]
        till.books.remember(ALI.uid, of_member(ALI.uid, 4711))
        till.books.remember(MOBILE, of_member(MOBILE, 4711))
        await till.keys("MENU", "6", "1")
        await till.sees("TAP CARD")
        await till.tap(CardData(bytes.fromhex("0C0FFEE1"), "classic-1k", 0))
        await till.sees("Mobile, then OK")
        await till.keys(*"09351112233", "OK", "OK", "2")
        await till.sees("WHO TOLD YOU?")
        if way == "card":
            await till.tap(ALI)
        else:
            await till.keys(*"09123456789", "OK")
        await till.sees("Not a code")

    till.play(story)


def replacing(till, keys, replies):
    """MENU 6 2 by a number, up to what asks who allows it."""

    async def story(till):
        if till.staff.present:
            await till.at_the_till(3)
        till.switch.replies = list(replies)
        await till.keys("MENU", "6", "2")
        await till.sees("Mobile, then OK")
        await till.keys(*"9123456789", "OK")
        await asyncio.sleep(1)
        await till.keys(*keys)
        await asyncio.sleep(0.5)
        till.ended = " ".join(till.canvas.rows)
        if "RIGHT" in till.ended:
            await till.answer("replace")
            await till.sees("TAP CARD")
            await till.tap(CardData(bytes.fromhex("0C0FFEE1"), "classic-1k", 0))
            await till.sees("Points stay")
            await till.keys("OK")
            await till.sees("WELCOME")
            till.stood_after = till.granted.stands("replace")

    till.play(story)
    return till.ended


def unsent(queued):
    return Reply(
        "00", 0, 500, "", Member(MOBILE, 4711, "Ali", 500, START_UTC), tags={0x43: b"\x01" if queued else b"\x02"}
    )


@pytest.mark.parametrize("queued", [False, True])
def test_without_clerks_a_number_alone_replaces_no_card(tmp_path, queued):
    till = Till(tmp_path)
    done = Reply("00", 0, 500, "ABC123", Member(bytes.fromhex("0C0FFEE1"), 4711, "Ali", 500, START_UTC))
    assert "RIGHT replace" in replacing(till, ["MENU"] if queued else [], [unsent(queued), done])
    (sent,) = till.switch.sent
    assert tlv.parse(sent.details)[TAG_SUPERVISOR] == b"switch"
    assert not till.stood_after


def test_a_member_who_has_no_code_is_helped_by_a_supervisor(till):
    assert "NEEDS SUPERVISOR" in replacing(till, ["MENU"], [unsent(True)])

"""AES cards at the reader task, by each way: what a tap proves, what it costs the card, what it says when it fails."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from drivers.rc522_errors import ParityError
from firmware.cards.aes_proof import UnderKeys
from firmware.core.errors import CardLeft, CardTimeout, CardUnreadable, CardUnsupported
from firmware.core.types import AUTH_AES, AUTH_UID, CardData, Reply
from host_tests.unit.reader_kit import (
    AES,
    DESFIRE,
    FAULTS,
    GROUP,
    ISSUER,
    STRANGER,
    Authority,
    OneFault,
    Shop,
    aes_card,
    outcome,
    summary,
)
from tools.issuer.keys import KIND_AES, member_payload
from tools.sim.cards import Noise, make_card
from tools.sim.cards.personal import personalise

KINDS = ("ntag424", "desfire-ev2", "desfire-ev3")
NAMED = {"ntag424": "ntag424", "desfire-ev2": "desfire", "desfire-ev3": "desfire"}  # by ATS, no command more


def keys_of(card: Any) -> list[Any]:
    app = card.app
    return app.application_keys if hasattr(app, "application_keys") else app.applications[b"\xf0\x6a\xf5"].keys


def failures(card: Any) -> int:
    return sum(key.failures for key in keys_of(card))


def count_commands(card: Any) -> list[int]:
    """The instruction bytes of every APDU the card runs, from now on."""
    ran: list[int] = []
    whole = card.app.apdu

    def counted(command: bytes) -> bytes:
        ran.append(command[1])
        return whole(command)

    card.app.apdu = counted
    return ran


# --- group ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{}, {"irq": False}, {"strips_crc": False}])
def test_the_group_key_proves_a_card_and_reads_its_member(kind: str, options: dict[str, Any]) -> None:
    shop = Shop(way="group", **options)
    assert summary(shop.tap(aes_card(kind))) == (NAMED[kind], AUTH_AES, 1004)
    assert shop.reader.cards.suspicious == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_of_another_shop_counts_by_its_uid_and_is_tried_once(kind: str) -> None:
    shop = Shop(way="group")
    card = aes_card(kind, STRANGER)
    ran = count_commands(card)

    async def story() -> None:
        shop.field.lay(card)
        assert summary(await outcome(shop.reader)) == (NAMED[kind], AUTH_UID, 0)
        assert await outcome(shop.reader, 1_500) is CardTimeout

    shop.open(story)
    assert ran.count(0x71) == 1
    assert shop.reader.cards.suspicious == 0


def blank_payload(card: Any) -> Any:
    for file in (card.app.application_files if hasattr(card.app, "application_files") else {}).items():
        if file[0] == 3:
            file[1].memory[:16] = bytes(16)
    return card


def foreign_payload(card: Any) -> Any:
    card.app.application_files[3].memory[:16] = member_payload(GROUP, KIND_AES, bytes.fromhex(DESFIRE), 1002)
    return card


@pytest.mark.parametrize("way", ["sun", "group", "relay"])
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: make_card("ntag424", AES), "ntag424"),
        (lambda: make_card("desfire-ev2", DESFIRE), "desfire"),
        (lambda: make_card("desfire", DESFIRE), "desfire"),
    ],
    ids=["blank ntag424", "blank desfire", "desfire ev1"],
)
def test_a_card_that_is_not_ours_counts_by_its_uid(way: str, make: Any, kind: str) -> None:
    shop = Shop(way=way)
    card = make()
    told = shop.tap(card, prove=True)
    assert summary(told) == (kind, AUTH_UID, 0)
    assert isinstance(told, CardData)
    assert (told.sun, told.suspect) == (b"", False)


def test_an_authentic_card_without_a_payload_has_no_rank_and_one_with_anothers_is_a_copy() -> None:
    shop = Shop(way="group")
    told = shop.tap(blank_payload(aes_card()))
    assert summary(told) == ("ntag424", AUTH_UID, 0)
    assert isinstance(told, CardData)
    assert not told.suspect
    shop = Shop(way="group")
    told = shop.tap(foreign_payload(aes_card()))
    assert summary(told) == ("ntag424", AUTH_UID, 0)
    assert isinstance(told, CardData)
    assert told.suspect
    assert shop.reader.cards.suspicious == 1


def test_a_card_that_takes_any_key_and_holds_none_is_a_copy() -> None:
    shop = Shop(way="group")
    card = make_card("phone", "08000000")
    card.uid = bytes.fromhex(AES)
    card._levels = tuple(card._cascade())
    card.power_up = lambda now_us: type(card).__mro__[1].power_up(card, now_us)
    card.ats = bytes.fromhex("067777710280")
    answers = {0xA4: b"\x90\x00", 0x71: bytes(16) + b"\x91\xaf", 0xAF: bytes(32) + b"\x91\x00"}
    card.apdu = lambda command: answers[command[1]]
    told = shop.tap(card)
    assert isinstance(told, CardData)
    assert (told.auth, told.suspect) == (AUTH_UID, True)


def test_a_terminal_whose_way_is_off_takes_no_card_of_these_families() -> None:
    for kind in KINDS:
        shop = Shop()
        assert shop.tap(aes_card(kind)) is CardUnsupported


# --- sun --------------------------------------------------------------------------------------------------------------


def test_a_card_that_only_earns_is_asked_for_nothing() -> None:
    for way in ("sun", "relay"):
        shop = Shop(way=way)
        card = aes_card()
        ran = count_commands(card)
        told = shop.tap(card)
        assert summary(told) == ("ntag424", AUTH_UID, 0)
        assert isinstance(told, CardData)
        assert told.sun == b""
        assert ran == []
        assert shop.authority.steps == []


def test_a_card_that_is_to_spend_gives_what_it_signed_with_a_counter_that_rises() -> None:
    shop = Shop(way="sun")
    card = aes_card()
    counters = []

    async def story() -> None:
        for _ in range(3):
            shop.field.lay(card)
            told = await outcome(shop.reader, 1_000, True)
            assert summary(told) == ("ntag424", AUTH_UID, 0)
            assert isinstance(told, CardData)
            assert (len(told.sun), told.sun[0]) == (25, 1)
            cipher = Cipher(algorithms.AES(ISSUER.sun_meta), modes.CBC(bytes(16))).decryptor()
            plain = cipher.update(told.sun[1:17])
            assert plain[:8] == b"\xc7" + bytes.fromhex(AES)
            counters.append(int.from_bytes(plain[8:11], "little"))
            shop.field.remove(card)
            await asyncio.sleep(1)

    shop.open(story)
    assert counters == [counters[0], counters[0] + 1, counters[0] + 2]


def test_a_desfire_gives_no_sun_data() -> None:
    told = Shop(way="sun").tap(aes_card("desfire-ev2"), prove=True)
    assert isinstance(told, CardData)
    assert (told.auth, told.sun) == (AUTH_UID, b"")


def test_a_wait_that_needs_proof_gets_it_although_the_card_was_being_read_for_a_sale() -> None:
    shop = Shop(way="sun")
    card = aes_card()
    card.work_us = 20_000

    async def story() -> None:
        shop.field.lay(card)
        sale = asyncio.create_task(shop.reader.wait_card(2_000))
        while not shop.seen:
            await asyncio.sleep(0.001)
        sale.cancel()
        await asyncio.gather(sale, return_exceptions=True)
        told = await outcome(shop.reader, 1_000, True)
        assert isinstance(told, CardData)
        assert told.sun

    shop.open(story)


# --- relay ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_switch_proves_a_card_through_the_terminal(kind: str) -> None:
    shop = Shop(way="relay", keys=False)
    card = aes_card(kind)
    told = shop.tap(card, prove=True)
    assert summary(told) == (NAMED[kind], AUTH_AES, 0)
    assert isinstance(told, CardData)
    assert told.counter == 12
    first, second = shop.authority.steps
    assert (first[:2], len(first), second[:1], len(second)) == (b"\x01\x04", 18, b"\x03", 33)
    assert failures(card) == 0


@pytest.mark.parametrize("step", [1, 2])
def test_a_switch_that_does_not_answer_proves_nothing(step: int) -> None:
    authority = Authority()
    authority.fails_at = step
    told = Shop(way="relay", authority=authority).tap(aes_card(), prove=True)
    assert summary(told) == ("ntag424", AUTH_UID, 0)
    assert isinstance(told, CardData)
    assert not told.suspect


@pytest.mark.parametrize(
    ("says", "suspect"),
    [
        ((b"", Reply("57")), False),
        ((b"", Reply("59")), True),
        ((b"\x02" + bytes(31), Reply("00")), False),
        ((b"\x04" + bytes(32), Reply("00", auth=AUTH_AES)), False),
    ],
)
def test_a_switch_that_gives_nothing_for_the_card_proves_nothing(says: Any, suspect: bool) -> None:
    authority = Authority()
    authority.says = says
    shop = Shop(way="relay", authority=authority)
    card = aes_card()
    ran = count_commands(card)
    told = shop.tap(card, prove=True)
    assert isinstance(told, CardData)
    assert (told.auth, told.suspect) == (AUTH_UID, suspect)
    assert 0xAF not in ran
    assert shop.reader.cards.suspicious == int(suspect)


@pytest.mark.parametrize(
    ("reply", "suspect"),
    [(Reply("00", auth=AUTH_UID), False), (Reply("00"), False), (Reply("59", auth=AUTH_UID), True)],
)
def test_a_card_whose_answer_the_switch_does_not_take_counts_by_its_uid(reply: Reply, suspect: bool) -> None:
    class Doubting(Authority):
        async def __call__(self, uid: bytes, step: bytes) -> tuple[bytes, Reply]:
            said = await super().__call__(uid, step)
            return (b"", reply) if step[0] == 3 else said

    told = Shop(way="relay", authority=Doubting()).tap(aes_card(), prove=True)
    assert isinstance(told, CardData)
    assert (told.auth, told.suspect) == (AUTH_UID, suspect)


def test_a_switch_with_other_keys_is_refused_by_the_card_once() -> None:
    card = aes_card()
    shop = Shop(way="relay", authority=Authority(STRANGER))
    assert summary(shop.tap(card, prove=True)) == ("ntag424", AUTH_UID, 0)
    assert failures(card) == 1
    assert len(shop.authority.steps) == 1


def test_the_card_may_leave_while_the_switch_is_asked() -> None:
    shop = Shop(way="relay")
    card = aes_card()
    shop.authority.takes_ms = 400

    async def story() -> None:
        shop.field.lay(card)
        shop.later(200, lambda: shop.field.remove(card))
        assert await outcome(shop.reader, 2_000, True) is CardLeft
        shop.later(100, lambda: shop.field.lay(card))
        assert summary(await outcome(shop.reader, 2_000, True))[1] == AUTH_AES

    shop.open(story)
    assert shop.reader.left_early == 1


# --- strangers and faults ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["sun", "group", "relay"])
def test_a_card_that_makes_up_its_uid_is_refused_for_every_use_and_told_once(way: str) -> None:
    for prove in (False, True):
        shop = Shop(way=way)
        phone = make_card("phone", "08000000")

        async def story(shop: Shop = shop, prove: bool = prove, phone: Any = phone) -> None:
            shop.field.lay(phone)
            assert await outcome(shop.reader, 1_000, prove) is CardUnsupported

        shop.open(story)
        assert shop.authority.steps == []


def test_a_14443_4_card_nobody_knows_is_refused() -> None:
    card = make_card("desfire", DESFIRE)
    card.ats = bytes.fromhex("0578807002")  # a bank card's, of some maker
    card.hardware = b"\x05" + card.hardware[1:]
    assert Shop(way="sun").tap(card) is CardUnsupported


def test_a_card_with_an_unknown_ats_is_known_by_its_version() -> None:
    card = aes_card("desfire-ev3")
    card.ats = bytes.fromhex("067577810200")
    assert summary(Shop(way="group").tap(card)) == ("desfire-ev3", AUTH_AES, 1004)


@pytest.mark.parametrize("way", ["sun", "group", "relay"])
def test_a_card_pulled_at_any_frame_is_left_or_whole_and_reads_when_it_returns(way: str) -> None:
    left = 0
    for moment in ("before", "after", "answering"):
        for frame in range(1, 26):
            shop = Shop(way=way)
            shop.authority.takes_ms = 20
            card = aes_card()

            async def story(shop: Shop = shop, card: Any = card, moment: str = moment, frame: int = frame) -> None:
                nonlocal left
                shop.field.lay(card)
                shop.field.pull_at_frame(card, frame, moment)
                first = await outcome(shop.reader, 700, True)
                left += first is CardLeft
                assert first in (CardLeft, CardTimeout) or whole(first)
                if card in shop.field.cards:
                    shop.field.remove(card)
                shop.field._pulls.clear()
                await asyncio.sleep(1)
                shop.authority.steps.clear()
                shop.field.lay(card)
                assert whole(await outcome(shop.reader, 1_000, True))

            shop.open(story)
            assert failures(card) == 0
    assert left > 10


def whole(told: Any) -> bool:
    return isinstance(told, CardData) and (told.auth == AUTH_AES or told.sun != b"")


@pytest.mark.parametrize("way", ["sun", "group", "relay"])
def test_noise_makes_no_card_a_copy_and_no_key_is_tried_twice_on_a_tap(way: str) -> None:
    good = 0
    for seed in range(25):
        shop = Shop(way=way)
        shop.authority.takes_ms = 20
        shop.field.noise = Noise(seed, deaf=0.03, silence=0.03, crc=0.03, parity=0.03, short=0.02)
        card = aes_card()
        ran = count_commands(card)
        told = shop.tap(card, prove=True)
        assert told in (CardUnreadable, UnderKeys, CardLeft, CardTimeout) or isinstance(told, CardData)
        assert shop.reader.cards.suspicious == 0
        assert ran.count(0x71) <= 1
        good += whole(told)
    assert good >= 22


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("way", ["sun", "group", "relay"])
def test_any_single_fault_of_the_air_costs_a_card_nothing(way: str, fault: str) -> None:
    for exchange in range(1, 14):
        shop = Shop(way=way)
        shop.authority.takes_ms = 10
        shop.field.noise = OneFault(exchange, fault)
        assert whole(shop.tap(aes_card(), prove=True))


@pytest.mark.parametrize("command", [0x71, 0xAF, 0xAD])
@pytest.mark.parametrize("way", ["group", "relay"])
def test_an_exchange_under_a_key_that_breaks_is_told_and_not_tried_again(way: str, command: int) -> None:
    if (way, command) == ("relay", 0xAD):
        return  # nothing is read there
    shop = Shop(way=way)
    card = aes_card()
    aes = shop.reader.cards._aes
    assert aes is not None
    whole_way = aes._iso.transceive
    tried: list[int] = []

    async def broken(apdu: bytes) -> bytes:
        tried.append(apdu[1])
        if apdu[1] == command:
            raise ParityError()
        return await whole_way(apdu)

    aes._iso.transceive = broken  # type: ignore[method-assign]

    async def story() -> None:
        shop.field.lay(card)
        assert await outcome(shop.reader, 1_000, True) is UnderKeys
        assert await outcome(shop.reader, 1_500, True) is CardTimeout

    shop.open(story)
    assert tried.count(0x71) == 1
    assert shop.reader.unreadable == 1


def test_a_slow_card_is_waited_for_and_one_that_never_ends_is_not() -> None:
    for work_us, expected in ((200_000, True), (60_000_000, False)):
        shop = Shop(way="group")
        card = aes_card()
        card.work_us = work_us
        told = shop.tap(card, ms=9_000)
        assert whole(told) is expected
        assert expected or told is CardUnreadable


def test_no_key_member_or_whole_uid_reaches_the_log() -> None:
    text = ""
    for way in ("sun", "group", "relay"):
        for card in (aes_card(), aes_card("desfire-ev2", STRANGER), foreign_payload(aes_card())):
            shop = Shop(way=way)
            shop.tap(card, prove=True)
            text += shop.lines().lower() + "\n"
    assert "c06" in text
    for secret in (GROUP.hex(), ISSUER.aes_key(1, bytes.fromhex(AES)).hex(), AES.lower(), DESFIRE.lower(), "1004"):
        assert secret not in text


def test_personalised_models_are_what_the_tests_take_them_for() -> None:
    with pytest.raises(ValueError, match="issuer"):
        personalise(make_card("ntag424", AES), GROUP, 1)

"""Classic and Type 2 cards: counters, the tripwire for rewritable cards, and what disagrees with itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from firmware.cards.identify import is_odd, is_random
from firmware.cards.keys import CardKeys
from firmware.core.errors import CardUnsupported
from firmware.core.types import AUTH_LEGACY, AUTH_UID, CardData
from host_tests.unit.device_kit import Desk
from host_tests.unit.reader_kit import (
    FAULTS,
    GOLD,
    GROUP,
    ISSUER,
    SILVER,
    OneFault,
    Shop,
    gold,
    outcome,
    silver,
    summary,
)
from host_tests.unit.switch_kit import messages, split, transaction
from tools.device.personalise import Wish
from tools.device.report import WRITTEN
from tools.sim.cards import Noise, make_card
from tools.sim.cards.personal import personalise


def copy() -> Any:
    return make_card("classic-magic", "11223344").imitate(gold())


def office_made() -> Any:
    desk, card = Desk(ISSUER), make_card("ntag213", SILVER)
    desk.field.lay(card)
    assert desk.fulfil(Wish(1002)) == WRITTEN
    desk.field.remove(card)
    return card


def test_a_rewritable_copy_is_noticed_when_it_is_to_spend_and_only_then() -> None:
    shop = Shop()
    card = copy()
    assert summary(shop.tap(card)) == ("classic-1k", AUTH_LEGACY, 1001)
    assert (card.knocks, shop.reader.cards.suspicious) == (0, 0)
    shop = Shop()
    told = shop.tap(card, prove=True)
    assert summary(told) == ("classic-1k", AUTH_UID, 0)
    assert isinstance(told, CardData)
    assert told.suspect
    assert card.knocks == 1
    assert shop.reader.cards.suspicious == 1
    assert "C06 rewritable card" in shop.lines()
    assert GOLD not in shop.lines()


@pytest.mark.parametrize("kind", ["classic", "classic-4k"])
@pytest.mark.parametrize("uid", [GOLD, "04A1B2C3D4E5F6"])
def test_a_genuine_card_keeps_its_rank_after_the_knock(kind: str, uid: str) -> None:
    shop = Shop()
    told = shop.tap(personalise(make_card(kind, uid), GROUP, 1001), prove=True)
    assert summary(told)[1:] == (AUTH_LEGACY, 1001)
    assert isinstance(told, CardData)
    assert not told.suspect


@pytest.mark.parametrize(("each", "whole"), [(0.02, 36), (0.04, 28)])
def test_noise_calls_no_genuine_card_a_copy_and_seldom_lowers_one(each: float, whole: int) -> None:
    ranks = []
    for seed in range(40):
        shop = Shop()
        shop.field.noise = Noise(seed, deaf=each, silence=each, crc=each, parity=each, short=each)
        told = shop.tap(gold(), prove=True)
        assert shop.reader.cards.suspicious == 0
        ranks.append(told.auth if isinstance(told, CardData) else told)
    assert ranks.count(AUTH_LEGACY) >= whole
    assert ranks.count(AUTH_UID) <= 2  # all others are told to tap again


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("make", [gold, silver])
def test_any_single_fault_of_the_air_costs_a_card_nothing(make: Any, fault: str) -> None:
    for exchange in range(1, 18):
        shop = Shop()
        shop.field.noise = OneFault(exchange, fault)
        assert summary(shop.tap(make(), prove=True))[1] == AUTH_LEGACY


@pytest.mark.parametrize("make", [silver, office_made])
def test_the_counter_of_a_members_ntag_travels_with_the_tap_and_rises(make: Any) -> None:
    shop = Shop()
    card = make()
    make_message = messages()
    counters = []
    sent = []

    async def story() -> None:
        for _ in range(3):
            shop.field.lay(card)
            told = await outcome(shop.reader)
            assert summary(told) == ("ntag213", AUTH_LEGACY, 1002)
            assert isinstance(told, CardData)
            counters.append(told.counter)
            sale = make_message.request(transaction(uid=told.uid, auth=told.auth, card_counter=told.counter))
            sent.append(int.from_bytes(split(sale.raw)[1][0x08], "big"))
            shop.field.remove(card)
            await asyncio.sleep(1)

    shop.open(story)
    assert 0 < counters[0] < counters[1] < counters[2]
    assert sent == counters


def test_an_ntag_that_does_not_count_has_counter_0_and_its_rank() -> None:
    card = silver()
    card.memory[0x2A * 4] &= ~0x18 & 0xFF
    told = Shop().tap(card)
    assert summary(told)[1] == AUTH_LEGACY
    assert isinstance(told, CardData)
    assert told.counter == 0


@pytest.mark.parametrize(("mark", "auth0"), [(b"", 4), (b"", 5), (b"", 0), (b"VAFA", 4), (b"VAFA", 7), (b"VAFA", 0xFF)])
def test_taps_never_use_up_the_passwords_of_a_strangers_tag(mark: bytes, auth0: int) -> None:
    card: Any = make_card("ntag213", SILVER, pages={4: mark} if mark else {})
    card.protect(b"pass", b"ok", auth0, limit=3)
    for _ in range(4):
        shop = Shop()
        assert summary(shop.tap(card, prove=True)) == ("ntag213", AUTH_UID, 0)
        assert (card.wrong_passwords, shop.reader.cards.suspicious) == (0, 0)


def test_a_members_tag_that_heard_noise_when_it_was_to_show_its_mark_keeps_its_rank() -> None:
    card = silver()
    command, reads = card.command, iter(range(100))

    def noisy(data: bytes) -> Any:
        return card.bad_frame() if data[0] == 0x30 and next(reads) == 0 else command(data)

    card.command = noisy
    assert summary(Shop().tap(card)) == ("ntag213", AUTH_LEGACY, 1002)


def classic_in_place_of_silver(key_a: bytes) -> Any:
    """A card that shows the UID of a member's NTAG and carries what was heard from it."""
    pages = {4: b"".join(silver().page(5 + i) for i in range(4)), 7: key_a + bytes.fromhex("78778869") + bytes(6)}
    return make_card("classic", SILVER, blocks=pages)


def test_what_was_heard_from_an_ntag_gives_a_classic_of_its_uid_no_rank() -> None:
    keys, uid = CardKeys(GROUP), bytes.fromhex(SILVER)
    heard = classic_in_place_of_silver(b"".join(keys.ntag_password(uid)))
    assert summary(Shop().tap(heard)) == ("classic-1k", AUTH_UID, 0)
    told = Shop().tap(classic_in_place_of_silver(keys.classic_key(uid)))
    assert isinstance(told, CardData)
    assert (told.auth, told.member_no, told.suspect) == (AUTH_UID, 0, True)


def test_an_ultralight_ev1_counts_by_its_uid_without_our_key_and_by_its_payload_with_it() -> None:
    assert summary(Shop().tap(make_card("ultralight-ev1", SILVER))) == ("ultralight-ev1", AUTH_UID, 0)
    card = personalise(make_card("ultralight-ev1", SILVER), GROUP, 1002)
    assert summary(Shop().tap(card)) == ("ultralight-ev1", AUTH_LEGACY, 1002)


def test_a_card_whose_uid_is_longer_than_it_says_is_a_copy() -> None:
    card = silver()
    shop = Shop()

    class Odd(type(card)):  # type: ignore[misc]
        atqa = b"\x04\x00"

    card.__class__ = Odd
    told = shop.tap(card)
    assert isinstance(told, CardData)
    assert (told.auth, told.suspect) == (AUTH_UID, True)
    assert shop.reader.cards.suspicious == 1


@pytest.mark.parametrize(
    ("uid", "atqa", "odd"),
    [
        (GOLD, 0x0004, False),
        (GOLD, 0x0044, False),  # a Classic of 7 bytes set to show 4
        (SILVER, 0x0044, False),
        (SILVER, 0x0344, False),
        (SILVER, 0x0004, True),
        (SILVER, 0x0000, False),  # several cards garbled it
        ("0102030405060708090A", 0x0044, True),
        ("0102030405060708090A", 0x0084, False),
    ],
)
def test_the_size_a_card_tells_may_not_be_less_than_its_uid(uid: str, atqa: int, odd: bool) -> None:
    assert is_odd(bytes.fromhex(uid), atqa) is odd


def test_only_four_bytes_that_begin_with_08_are_made_up() -> None:
    assert is_random(bytes.fromhex("08112233"))
    assert not is_random(bytes.fromhex("18112233"))
    assert not is_random(bytes.fromhex("08112233445566"))


def test_a_classic_that_makes_up_its_uid_is_refused() -> None:
    assert Shop().tap(make_card("classic", "08112233")) is CardUnsupported

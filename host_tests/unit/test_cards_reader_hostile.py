"""The reader task outlives what a card or a switch can do to it, and no tap takes for ever."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from drivers.rc522_errors import AuthRefused, Collision, CrcError, IsoDepError, Nak, NoAnswer
from firmware.cards.aes_plain import CardRefused
from firmware.cards.aes_proof import UnderKeys
from firmware.core.errors import BadMessage, CardUnreadable, LinkDown, StoreFull
from firmware.core.types import AUTH_AES, AUTH_UID, CardData, Reply
from host_tests.unit.reader_kit import FAULTS, Authority, Shop, aes_card, gold, outcome, summary
from tools.sim.cards import Noise, make_card

# AuthenticateEV2First, and its second part
_FIRST, _MORE, _READ = 0x71, 0xAF, 0xAD


def says(card: Any, command: int, answer: bytes, status: bytes, takes_us: int = 1_000) -> Any:
    """The card answers one command with something of its own, after a while."""
    honest = card.apdu
    card.apdu = lambda apdu: answer + status if apdu[1] == command else honest(apdu)
    card.compute_us = lambda apdu: takes_us
    return card


class Careful(Authority):
    """A switch link that takes only whole steps, as the message builder does."""

    async def __call__(self, uid: bytes, step: bytes) -> tuple[bytes, Reply]:
        if len(step) != {1: 18, 3: 33}[step[0]]:
            self.steps.append(step)
            raise BadMessage("tag 33")
        return await super().__call__(uid, step)


@pytest.mark.parametrize("size", [0, 1, 15, 17, 32, 100])
@pytest.mark.parametrize(("command", "status"), [(_FIRST, b"\x91\xaf"), (_MORE, b"\x91\x00")])
def test_a_cryptogram_of_another_size_is_not_passed_on_and_the_card_counts_by_its_uid(
    size: int, command: int, status: bytes
) -> None:
    if (command, size) == (_MORE, 32):
        return  # the right size
    shop = Shop(way="relay", authority=Careful())
    told = shop.tap(says(aes_card(), command, bytes(size), status), prove=True)
    assert summary(told) == ("ntag424", AUTH_UID, 0)
    assert isinstance(told, CardData)
    assert not told.suspect
    assert [step[0] for step in shop.authority.steps] == ([] if command == _FIRST else [1])


@pytest.mark.parametrize("error", [BadMessage("x"), LinkDown(), StoreFull()])
def test_a_switch_port_that_fails_in_any_way_proves_nothing_and_ends_no_task(error: Exception) -> None:
    class Failing(Authority):
        async def __call__(self, uid: bytes, step: bytes) -> tuple[bytes, Reply]:
            raise error

    assert summary(Shop(way="relay", authority=Failing()).tap(aes_card(), prove=True))[1] == AUTH_UID


@pytest.mark.parametrize("rc", ["05", "41", "30", ""])
@pytest.mark.parametrize("step", [1, 3])
def test_proven_counts_only_in_an_approval(step: int, rc: str) -> None:
    class Doubting(Authority):
        async def __call__(self, uid: bytes, sent: bytes) -> tuple[bytes, Reply]:
            part, reply = await super().__call__(uid, sent)
            return (part, Reply(rc, auth=AUTH_AES)) if sent[0] == step else (part, reply)

    told = Shop(way="relay", authority=Doubting()).tap(aes_card(), prove=True)
    assert isinstance(told, CardData)
    assert (told.auth, told.suspect) == (AUTH_UID, False)


@pytest.mark.parametrize("step", [1, 3])
def test_a_copy_is_a_copy_whatever_else_the_switch_says(step: int) -> None:
    class Odd(Authority):
        async def __call__(self, uid: bytes, sent: bytes) -> tuple[bytes, Reply]:
            part, reply = await super().__call__(uid, sent)
            return (part, Reply("59", auth=AUTH_AES)) if sent[0] == step else (part, reply)

    shop = Shop(way="relay", authority=Odd())
    told = shop.tap(aes_card(), prove=True)
    assert isinstance(told, CardData)
    assert (told.auth, told.suspect) == (AUTH_UID, True)
    assert len(shop.authority.steps) == (1 if step == 1 else 2)


ODD = [NoAnswer(), Nak(0), CrcError(), IsoDepError("x"), AuthRefused(), Collision(3), CardRefused(0), BadMessage("x")]


@pytest.mark.parametrize("error", ODD, ids=[type(error).__name__ for error in ODD])
@pytest.mark.parametrize("place", ["read", "select_again", "_anticollision"])
def test_no_error_of_a_card_ends_the_task(place: str, error: Exception) -> None:
    if place == "_anticollision" and isinstance(error, (CardRefused, BadMessage)):
        return  # the driver knows nothing of these
    if place == "_anticollision" and isinstance(error, Collision):
        return  # a spark: the card is read
    shop = Shop()

    async def broken(*_: object) -> None:
        raise error

    async def story() -> None:
        cards: Any = shop.reader._picc if place == "_anticollision" else shop.reader.cards
        honest = getattr(cards, place), shop.reader.cards.read
        setattr(cards, place, broken)
        if place == "select_again":
            shop.reader.cards.read = broken  # type: ignore[method-assign]
        card = gold()
        shop.field.lay(card)
        assert not isinstance(await outcome(shop.reader, 700), CardData)
        setattr(cards, place, honest[0])
        shop.reader.cards.read = honest[1]  # type: ignore[method-assign]
        shop.field.remove(card)
        await asyncio.sleep(1)
        shop.field.lay(card)
        assert summary(await outcome(shop.reader))[2] == 1001

    shop.open(story)


@pytest.mark.parametrize("takes_us", [700_000, 1_400_000])
def test_a_card_that_stretches_every_command_is_given_up_after_three_seconds_and_the_task_gives_signs_of_life(
    takes_us: int,
) -> None:
    shop = Shop(way="sun")
    card = says(aes_card(), _READ, bytes(20), b"\x91\xaf", takes_us)
    honest = card.apdu
    card.apdu = lambda apdu: bytes(20) + b"\x91\xaf" if apdu[1] == _MORE else honest(apdu)
    laid_us = took_us = 0

    async def story() -> None:
        nonlocal laid_us, took_us
        laid_us = shop.clock.now_us
        shop.field.lay(card)
        assert await outcome(shop.reader, 20_000, True) is CardUnreadable
        took_us = shop.clock.now_us - laid_us
        shop.field.remove(card)
        await asyncio.sleep(1)
        shop.field.lay(gold())
        assert summary(await outcome(shop.reader))[2] == 1001

    shop.open(story)
    assert took_us < 3_300_000
    assert all(later - earlier <= 2_000_000 for earlier, later in pairwise(shop.beats))


def test_a_relay_may_take_the_switchs_time_and_still_gives_signs_of_life() -> None:
    shop = Shop(way="relay")
    shop.authority.takes_ms = 5_900
    assert summary(shop.tap(aes_card(), prove=True, ms=20_000))[1] == AUTH_AES
    assert all(later - earlier <= 2_000_000 for earlier, later in pairwise(shop.beats))


def test_a_switch_that_never_answers_ends_with_the_tap() -> None:
    shop = Shop(way="relay")
    shop.authority.takes_ms = 600_000
    assert shop.tap(aes_card(), prove=True, ms=20_000) is CardUnreadable
    assert shop.clock.now_us < 17_500_000
    assert shop.reader.unreadable == 1


@pytest.mark.parametrize("fault", [*FAULTS, "nibble"])
def test_one_lost_frame_lets_no_rewritable_copy_spend(fault: str) -> None:
    for frame in range(1, 14):
        shop = Shop()
        shop.field.noise = Noise(exact={frame: fault})
        copy: Any = make_card("classic-magic", "11223344")
        told = shop.tap(copy.imitate(gold()), prove=True)
        assert isinstance(told, CardData), (frame, told)
        assert (told.auth, told.suspect) == (AUTH_UID, True), frame


def test_an_honest_card_is_knocked_at_twice_and_keeps_its_rank() -> None:
    shop = Shop()
    assert summary(shop.tap(gold(), prove=True))[2] == 1001
    assert shop.reader.cards.suspicious == 0


@pytest.mark.parametrize("kind", ["lost", "zeros", "ones", "flip-in"])
def test_one_disturbed_transaction_while_the_chip_wakes_is_no_dead_reader(kind: str) -> None:
    for number in range(1, 5):
        shop = Shop()

        async def story(shop: Shop = shop, number: int = number) -> None:
            await asyncio.sleep(0.5)
            assert shop.board.rc522._asleep
            shop.board.rc522.faults.at(number, kind, 9)
            shop.field.lay(gold())
            assert summary(await outcome(shop.reader))[2] == 1001, number

        shop.open(story)
        assert "R01" not in shop.lines()


@pytest.mark.parametrize("kind", ["lost", "zeros", "ones"])
def test_one_disturbed_transaction_costs_a_card_no_signed_data(kind: str) -> None:
    for number in range(66, 98):
        shop = Shop(way="sun")
        shop.board.rc522.faults.at(number, kind)
        told = shop.tap(aes_card(), prove=True)
        assert isinstance(told, CardData), number
        assert told.sun, number


@pytest.mark.parametrize("kind", ["lost", "zeros", "ones"])
def test_one_disturbed_transaction_lowers_no_card_of_the_group_and_tries_no_key_twice(kind: str) -> None:
    for number in range(66, 98):
        shop = Shop(way="group")
        card = aes_card()
        honest, ran = card.apdu, []

        def counted(apdu: bytes, honest: Any = honest, ran: list[int] = ran) -> bytes:
            ran.append(apdu[1])
            return honest(apdu)

        card.apdu = counted
        shop.board.rc522.faults.at(number, kind)
        told = shop.tap(card)
        assert told is UnderKeys or summary(told)[1] == AUTH_AES, number
        assert ran.count(_FIRST) <= 1

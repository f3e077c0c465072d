"""The reader task on the chip model: what it tells, when, how often, and what it costs while nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from firmware.cards.keys import CardKeys
from firmware.cards.reader import POLL_MS
from firmware.core.errors import CardLeft, CardTimeout, CardUnreadable, CardUnsupported, ReaderDead
from firmware.core.types import AUTH_LEGACY, AUTH_UID, CardData
from host_tests.unit.reader_kit import GOLD, GROUP, SILVER, Shop, gold, outcome, silver, summary
from tools.issuer.keys import KIND_CLASSIC, KIND_NTAG, member_payload
from tools.sim.cards import Noise, make_card
from tools.sim.cards.personal import personalise

# --- what a card is worth ---------------------------------------------------------------------------------------------


def forged_classic() -> Any:
    card = gold()
    card.set_block(4, member_payload(bytes(16), KIND_CLASSIC, bytes.fromhex(GOLD), 1001))
    return card


def forged_ntag() -> Any:
    card = silver()
    card.set_page(6, b"\x00\x00\x00\x00")
    return card


def open_copy() -> Any:
    pages = member_payload(GROUP, KIND_NTAG, bytes.fromhex(SILVER), 1002)
    return make_card("ntag213", SILVER, pages={5 + i: pages[i * 4 : i * 4 + 4] for i in range(4)})


def wrong_pack() -> Any:
    card = silver()
    config = card._config
    card.set_page(config + 3, b"\x00\x00\x00\x00")
    return card


def foreign_password() -> Any:
    return personalise(make_card("ntag213", SILVER), bytes(16), 1002)


CASES: list[tuple[Callable[[], Any], tuple[str, int, int], int]] = [
    (gold, ("classic-1k", AUTH_LEGACY, 1001), 0),
    (silver, ("ntag213", AUTH_LEGACY, 1002), 0),
    (lambda: make_card("classic", GOLD), ("classic-1k", AUTH_UID, 0), 0),
    (lambda: make_card("ntag215", SILVER), ("ntag215", AUTH_UID, 0), 0),
    (foreign_password, ("ntag213", AUTH_UID, 0), 0),
    (forged_classic, ("classic-1k", AUTH_UID, 0), 1),
    (forged_ntag, ("ntag213", AUTH_UID, 0), 1),
    (open_copy, ("ntag213", AUTH_UID, 0), 1),
    (wrong_pack, ("ntag213", AUTH_UID, 0), 1),
]


@pytest.mark.parametrize("options", [{}, {"irq": False}, {"strips_crc": False}, {"nibble_is_crc_error": False}])
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_a_card_counts_for_what_it_proves(case: tuple[Any, tuple[str, int, int], int], options: dict[str, Any]) -> None:
    make, expected, suspicious = case
    shop = Shop(**options)

    async def story() -> None:
        shop.field.lay(make())
        assert summary(await outcome(shop.reader)) == expected

    shop.open(story)
    assert shop.reader.cards.suspicious == suspicious
    assert ("C06" in shop.lines()) == bool(suspicious)
    assert not shop.board.rc522.crypto_on


def test_a_terminal_without_keys_takes_every_card_by_its_uid() -> None:
    shop = Shop(keys=False)

    async def story() -> None:
        shop.field.lay(gold())
        assert summary(await outcome(shop.reader)) == ("classic-1k", AUTH_UID, 0)

    shop.open(story)


def test_a_family_that_is_not_read_is_named_and_told_once() -> None:
    shop = Shop()

    async def story() -> None:
        shop.field.lay(make_card("desfire", "04DE5F1EACC040"))
        with pytest.raises(CardUnsupported, match="iso-dep"):
            await shop.reader.wait_card(500)
        assert await outcome(shop.reader, 500) is CardTimeout

    shop.open(story)


def test_no_key_member_or_whole_uid_reaches_the_log() -> None:
    shop = Shop()

    async def story() -> None:
        for make, _, _ in CASES:
            card = make()
            shop.field.lay(card)
            await outcome(shop.reader)
            shop.field.remove(card)
            await asyncio.sleep(1)

    shop.open(story)
    text = shop.lines().lower()
    assert "c06" in text
    for secret in (GROUP.hex(), GOLD, SILVER, CardKeys(GROUP).classic_key(bytes.fromhex(GOLD)).hex(), "1001", "1002"):
        assert secret.lower() not in text


# --- when it is told --------------------------------------------------------------------------------------------------


def test_a_card_is_noticed_within_100_ms_and_read_within_200_wherever_in_the_poll_period_it_comes() -> None:
    for make in (gold, silver):
        for phase_ms in range(0, POLL_MS + 5, 3):
            shop = Shop()

            async def story(shop: Shop = shop, make: Callable[[], Any] = make, phase_ms: int = phase_ms) -> None:
                laid_us = shop.clock.now_us + (300 + phase_ms) * 1000
                shop.clock.at(laid_us, lambda: shop.field.lay(make()))
                assert summary(await outcome(shop.reader))[1] == AUTH_LEGACY
                assert shop.seen[0][0] - laid_us <= 100_000
                assert shop.clock.now_us - laid_us <= 150_000

            shop.open(story)


def test_a_card_laid_before_anybody_waited_is_told_at_once_when_somebody_does() -> None:
    shop = Shop()

    async def story() -> None:
        shop.field.lay(gold())
        await asyncio.sleep(3)
        before = shop.clock.now_us
        assert summary(await outcome(shop.reader))[1] == AUTH_LEGACY
        assert shop.clock.now_us - before < 40_000

    shop.open(story)


def test_a_resting_card_is_told_once_and_again_after_it_was_away() -> None:
    shop = Shop()

    async def story() -> None:
        card = gold()
        shop.field.lay(card)
        assert summary(await outcome(shop.reader))[2] == 1001
        assert await outcome(shop.reader, 2_000) is CardTimeout
        await asyncio.sleep(2)
        assert await outcome(shop.reader, 500) is CardTimeout
        shop.field.remove(card)
        await asyncio.sleep(1)
        shop.field.lay(card)
        assert summary(await outcome(shop.reader))[2] == 1001
        assert len(shop.seen) == 2

    shop.open(story)


def test_a_card_that_flickers_for_less_than_three_polls_is_not_new() -> None:
    shop = Shop()

    async def story() -> None:
        card = gold()
        shop.field.lay(card)
        await outcome(shop.reader)
        shop.later(500, lambda: shop.field.remove(card))
        shop.later(500 + 2 * POLL_MS, lambda: shop.field.lay(card))
        assert await outcome(shop.reader, 2_000) is CardTimeout

    shop.open(story)


def test_another_card_in_its_place_is_new_at_once() -> None:
    shop = Shop()

    async def story() -> None:
        card = gold()
        shop.field.lay(card)
        await outcome(shop.reader)
        shop.field.remove(card)
        shop.field.lay(silver())
        assert summary(await outcome(shop.reader, 300))[2] == 1002

    shop.open(story)


# --- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [gold, silver])
def test_a_card_pulled_at_any_frame_of_its_reading_is_left_or_whole_and_reads_when_it_returns(
    make: Callable[[], Any],
) -> None:
    left = 0
    for moment in ("before", "after", "answering"):
        for frame in range(1, 26):
            shop = Shop()
            card = make()

            async def story(shop: Shop = shop, card: Any = card, moment: str = moment, frame: int = frame) -> None:
                nonlocal left
                shop.field.lay(card)
                shop.field.pull_at_frame(card, frame, moment)
                first = await outcome(shop.reader, 500)
                left += first is CardLeft
                assert first in (CardLeft, CardTimeout) or summary(first)[1] == AUTH_LEGACY
                if card in shop.field.cards:
                    shop.field.remove(card)
                shop.field._pulls.clear()
                await asyncio.sleep(1)
                shop.field.lay(card)
                assert summary(await outcome(shop.reader))[1] == AUTH_LEGACY

            shop.open(story)
    assert left > 5


def test_noise_lowers_no_card_and_hangs_nothing() -> None:
    shop = Shop()
    ranks = []

    async def story() -> None:
        for number in range(30):
            card = gold() if number & 1 else silver()
            shop.field.noise = Noise(number, silence=0.03, crc=0.03, parity=0.03, short=0.02)
            shop.field.lay(card)
            result = await outcome(shop.reader, 1_500)
            ranks.append(result.auth if isinstance(result, CardData) else result)
            shop.field.remove(card)
            shop.field.noise = None
            await asyncio.sleep(1)

    shop.open(story, 120_000)
    assert ranks.count(AUTH_LEGACY) >= 27


def test_garbled_answers_only_end_as_unreadable_and_are_told_once() -> None:
    shop = Shop()

    async def story() -> None:
        shop.field.lay(gold())
        shop.field.noise = Noise(3, parity=1.0)
        assert await outcome(shop.reader) is CardUnreadable
        assert await outcome(shop.reader, 500) is CardTimeout

    shop.open(story)


def test_a_dead_reader_is_told_at_once_tries_again_and_recovers() -> None:
    shop = Shop()

    async def story() -> None:
        assert shop.reader.healthy()
        shop.board.rc522.dead = 0xFF
        assert await outcome(shop.reader) is ReaderDead
        assert not shop.reader.healthy()
        before = shop.clock.now_us
        for _ in range(5):
            assert await outcome(shop.reader) is ReaderDead
        assert 800_000 < shop.clock.now_us - before < 5 * 500_000, "neither a storm of attempts nor a long wait"
        await asyncio.sleep(30)
        shop.board.rc522.dead = None
        await asyncio.sleep(6)
        assert shop.reader.healthy()
        shop.field.lay(gold())
        assert summary(await outcome(shop.reader))[2] == 1001

    shop.open(story, 120_000)
    assert shop.lines().count("R01") == 1
    assert all(later - earlier <= 1_100_000 for earlier, later in zip(shop.beats, shop.beats[1:], strict=False))


def test_a_chip_that_lost_its_registers_is_set_up_again_and_counted() -> None:
    shop = Shop()

    async def story() -> None:
        shop.board.rc522.power_off()
        shop.board.rc522.power_on()
        shop.later(200, lambda: shop.field.lay(gold()))
        assert summary(await outcome(shop.reader))[2] == 1001

    shop.open(story)
    assert shop.reader.reinitialised == 1


def test_a_chip_that_answers_but_keeps_no_register_is_dead_and_does_not_flood_the_log() -> None:
    shop = Shop()

    async def story() -> None:
        shop.board.rc522._writers[0x2B] = lambda value: None  # the timer's prescaler
        shop.board.rc522.power_off()
        shop.board.rc522.power_on()
        assert await outcome(shop.reader) is ReaderDead
        await asyncio.sleep(20)

    shop.open(story, 120_000)
    assert len(shop.lines().splitlines()) == 2


def test_a_terminal_that_starts_with_a_dead_reader_says_so() -> None:
    shop = Shop(dead=0x00)

    async def story() -> None:
        assert await outcome(shop.reader) is ReaderDead

    shop.open(story)


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_the_chip_sleeps_while_nobody_waits_and_nothing_lies_there_and_is_looked_after_every_second() -> None:
    shop = Shop()

    async def story() -> None:
        field_us = shop.board.rc522.field_on_us
        before = shop.board.cs_assertions
        await asyncio.sleep(10)
        assert shop.board.cs_assertions - before <= 60
        assert shop.board.rc522.field_on_us == field_us
        assert shop.board.rc522._asleep
        shop.field.lay(gold())
        assert summary(await outcome(shop.reader))[2] == 1001
        assert not shop.board.rc522._asleep

    shop.open(story)


def test_the_field_is_on_for_a_small_part_of_a_wait() -> None:
    shop = Shop()

    async def story() -> None:
        await outcome(shop.reader, 3_000)

    shop.open(story)
    assert shop.board.rc522.field_on_us < 3_000_000 * 0.15


def test_a_wait_ends_at_its_deadline_and_by_cancellation_and_the_next_one_works() -> None:
    shop = Shop()

    async def story() -> None:
        before = shop.clock.now_us
        assert await outcome(shop.reader, 700) is CardTimeout
        assert abs(shop.clock.now_us - before - 700_000) < 20_000
        task = asyncio.create_task(shop.reader.wait_card(10_000))
        await asyncio.sleep(0.2)
        with pytest.raises(RuntimeError):
            await shop.reader.wait_card(10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        shop.field.lay(gold())
        assert summary(await outcome(shop.reader))[2] == 1001

    shop.open(story)


def test_a_card_whose_wait_was_cancelled_in_that_moment_is_told_to_the_next_wait() -> None:
    shop = Shop()

    async def story() -> None:
        shop.field.lay(gold())
        task = asyncio.create_task(shop.reader.wait_card(1_000))
        answered = shop.reader._answered
        tell = answered.set
        answered.set = lambda: (task.cancel(), tell())  # type: ignore[assignment,method-assign]
        assert isinstance((await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError)
        answered.set = tell  # type: ignore[method-assign]
        assert summary(await outcome(shop.reader))[2] == 1001

    shop.open(story)


def test_cancelling_the_task_leaves_the_field_off() -> None:
    shop = Shop()

    async def story() -> None:
        task = asyncio.create_task(outcome(shop.reader))
        while not shop.field.on:
            await asyncio.sleep(0.001)
        task.cancel()

    shop.open(story)
    assert not shop.field.on

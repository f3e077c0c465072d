"""One card or none: whatever one frame of the air suffers, nobody picks one of several cards for a customer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from drivers.rc522_errors import FrameError
from firmware.core.errors import TwoCards
from firmware.core.types import CardData
from host_tests.chips.reader_bench import ReaderBench
from host_tests.unit.reader_kit import FAULTS, GROUP, ISSUER, OneFault, Shop, aes_card, gold, outcome, silver
from tools.sim.cards import make_card
from tools.sim.cards.frames import Answer, Frame, with_crc
from tools.sim.cards.personal import personalise

SETS: dict[str, tuple[Callable[[], Any], ...]] = {
    "two classic": (gold, lambda: personalise(make_card("classic", "9C599B77"), GROUP, 1009)),
    "classic and ntag": (gold, silver),
    "two ntag424": (aes_card, lambda: personalise(make_card("ntag424", "04424D61727962"), ISSUER, 1005)),
    "classic and ntag424": (gold, aes_card),
    "three": (gold, silver, aes_card),
}
_FRAMES = {2: range(1, 30), 3: range(2, 50, 4)}  # beyond the last: one poll that counts two takes some twenty


def nibbling(uid: str, code: int, stays: bool) -> Any:
    """A card that answers the fifth byte of the anticollision with four bits, and falls back or not."""
    card = make_card("classic", uid)
    honest = card._anticollision

    def answer(frame: Frame) -> Answer | None:
        if frame.nbits >= 48 and frame.data[1] != 0x70:
            if stays:
                card.state = "idle"
            return Answer.nibble(code)
        return honest(frame)

    card._anticollision = answer  # type: ignore[method-assign]
    return card


@pytest.mark.parametrize("prove", [False, True], ids=["sale", "redeem"])
@pytest.mark.parametrize("cards", SETS.values(), ids=SETS)
def test_no_single_fault_of_the_air_makes_one_card_of_several(cards: Any, prove: bool) -> None:
    for fault in FAULTS:
        for frame in _FRAMES[len(cards)]:
            shop = Shop(way="sun")

            async def story(shop: Shop = shop, fault: str = fault, frame: int = frame) -> None:
                for make in cards:
                    shop.field.lay(make())
                shop.field.noise = OneFault(frame, fault)
                assert await outcome(shop.reader, 1_500, prove) is TwoCards, (fault, frame)

            shop.open(story)
            assert shop.seen == []


@pytest.mark.parametrize("stays", [False, True])
@pytest.mark.parametrize("code", [0, 5, 10])
def test_four_bits_in_the_anticollision_are_a_broken_frame_and_end_no_task(code: int, stays: bool) -> None:
    bench = ReaderBench()

    async def resolve() -> None:
        await bench.start()
        with pytest.raises(FrameError):
            await bench.picc.select_all()

    for uid in ("11223304", "11223384"):
        bench.field.lay(nibbling(uid, code, stays))
    bench.run(resolve())
    shop = Shop()

    async def story() -> None:
        pair = [nibbling(uid, code, stays) for uid in ("11223304", "11223384")]
        for card in pair:
            shop.field.lay(card)
        assert not isinstance(await outcome(shop.reader, 1_000), CardData)
        shop.field.clear()
        shop.field.lay(gold())
        assert isinstance(await outcome(shop.reader, 1_000), CardData)

    shop.open(story)


def test_no_card_is_missed_when_the_first_answer_after_every_halt_is_lost() -> None:
    bench = ReaderBench()
    for make in SETS["three"]:
        bench.field.lay(make())
    honest, halted = bench.field.transmit, False

    def deafened(frame: Frame) -> Any:
        nonlocal halted
        heard = honest(frame)
        lost, halted = halted, frame.nbits > 16 and frame.data[0] == 0x50
        return None if lost else heard

    bench.field.transmit = deafened  # type: ignore[method-assign]

    async def resolve() -> int:
        await bench.start()
        return len(await bench.picc.select_all())

    assert bench.run(resolve()) == 3


@pytest.mark.parametrize(("uid", "at"), [("04A1B2C3D4E5F6", 0), ("04A1B2C3D4E5F6", 1), ("9C599B32", 0)])
def test_a_sak_that_disagrees_with_the_cascade_tag_is_a_broken_frame(uid: str, at: int) -> None:
    bench = ReaderBench()
    card = make_card("ntag213" if len(uid) == 14 else "classic", uid)
    bench.field.lay(card)
    honest, seen = bench.field.transmit, 0

    def lying(frame: Frame) -> Any:
        nonlocal seen
        heard = honest(frame)
        if heard is not None and frame.nbits > 16 and frame.data[1] == 0x70:
            if seen == at:
                sak = bytes((heard.bits & 0xFF ^ 0x04,))
                heard.bits = int.from_bytes(with_crc(sak), "little")
            seen += 1
        return heard

    bench.field.transmit = lying  # type: ignore[method-assign]

    async def select() -> None:
        await bench.start()
        with pytest.raises(FrameError, match="SAK"):
            await bench.picc.select()

    bench.run(select())

"""Sectors, blocks and value blocks of MIFARE Classic, on the modelled chip and card."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.rc522_errors import AuthRefused, FrameError, Nak, NoAnswer
from firmware.cards import classic
from firmware.cards.classic import KEY_A, KEY_B, Sector, access_bytes, member_trailer, value_block, value_of
from host_tests.chips.reader_bench import ReaderBench
from tools.issuer.keys import KIND_CLASSIC, IssuerKeys
from tools.sim.cards import make_card

UID = bytes.fromhex("9C599B32")
FACTORY = b"\xff" * 6
CONTENT = bytes(range(16))
LEGACY = IssuerKeys(1, *(bytes([n]) * 16 for n in range(1, 6))).legacy_key(KIND_CLASSIC, UID)


class Desk(ReaderBench):
    """A reader with one selected card."""

    def __init__(self, **blocks: bytes) -> None:
        super().__init__()
        self.card: Any = make_card("classic", UID.hex(), blocks={int(k[1:]): v for k, v in blocks.items()})
        self.field.lay(self.card)
        self.run(self._begin())

    async def _begin(self) -> None:
        await self.start()
        await self.picc.select()

    def sector(self, block: int, key: bytes = FACTORY, which: int = KEY_A) -> Sector:
        return Sector(self.chip, UID, block, key, which)

    async def again(self) -> None:
        """A card that was still in its session answers WUPA only the second time."""
        try:
            await self.picc.select(wake=True)
        except NoAnswer:
            await self.picc.select(wake=True)


def test_a_written_block_reads_back_with_either_key() -> None:
    desk = Desk(b11=FACTORY + access_bytes(0b000, 0b011) + FACTORY)  # key B counts, as it cannot be read

    async def story() -> list[bytes]:
        seen = []
        async with desk.sector(8) as sector:
            await sector.write(8, CONTENT)
            await sector.write(9, CONTENT[::-1])
            seen.append(await sector.read(8))
        await desk.again()
        async with desk.sector(8, which=KEY_B) as sector:
            seen.append(await sector.read(9))
        return seen

    assert desk.run(story()) == [CONTENT, CONTENT[::-1]]
    assert desk.card.block(8) == CONTENT


def test_the_member_sector_is_read_with_key_a_and_written_only_with_key_b() -> None:
    desk = Desk(b4=CONTENT)

    async def story() -> None:
        async with desk.sector(7) as sector:
            await sector.write(7, member_trailer(LEGACY))
        await desk.again()
        assert await classic.read_block(desk.chip, UID, 4, LEGACY[:6]) == CONTENT
        await desk.again()
        async with desk.sector(4, LEGACY[6:12], KEY_B) as sector:
            await sector.write(4, CONTENT[::-1])
        await desk.again()
        with pytest.raises(Nak):
            async with desk.sector(4, LEGACY[:6]) as sector:
                await sector.write(4, CONTENT)

    desk.run(story())
    assert desk.card.block(4) == CONTENT[::-1]
    assert desk.card.block(7)[6:9] == bytes.fromhex("787788")


@pytest.mark.parametrize("how", ["refused key", "refused command", "cancelled"])
def test_the_session_is_closed_on_every_way_out(how: str) -> None:
    desk = Desk()

    async def story() -> None:
        if how == "refused key":
            with pytest.raises(AuthRefused):
                await classic.read_block(desk.chip, UID, 4, b"\x01" * 6)
        elif how == "refused command":
            with pytest.raises(Nak):
                async with desk.sector(4) as sector:
                    await sector.read(20)
        else:
            opening = asyncio.create_task(classic.read_block(desk.chip, UID, 4, FACTORY))
            await asyncio.sleep(0.001)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening

    desk.run(story())
    desk.run(desk.again())  # which a chip left in a session could not


@given(value=st.integers(-(2**31), 2**31 - 1), address=st.integers(0, 255))
def test_value_format_goes_there_and_back(value: int, address: int) -> None:
    content = value_block(value, address)
    assert value_of(content) == (value, address)
    assert content[:4] == value.to_bytes(4, "little", signed=True) == content[8:12]
    assert all(a ^ b == 0xFF for a, b in zip(content[:4], content[4:8], strict=True))


def test_any_flipped_bit_is_no_value() -> None:
    good = value_block(1_250, 4)
    for bit in range(128):
        bad = bytearray(good)
        bad[bit >> 3] ^= 1 << (bit & 7)
        assert value_of(bytes(bad)) is None
    assert value_of(good[:15]) is None


@pytest.mark.parametrize(("data", "trailer", "expected"), [(0b000, 0b001, "ff078069"), (0b100, 0b011, "78778869")])
def test_access_bytes_are_those_of_the_data_sheet(data: int, trailer: int, expected: str) -> None:
    assert access_bytes(data, trailer).hex() == expected


def test_every_access_condition_is_read_by_the_card_as_meant() -> None:
    desk = Desk()
    for data in range(8):
        for trailer in range(8):
            desk.card.set_block(7, FACTORY + access_bytes(data, trailer) + FACTORY)
            assert [desk.card._access(block) for block in (4, 5, 6, 7)] == [data] * 3 + [trailer]


def test_a_value_is_raised_lowered_and_copied() -> None:
    desk = Desk(b4=value_block(100, 4))

    async def story() -> None:
        async with desk.sector(4) as sector:
            await sector.increment(4, 30)
            await sector.transfer(4)
            await sector.decrement(4, 7)
            await sector.transfer(4)
            await sector.restore(4)
            await sector.transfer(5)
            with pytest.raises(ValueError):
                await sector.increment(4, -1)
            assert value_of(await sector.read(4)) == (123, 4)

    desk.run(story())
    copied = value_of(desk.card.block(5))
    assert copied is not None and copied[0] == 123


def test_what_is_not_transferred_is_not_kept() -> None:
    desk = Desk(b4=value_block(100, 4))

    async def story() -> None:
        async with desk.sector(4) as sector:
            await sector.decrement(4, 100)
        await desk.again()
        assert value_of(await classic.read_block(desk.chip, UID, 4, FACTORY)) == (100, 4)

    desk.run(story())


def test_a_block_that_holds_no_value_refuses() -> None:
    desk = Desk(b4=bytes(16))

    async def story() -> None:
        async with desk.sector(4) as sector:
            await sector.increment(4, 1)

    with pytest.raises(Nak):
        desk.run(story())
    desk.run(desk.again())


def test_an_operand_that_is_acknowledged_is_an_error() -> None:
    class Chatty:
        async def authenticate(self, *_: object) -> None: ...

        def stop_crypto(self) -> None: ...

        async def exchange(self, *_: object, **__: object) -> int:
            return 0

    chip: Any = Chatty()

    async def story() -> None:
        async with Sector(chip, UID, 4, FACTORY) as sector:
            await sector.restore(4)

    with pytest.raises(FrameError):
        asyncio.run(story())

"""Pages, protection, counter and signature of NTAG21x, on the modelled chip and card."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.rc522_errors import Nak, RC522Error
from firmware.cards import ntag
from host_tests.chips.reader_bench import ReaderBench
from tools.issuer.keys import KIND_NTAG, IssuerKeys
from tools.sim.cards import make_card

UID = bytes.fromhex("04A1B2C3D4E5F6")
ISSUER = IssuerKeys(1, *(bytes([n]) * 16 for n in range(1, 6)))
KEY = ISSUER.legacy_key(KIND_NTAG, UID)
PWD, PACK = KEY[:4], KEY[4:6]


class Desk(ReaderBench):
    """A reader with one selected tag."""

    def __init__(self, kind: str = "ntag213") -> None:
        super().__init__()
        self.card: Any = make_card(kind, UID.hex())
        self.field.lay(self.card)
        self.run(self._begin())

    async def _begin(self) -> None:
        await self.start()
        await self.picc.select()

    async def again(self) -> None:
        for attempt in range(2):
            try:
                await self.picc.select(wake=True)
                return
            except RC522Error:
                if attempt:
                    raise

    async def protect(self) -> None:
        version = await ntag.get_version(self.chip)
        first = ntag.config_page(version)
        config = await ntag.read_pages(self.chip, first, 4)
        for page, content in ntag.protection(config, first, PWD, PACK, ntag.MEMBER_PAGE):
            await ntag.write_page(self.chip, page, content)


@pytest.mark.parametrize("kind", ["ntag213", "ntag215", "ntag216"])
def test_a_protected_tag_shows_its_payload_to_its_password_only(kind: str) -> None:
    desk = Desk(kind)
    payload = ISSUER.payload(KIND_NTAG, UID, 1002)

    async def story() -> bytes:
        await ntag.write_page(desk.chip, ntag.MARK_PAGE, ntag.MARK)
        await ntag.write_pages(desk.chip, ntag.MEMBER_PAGE, payload)
        await desk.protect()
        await desk.again()
        with pytest.raises(Nak):
            await ntag.read_pages(desk.chip, ntag.MEMBER_PAGE, 4)
        await desk.again()
        assert await ntag.read_pages(desk.chip, ntag.MARK_PAGE, 4) == ntag.MARK + bytes(desk.card.memory[:12])
        with pytest.raises(Nak):
            await ntag.read_counter(desk.chip)
        await desk.again()
        assert await ntag.authenticate(desk.chip, PWD) == PACK
        assert await ntag.read_counter(desk.chip) == 1
        return await ntag.read_pages(desk.chip, ntag.MEMBER_PAGE, 4)

    assert desk.run(story()) == payload


@pytest.mark.parametrize(
    ("first", "before", "after"), [(0x29, 0x03, 0x98), (0x83, 0x40, 0xD8), (0xE3, 0x00, 0x98), (0x10, 0x07, 0x80)]
)
def test_what_can_count_its_taps_does_and_no_tag_counts_wrong_passwords(first: int, before: int, after: int) -> None:
    config = bytes((4, 0, 0, 0xFF, before, 5, 0, 0))
    written = dict(ntag.protection(config, first, PWD, PACK, ntag.MEMBER_PAGE))
    assert (written[first + 1], written[first]) == (bytes((after, 5, 0, 0)), bytes((4, 0, 0, 5)))


def test_a_tag_pulled_while_it_is_being_protected_is_still_open() -> None:
    """Whatever was written of the four pages, a second try finds either all of them or no protection."""
    desk = Desk()

    async def steps() -> "list[tuple[int, bytes]]":
        first = ntag.config_page(await ntag.get_version(desk.chip))
        return ntag.protection(await ntag.read_pages(desk.chip, first, 4), first, PWD, PACK, ntag.MEMBER_PAGE)

    for page, content in desk.run(steps())[:-1]:
        desk.run(ntag.write_page(desk.chip, page, content))
        desk.run(desk.again())
        assert desk.run(ntag.read_pages(desk.chip, ntag.MEMBER_PAGE, 4))


def test_a_locked_page_is_noticed_by_reading_back() -> None:
    desk = Desk()
    desk.card.set_page(4, b"\x00\x00\x00\x00")
    desk.card.program = lambda memory, at, content: None  # an acknowledged write that does not hold
    with pytest.raises(ntag.NotKept):
        desk.run(ntag.write_pages(desk.chip, 4, bytes(range(16))))


def test_a_write_without_password_is_refused() -> None:
    desk = Desk()
    desk.run(desk.protect())
    desk.run(desk.again())
    with pytest.raises(Nak):
        desk.run(ntag.write_page(desk.chip, ntag.MEMBER_PAGE, b"VAFA"))


def test_counter_and_signature_are_told() -> None:
    desk = Desk()
    desk.card.set_page(0x2A, bytes.fromhex("10050000"))  # NFC_CNT_EN
    desk.card.counter = 0x010203

    async def story() -> tuple[int, bytes]:
        return await ntag.read_counter(desk.chip), await ntag.read_signature(desk.chip)

    assert desk.run(story()) == (0x010203, bytes(range(32)))


@pytest.mark.parametrize(
    ("storage", "page"), [(0x0B, 0x10), (0x0E, 0x25), (0x0F, 0x29), (0x11, 0x83), (0x13, 0xE3), (0x55, 0)]
)
def test_configuration_pages_are_those_of_the_data_sheets(storage: int, page: int) -> None:
    assert ntag.config_page(bytes([0, 4, 4, 2, 1, 0, storage, 3])) == page


def test_an_ultralight_ev1_counter_is_raised_by_what_was_asked() -> None:
    sent: list[bytes] = []

    class Chip:
        async def exchange(self, send: bytes, expect: int, **_: object) -> int:
            sent.append(bytes(send))
            return 0

    chip: Any = Chip()
    desk = Desk()
    desk.run(ntag.increment_counter(chip, 1, 0x010203))
    assert sent == [bytes.fromhex("a50103020100")]

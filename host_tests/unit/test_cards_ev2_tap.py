"""AES cards at the reader: what a tap costs on the bus, over the block protocol and a modelled radio."""

from __future__ import annotations

import asyncio
import os

import pytest

from drivers.iso_dep import IsoDep
from firmware.cards.aes_card import AesCard
from firmware.cards.aes_layout import (
    DESFIRE_AID,
    NDEF_FILE,
    NDEF_READ_SIZE,
    NTAG424_DF_NAME,
    PAYLOAD_FILE,
    PAYLOAD_MODE,
)
from firmware.cards.card_office import (
    change_file_settings,
    create_application,
    create_payload_file,
    ndef_file,
    payload_settings,
)
from firmware.cards.ev2 import PLAIN, AuthKey
from host_tests.chips.reader_bench import ReaderBench
from tools.sim.cards.desfire import Desfire
from tools.sim.cards.ntag424 import Ntag424

UID = "04DE5F1EACC040"


async def ev2_first(bench: ReaderBench, name: bytes) -> AesCard:
    """From a card just detected to a session."""
    await bench.picc.select()
    pipe = IsoDep(bench.chip)
    await pipe.activate()
    card = AesCard(pipe, os.urandom)
    if name == DESFIRE_AID:
        await card.select_application(name)
    else:
        await card.select_df(name)
    await card.authenticate(AuthKey(1, bytes(16)))
    return card


def at_reader(card: Ntag424 | Desfire) -> ReaderBench:
    bench = ReaderBench()
    bench.field.lay(card)
    bench.run(bench.start())
    return bench


def test_ev2_first_from_cold_takes_at_most_60_transactions() -> None:
    bench = at_reader(Ntag424(bytes.fromhex(UID)))
    card, transactions = bench.counted(ev2_first(bench, NTAG424_DF_NAME))
    assert card.session is not None
    assert transactions <= 60


def test_a_sun_tap_reads_the_url_in_two_frames() -> None:
    tag = Ntag424(bytes.fromhex(UID))
    content, _, _ = ndef_file("cards.example.ir")
    tag.app.application_files[NDEF_FILE].memory[: len(content)] = content
    bench = at_reader(tag)

    async def open_application() -> AesCard:
        await bench.picc.select()
        pipe = IsoDep(bench.chip)
        await pipe.activate()
        card = AesCard(pipe, os.urandom)
        await card.select_df(NTAG424_DF_NAME)
        return card

    card, selecting = bench.counted(open_application())
    shown, reading = bench.counted(card.read(NDEF_FILE, 0, NDEF_READ_SIZE, PLAIN))
    assert shown == content
    assert selecting + reading <= 60
    assert reading <= 16


class Straight:
    """Carries APDUs to a card's application layer, without a radio."""

    def __init__(self, card: Ntag424 | Desfire) -> None:
        self.app = card.app

    async def transceive(self, apdu: bytes) -> bytes:
        return self.app.apdu(bytes(apdu))


async def prepare(card: Ntag424 | Desfire, content: bytes) -> None:
    """The payload's file with its rights and content; keys stay those of the factory."""
    office = AesCard(Straight(card), os.urandom)
    if isinstance(card, Desfire):
        await create_application(office)
        await office.select_application(DESFIRE_AID)
    else:
        await office.select_df(NTAG424_DF_NAME)
    await office.authenticate(AuthKey(0, bytes(16)))
    if isinstance(card, Desfire):
        await create_payload_file(office)
    else:
        await change_file_settings(office, PAYLOAD_FILE, payload_settings())
    await office.write(PAYLOAD_FILE, 0, content, PAYLOAD_MODE)


@pytest.mark.parametrize(("family", "name"), [(Ntag424, NTAG424_DF_NAME), (Desfire, DESFIRE_AID)])
def test_a_payload_is_read_under_the_session_on_both_families(family: type, name: bytes) -> None:
    card, content = family(bytes.fromhex(UID)), bytes(range(16))
    asyncio.run(prepare(card, content))
    bench = at_reader(card)

    async def tap() -> bytes:
        return await (await ev2_first(bench, name)).read(PAYLOAD_FILE, 0, 16, PAYLOAD_MODE)

    assert bench.run(tap()) == content

"""The card office's steps on modelled cards as delivered: what stands there then, and what a terminal sees of it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.cards import card_office
from firmware.cards.aes_card import AesCard, CardRefused, KeyRefused
from firmware.cards.aes_layout import (
    AES_KEYS,
    CARD_MASTER,
    DESFIRE_AID,
    DESFIRE_PAYLOAD_SIZE,
    NDEF_FILE,
    NDEF_READ_SIZE,
    NDEF_SIZE,
    NTAG424_DF_NAME,
    PAYLOAD_FILE,
    PAYLOAD_MODE,
)
from firmware.cards.ev2 import PLAIN, AuthKey, SessionOver
from firmware.cards.keys import CardKeys
from firmware.cards.payload import AES_CARD, SIZE, member_of_payload
from firmware.cards.sun import sun_data
from tools.issuer.keys import KIND_AES, IssuerKeys, cmac
from tools.sim.cards.desfire import DesfireApp
from tools.sim.cards.ev2 import decrypt
from tools.sim.cards.ntag424 import Ntag424App

UID = bytes.fromhex("04DE5F1EACC040")
HOST = "cards.example.ir"
ISSUER = IssuerKeys(7, *(bytes([n]) * 16 for n in range(1, 6)))


class Pipe:
    """Carries APDUs to a modelled card, and keeps what was on the air."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.air = b""

    async def transceive(self, apdu: bytes) -> bytes:
        answer = self.app.apdu(bytes(apdu))
        self.air += apdu + answer
        return answer


def reader(app: Any) -> AesCard:
    return AesCard(Pipe(app), random.Random(11).randbytes)


def overheard(card: AesCard) -> bytes:
    pipe: Any = card._pipe
    return pipe.air


async def enter(card: AesCard) -> None:
    """The programme's application, whichever family this is."""
    pipe: Any = card._pipe
    if isinstance(pipe.app, Ntag424App):
        await card.select_df(NTAG424_DF_NAME)
    else:
        await card.select_application(DESFIRE_AID)


async def write_keys(card: AesCard) -> None:
    for number in (1, 2, 3, 4, CARD_MASTER):
        await card_office.change_key(card, number, ISSUER.aes_key(number, UID), ISSUER.version)


def ntag424() -> Ntag424App:
    """An NTAG 424 DNA the office has finished."""
    app = Ntag424App(UID)
    card = reader(app)

    async def office() -> None:
        await enter(card)
        await card.authenticate(AuthKey(CARD_MASTER, card_office.FACTORY_KEY))
        await card_office.change_file_settings(card, PAYLOAD_FILE, card_office.payload_settings())
        content, picc_data_at, mac_at = card_office.ndef_file(HOST)
        await card.write(NDEF_FILE, 0, content, PLAIN)
        await card_office.change_file_settings(card, NDEF_FILE, card_office.sun_settings(picc_data_at, mac_at))
        await card.write(PAYLOAD_FILE, 0, ISSUER.payload(KIND_AES, UID, 1003), PAYLOAD_MODE)
        await write_keys(card)

    asyncio.run(office())
    app.reset()
    return app


def desfire() -> DesfireApp:
    """A DESFire EV2 the office has finished."""
    app = DesfireApp(UID)
    card = reader(app)

    async def office() -> None:
        await card_office.create_application(card)
        await enter(card)
        await card.authenticate(AuthKey(CARD_MASTER, card_office.FACTORY_KEY))
        await card_office.create_payload_file(card)
        await card.write(PAYLOAD_FILE, 0, ISSUER.payload(KIND_AES, UID, 1003), PAYLOAD_MODE)
        await write_keys(card)

    asyncio.run(office())
    app.reset()
    return app


@pytest.mark.parametrize("finished", [ntag424, desfire])
def test_a_finished_card_has_the_settings_keys_and_versions_that_were_meant(finished: Any) -> None:
    app = finished()
    card = reader(app)

    async def verify() -> None:
        await enter(card)
        with pytest.raises(KeyRefused):
            await card.authenticate(AuthKey(CARD_MASTER, card_office.FACTORY_KEY))
        await card.authenticate(AuthKey(CARD_MASTER, ISSUER.aes_key(CARD_MASTER, UID)))
        assert [await card.key_version(number) for number in range(AES_KEYS)] == [ISSUER.version] * AES_KEYS
        ntag = isinstance(app, Ntag424App)
        told = card_office.settings_as_told(card_office.payload_settings(), 128 if ntag else DESFIRE_PAYLOAD_SIZE)
        assert await card.file_settings(PAYLOAD_FILE) == told
        assert await card.card_uid() == UID
        if ntag:
            _, picc_data_at, mac_at = card_office.ndef_file(HOST)
            told = card_office.settings_as_told(card_office.sun_settings(picc_data_at, mac_at), NDEF_SIZE)
            assert await card.file_settings(NDEF_FILE) == told

    asyncio.run(verify())
    assert [app.keys[number].value for number in range(AES_KEYS)] == [ISSUER.aes_key(n, UID) for n in range(AES_KEYS)]


@pytest.mark.parametrize("finished", [ntag424, desfire])
def test_a_terminal_of_the_group_opens_the_payload_and_can_do_nothing_else(finished: Any) -> None:
    keys = CardKeys(ISSUER.group)
    card = reader(finished())

    async def tap() -> bytes:
        await enter(card)
        await card.authenticate(keys.aes_read_key(UID))
        return await card.read(PAYLOAD_FILE, 0, SIZE, PAYLOAD_MODE)

    payload = asyncio.run(tap())
    assert member_of_payload(keys, AES_CARD, UID, payload) == 1003
    assert payload[2:6] not in overheard(card) and payload[8:] not in overheard(card)

    async def misuse(what: Any) -> None:
        await enter(card)
        await card.authenticate(keys.aes_read_key(UID))
        await what()

    for what in (
        lambda: card.write(PAYLOAD_FILE, 0, bytes(SIZE), PAYLOAD_MODE),
        lambda: card_office.change_file_settings(card, PAYLOAD_FILE, b"\x00\xee\xee"),
        lambda: card_office.change_key(card, 4, bytes(16), 0, ISSUER.aes_key(4, UID)),
        lambda: card_office.change_key(card, 1, bytes(16), 0),
    ):
        with pytest.raises(CardRefused):
            asyncio.run(misuse(what))


def test_without_a_key_the_payload_stays_shut() -> None:
    for app in (ntag424(), desfire()):
        card = reader(app)
        asyncio.run(enter(card))
        with pytest.raises(CardRefused):
            asyncio.run(card.read(PAYLOAD_FILE, 0, SIZE, PLAIN))


def test_each_tap_says_the_card_and_its_counter_signed_and_a_switch_can_verify_it() -> None:
    app = ntag424()
    for tap in (1, 2, 3):
        card = reader(app)
        asyncio.run(enter(card))
        data = sun_data(asyncio.run(card.read(NDEF_FILE, 0, NDEF_READ_SIZE, PLAIN)))
        app.reset()
        assert data is not None and data[0] == 1
        picc_data = decrypt(ISSUER.aes_key(2, UID), data[1:17])
        assert picc_data[:11] == b"\xc7" + UID + tap.to_bytes(3, "little")
        session = cmac(ISSUER.aes_key(3, UID), bytes.fromhex("3CC300010080") + picc_data[1:11])
        assert cmac(session, b"")[1::2] == data[17:]


def test_the_office_reads_the_counter_of_a_card() -> None:
    app = ntag424()
    card = reader(app)

    async def story() -> int:
        await enter(card)
        await card.read(NDEF_FILE, 0, NDEF_READ_SIZE, PLAIN)
        await card.authenticate(AuthKey(CARD_MASTER, ISSUER.aes_key(CARD_MASTER, UID)))
        return await card.read_counter(NDEF_FILE)

    assert asyncio.run(story()) == 1


def test_a_key_that_is_not_the_old_one_changes_nothing() -> None:
    app = Ntag424App(UID)
    card = reader(app)

    async def story() -> None:
        await enter(card)
        await card.authenticate(AuthKey(CARD_MASTER, card_office.FACTORY_KEY))
        await card_office.change_key(card, 1, ISSUER.aes_key(1, UID), 1, old=b"\x01" * 16)

    with pytest.raises(CardRefused) as refused:
        asyncio.run(story())
    assert refused.value.status == 0x911E
    assert app.application_keys[1].value == bytes(16)


def test_keys_are_changed_in_a_session_only() -> None:
    card = reader(Ntag424App(UID))
    with pytest.raises(SessionOver):
        asyncio.run(card_office.change_key(card, 0, bytes(16), 1))


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    labels=st.lists(st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=14), min_size=1, max_size=4)
)
def test_what_the_card_will_write_lands_where_the_settings_say(labels: list[str]) -> None:
    host = ".".join(labels).lstrip("-") or "x"
    if len(host) > 57:
        with pytest.raises(ValueError):
            card_office.ndef_file(host)
        return
    content, picc_data_at, mac_at = card_office.ndef_file(host)
    assert len(content) == NDEF_READ_SIZE and sun_data(content) is None
    shown = bytearray(content)
    shown[picc_data_at : picc_data_at + 32] = b"EF963FF7828658A599F3041510671E88"
    shown[mac_at : mac_at + 16] = b"94EED9EE65337086"
    found = sun_data(shown)
    assert found is not None and found.hex() == "01ef963ff7828658a599f3041510671e8894eed9ee65337086"
    assert shown[7 : 7 + len(host)].decode() == host


@pytest.mark.parametrize("host", ["", "Cards.example", "a b", "x/y", "-x", ".x", "x" * 58, "xn--ünï"])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(ValueError):
        card_office.ndef_file(host)

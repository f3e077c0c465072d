"""What a personalised card holds, and that the card office's own commands lead a blank card to the same end."""

import asyncio

import pytest

from firmware.cards import card_office
from firmware.cards.aes_card import AesCard
from firmware.cards.ev2 import FULL as PAYLOAD_MODE
from firmware.cards.ev2 import AuthKey
from host_tests.chips.aes_kit import APPLICATION, FULL, ZERO, Pcd, cbc, cmac, h
from tools.issuer.keys import KIND_AES, IssuerKeys
from tools.sim.cards import KINDS, make_card
from tools.sim.cards.personal import DESFIRE_AID, SUN_HOST, personalise

UID = h("04DE5F1EACC040")
OFFICE = IssuerKeys(7, *(bytes([n]) * 16 for n in range(1, 6)))
MEMBER = 1004


class Pipe:
    def __init__(self, card):
        self._card = card

    async def transceive(self, apdu):
        return self._card.apdu(apdu)


def state(card):
    """Everything a later reader could tell apart."""
    app = card.app
    files = app.application_files if hasattr(app, "application_files") else app.applications[DESFIRE_AID].files
    keys = app.application_keys if hasattr(app, "application_keys") else app.applications[DESFIRE_AID].keys
    settings = [] if hasattr(app, "application_keys") else [app.applications[DESFIRE_AID].settings]
    return (
        [(key.value, key.version) for key in keys],
        {number: (file.settings, bytes(file.memory)) for number, file in files.items() if number != 1},
        settings,
    )


async def change_all_keys(card):
    for number in (1, 2, 3, 4, 0):
        await card_office.change_key(card, number, OFFICE.aes_key(number, UID), OFFICE.version)


def test_the_card_offices_commands_reach_the_same_end_on_an_ntag424():
    card = make_card("ntag424", UID)

    async def write():
        aes = AesCard(Pipe(card), lambda size: bytes(range(size)))
        await aes.select_df(h("D2760000850101"))
        await aes.authenticate(AuthKey(0, ZERO))
        content, picc_at, mac_at = card_office.ndef_file(SUN_HOST)
        await card_office.change_file_settings(aes, 3, card_office.payload_settings())
        await card_office.change_file_settings(aes, 2, h("0000E0"))
        await aes.write(2, 0, content, 0)
        await card_office.change_file_settings(aes, 2, card_office.sun_settings(picc_at, mac_at))
        await aes.write(3, 0, OFFICE.payload(KIND_AES, UID, MEMBER), PAYLOAD_MODE)
        await change_all_keys(aes)

    asyncio.run(write())
    assert state(card) == state(personalise(make_card("ntag424", UID), OFFICE, MEMBER))


@pytest.mark.parametrize("kind", ["desfire-ev2", "desfire-ev3"])
def test_the_card_offices_commands_reach_the_same_end_on_a_desfire(kind):
    card = make_card(kind, UID)

    async def write():
        aes = AesCard(Pipe(card), lambda size: bytes(range(size)))
        await card_office.create_application(aes)
        await aes.select_application(DESFIRE_AID)
        await aes.authenticate(AuthKey(0, ZERO))
        await card_office.create_payload_file(aes)
        await aes.write(3, 0, OFFICE.payload(KIND_AES, UID, MEMBER), PAYLOAD_MODE)
        await change_all_keys(aes)

    asyncio.run(write())
    assert state(card) == state(personalise(make_card(kind, UID), OFFICE, MEMBER))


def test_the_url_of_a_personalised_card_names_it_to_who_has_the_keys():
    card = personalise(make_card("ntag424", UID), OFFICE, MEMBER)
    pcd = Pcd(card)
    pcd.raw(APPLICATION)
    text = pcd.read(2, 0, 120)
    at = text.index(b"?p=") + 3
    assert text[:7] == bytes([0, text[4] + 4, 0xD1, 1, text[4], 0x55, 4])
    assert text[7 : at - 5] == SUN_HOST.encode() and text[at + 32 : at + 35] == b"&m="
    plain = cbc(OFFICE.sun_meta, ZERO, h(text[at : at + 32].decode()), back=True)
    assert plain[:11] == b"\xc7" + UID + b"\x01\x00\x00"
    key = cmac(OFFICE.aes_key(3, UID), h("3CC300010080") + plain[1:11])
    assert h(text[at + 35 : at + 51].decode()) == cmac(key, b"")[1::2]


@pytest.mark.parametrize("kind", ["ntag424", "desfire-ev2"])
def test_the_payload_opens_to_the_group_key_and_to_no_other_of_the_shop(kind):
    card = personalise(make_card(kind, UID), OFFICE, MEMBER)
    pcd = Pcd(card)
    pcd.raw(APPLICATION) if kind == "ntag424" else pcd.plain(0x5A, DESFIRE_AID)
    assert not pcd.authenticate(0) and not pcd.authenticate(1)
    assert pcd.authenticate(1, OFFICE.aes_key(1, UID))
    assert pcd.read(3, 0, 16, FULL) == OFFICE.payload(KIND_AES, UID, MEMBER)
    pcd.write(3, 0, bytes(16), FULL)
    assert pcd.sw == 0x91AE
    for number in (2, 3, 4):
        assert pcd.authenticate(number, OFFICE.aes_key(number, UID))
        pcd.read(3, 0, 16, FULL)
        assert pcd.sw == 0x91AE


def test_every_kind_is_made_and_says_what_it_is():
    for kind in KINDS:
        uid = UID if kind not in ("classic", "classic-magic", "phone") else UID[:4]
        assert make_card(kind, uid).kind == kind


def test_an_aes_card_needs_all_keys_of_the_issuer_and_a_phone_holds_no_member():
    for kind, keys in (
        ("ntag424", OFFICE.group),
        ("desfire-ev2", OFFICE.group),
        ("phone", OFFICE),
        ("desfire", OFFICE),
    ):
        with pytest.raises(ValueError, match="holds no member"):
            personalise(make_card(kind, UID), keys, MEMBER)

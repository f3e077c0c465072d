import re
from pathlib import Path

import pytest

from firmware.cards import card_office
from firmware.cards.identify import CLASSIC, ISO_DEP, OTHER, TYPE2, family, type2_kind
from firmware.cards.keys import CardKeys
from firmware.cards.payload import (
    AES_CARD,
    CLASSIC_CARD,
    NTAG_CARD,
    PayloadForged,
    build_payload,
    looks_like_ours,
    member_of_payload,
)
from tools.issuer.keys import KIND_AES, KIND_CLASSIC, KIND_NTAG, diversified_key, legacy_key, member_payload

GROUP = bytes.fromhex("00112233445566778899aabbccddeeff")
UIDS = [bytes.fromhex(uid) for uid in ("9C599B32", "04A1B2C3D4E5F6", "04DE5F1EACC0400102FE")]
KINDS = (CLASSIC_CARD, NTAG_CARD, AES_CARD)


PAGE = " ".join((Path(__file__).resolve().parents[2] / "docs" / "cards.md").read_text(encoding="utf-8").split())


def test_the_examples_of_the_page_are_what_the_product_makes() -> None:
    example = re.search(r"group key `(\w+)`, UID `(\w+)`, member (\d+):", PAGE)
    assert example is not None
    group, uid, member_no = bytes.fromhex(example[1]), bytes.fromhex(example[2]), int(example[3])
    keys = CardKeys(group)
    told = re.findall(r"\| ([^|]+) \| `(A\dh)` \| `?([0-9A-F ]+|-)`? \| `(56[0-9A-F ]+)` \|", PAGE)
    assert [kind for _, kind, _, _ in told] == ["A1h", "A2h", "A3h"]
    derived = (keys.classic_key(uid), b"".join(keys.ntag_password(uid)))
    for (_, kind, key, payload), made in zip(told, (*derived, b""), strict=True):
        byte = bytes.fromhex(kind[:2])
        assert bytes.fromhex(key.strip("-")) == made
        assert bytes.fromhex(payload) == build_payload(keys, byte, uid, member_no)
        assert bytes.fromhex(payload) == member_payload(group, byte[0], uid, member_no)


def test_the_settings_of_the_page_are_what_the_product_writes() -> None:
    assert "`40 00E0 C1 F023 p p p m m m m m m`" in PAGE
    _, picc_data_at, mac_at = card_office.ndef_file("x" * 20)
    assert (picc_data_at, mac_at) == (12 + 20, 12 + 20 + 35)
    assert card_office.sun_settings(1, 2).hex() == "4000e0c1f023010000020000020000"
    assert (card_office.payload_settings() + b"\x20\x00\x00").hex(" ", -3) == "030010 200000"


@pytest.mark.parametrize("uid", UIDS)
def test_keys_and_payload_agree_with_an_independent_card_office(uid: bytes) -> None:
    keys = CardKeys(GROUP)
    assert keys.classic_key(uid) == legacy_key(GROUP, KIND_CLASSIC, uid)[:6]
    password = legacy_key(GROUP, KIND_NTAG, uid)
    assert keys.ntag_password(uid) == (password[:4], password[4:6])
    for kind, byte in zip(KINDS, (KIND_CLASSIC, KIND_NTAG, KIND_AES), strict=True):
        assert build_payload(keys, kind, uid, 1001) == member_payload(GROUP, byte, uid, 1001)


@pytest.mark.parametrize("uid", UIDS)
def test_no_key_of_a_card_of_one_kind_is_that_of_another_kind_with_its_uid(uid: bytes) -> None:
    keys = CardKeys(GROUP)
    password = b"".join(keys.ntag_password(uid))
    numbers = [diversified_key(GROUP, b"\x01" + uid + bytes([n]) + b"VAFA")[:6] for n in range(5)]
    assert len({keys.classic_key(uid), password, *numbers}) == 7


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("member_no", [1, 1001, 0xFFFFFFFF])
def test_a_genuine_payload_names_its_member(member_no: int, kind: bytes) -> None:
    keys = CardKeys(GROUP)
    assert member_of_payload(keys, kind, UIDS[0], build_payload(keys, kind, UIDS[0], member_no)) == member_no


def test_every_single_flipped_bit_makes_a_payload_foreign_or_forged() -> None:
    keys = CardKeys(GROUP)
    good = build_payload(keys, NTAG_CARD, UIDS[1], 1001)
    for bit in range(128):
        bad = bytearray(good)
        bad[bit >> 3] ^= 1 << (bit & 7)
        if looks_like_ours(bad):
            with pytest.raises(PayloadForged):
                member_of_payload(keys, NTAG_CARD, UIDS[1], bad)
        else:
            assert member_of_payload(keys, NTAG_CARD, UIDS[1], bad) == 0


@pytest.mark.parametrize("reserved", [b"\x00\x01", b"\x80\x00"])
def test_bytes_6_and_7_are_zero_even_where_the_mac_fits(reserved: bytes) -> None:
    keys = CardKeys(GROUP)
    head = build_payload(keys, NTAG_CARD, UIDS[1], 1001)[:6] + reserved
    with pytest.raises(PayloadForged):
        member_of_payload(keys, NTAG_CARD, UIDS[1], head + keys.payload_tag(NTAG_CARD, UIDS[1], head))


def test_a_payload_copied_to_another_card_kind_or_group_is_forged() -> None:
    keys = CardKeys(GROUP)
    payload = build_payload(keys, CLASSIC_CARD, UIDS[0], 1001)
    for foreign, kind, uid in (
        (keys, CLASSIC_CARD, UIDS[1]),
        (keys, NTAG_CARD, UIDS[0]),
        (keys, AES_CARD, UIDS[0]),
        (CardKeys(bytes(16)), CLASSIC_CARD, UIDS[0]),
    ):
        with pytest.raises(PayloadForged):
            member_of_payload(foreign, kind, uid, payload)


@pytest.mark.parametrize("content", [bytes(16), b"\xff" * 16, b"", b"V\x01", b"V\x02" + bytes(14)])
def test_what_is_not_in_our_format_is_blank(content: bytes) -> None:
    assert member_of_payload(CardKeys(GROUP), CLASSIC_CARD, UIDS[0], content) == 0


@pytest.mark.parametrize(
    ("sak", "expected"),
    [
        (0x08, (CLASSIC, "classic-1k")),
        (0x18, (CLASSIC, "classic-4k")),
        (0x00, (TYPE2, "")),
        (0x20, (ISO_DEP, "")),
        (0x28, (ISO_DEP, "")),
        (0x10, (OTHER, "plus-2k")),
        (0x53, (OTHER, "sak-53")),
    ],
)
def test_families_are_told_by_sak(sak: int, expected: tuple[int, str]) -> None:
    assert family(sak) == expected


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("0004040201000F03", "ntag213"),
        ("0004040201001103", "ntag215"),
        ("0004040201001303", "ntag216"),
        ("0004030101000B03", "ultralight-ev1"),
        ("0053040201000F03", "type2"),
        (None, "ultralight"),
    ],
)
def test_type_2_cards_are_told_by_their_version(version: str | None, kind: str) -> None:
    assert type2_kind(None if version is None else bytes.fromhex(version)) == kind

import pytest

from firmware.cards.identify import CLASSIC, OTHER, TYPE2, family, type2_kind
from firmware.cards.keys import CardKeys
from firmware.cards.payload import PayloadForged, build_payload, looks_like_ours, member_of_payload
from firmware.core.cmac import Cmac
from tools.issuer.keys import legacy_key, member_payload

GROUP = bytes.fromhex("00112233445566778899aabbccddeeff")
UIDS = [bytes.fromhex(uid) for uid in ("9C599B32", "04A1B2C3D4E5F6", "04DE5F1EACC0400102FE")]


def test_an10922_vectors_also_where_the_padding_is_a_trap() -> None:
    published = Cmac(bytes.fromhex("00112233445566778899AABBCCDDEEFF"))
    message = bytes.fromhex("0104782E21801D803042F54E585020416275")
    assert published.tag_padded_to(message, 32).hex().upper() == "A8DD63A3B89D54B37CA802473FDA9175"
    trap = Cmac(bytes.fromhex("f3f9377698707b688eaf84abe39e3791"))
    assert trap.tag_padded_to(bytes.fromhex("0104deadbeeffeed"), 32).hex() == "0bb408baff98b6ee9f2e1585777f6a51"


@pytest.mark.parametrize("uid", UIDS)
def test_keys_and_payload_agree_with_an_independent_card_office(uid: bytes) -> None:
    keys = CardKeys(GROUP)
    diversified = legacy_key(GROUP, uid)
    assert keys.classic_key(uid) == diversified[:6]
    assert keys.ntag_password(uid) == (diversified[:4], diversified[4:6])
    assert build_payload(keys, uid, 1001) == member_payload(GROUP, uid, 1001)


@pytest.mark.parametrize("member_no", [1, 1001, 0xFFFFFFFF])
def test_a_genuine_payload_names_its_member(member_no: int) -> None:
    keys = CardKeys(GROUP)
    assert member_of_payload(keys, UIDS[0], build_payload(keys, UIDS[0], member_no)) == member_no


def test_every_single_flipped_bit_makes_a_payload_foreign_or_forged() -> None:
    keys = CardKeys(GROUP)
    good = build_payload(keys, UIDS[1], 1001)
    for bit in range(128):
        bad = bytearray(good)
        bad[bit >> 3] ^= 1 << (bit & 7)
        if looks_like_ours(bad):
            with pytest.raises(PayloadForged):
                member_of_payload(keys, UIDS[1], bad)
        else:
            assert member_of_payload(keys, UIDS[1], bad) == 0


def test_a_payload_copied_to_another_card_or_group_is_forged() -> None:
    keys = CardKeys(GROUP)
    payload = build_payload(keys, UIDS[0], 1001)
    for foreign, uid in ((keys, UIDS[1]), (CardKeys(bytes(16)), UIDS[0])):
        with pytest.raises(PayloadForged):
            member_of_payload(foreign, uid, payload)


@pytest.mark.parametrize("content", [bytes(16), b"\xff" * 16, b"", b"V\x01", b"V\x02" + bytes(14)])
def test_what_is_not_in_our_format_is_blank(content: bytes) -> None:
    assert member_of_payload(CardKeys(GROUP), UIDS[0], content) == 0


@pytest.mark.parametrize(
    ("sak", "atqa", "expected"),
    [
        (0x08, 0x0004, (CLASSIC, "classic-1k")),
        (0x18, 0x0002, (CLASSIC, "classic-4k")),
        (0x00, 0x0044, (TYPE2, "")),
        (0x20, 0x0344, (OTHER, "desfire")),
        (0x28, 0x0004, (OTHER, "iso-dep")),
        (0x10, 0x0004, (OTHER, "plus-2k")),
        (0x53, 0x0004, (OTHER, "sak-53")),
    ],
)
def test_families_are_told_by_sak(sak: int, atqa: int, expected: tuple[int, str]) -> None:
    assert family(sak, atqa) == expected


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

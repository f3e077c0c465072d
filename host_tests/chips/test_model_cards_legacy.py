"""Value blocks, 4K, 7-byte UIDs and imitations of MIFARE Classic; counters and tearing of type 2 tags."""

import pytest

from host_tests.chips.rc522_kit import Raw
from tools.sim.cards import make_card
from tools.sim.cards.classic import trailer_of, value_block, value_of
from tools.sim.cards.frames import with_crc
from tools.sim.chips import rc522_regs as R

UID = bytes.fromhex("9C599B32")
TAG = bytes.fromhex("04A1B2C3D4E5F6")
FF = b"\xff" * 6
KEY_B = b"bbbbbb"
ACK, NAK = b"\x0a", b"\x04"


def selected(card):
    raw = Raw()
    raw.lay(card)
    assert raw.select(card.uid) is not None
    return raw


def opened(card, block=4, key=FF, code=0x60):
    raw = selected(card)
    raw.authenticate(code, block, key, card.uid)
    assert raw.one(R.STATUS2) & R.CRYPTO1_ON
    return raw


def operate(raw, code, block, amount):
    assert raw.command(bytes([code, block])) == ACK
    return raw.command(amount.to_bytes(4, "little"))


def access(data_bits, trailer_bits=0b011):
    """Access bytes with the same bits for all data blocks (section 8.7.1)."""
    c = [0, 0, 0]
    for i, shift in enumerate((2, 1, 0)):
        c[i] = 0b111 * (data_bits >> shift & 1) | 0b1000 * (trailer_bits >> shift & 1)
    c1, c2, c3 = c
    return bytes([(c2 ^ 15) << 4 | c1 ^ 15, c1 << 4 | c3 ^ 15, c3 << 4 | c2, 0x69])


def with_rights(data_bits, content=None):
    trailer = FF + access(data_bits) + KEY_B
    return make_card("classic", UID, blocks={7: trailer, 4: content or value_block(100, 4), 5: value_block(0, 5)})


# -- value blocks ------------------------------------------------------------------------------------------------------


def test_the_value_format_of_the_data_sheet():
    assert value_block(0x0012D687, 0x11).hex() == "87d6120078 29edff87d6120011ee11ee".replace(" ", "")
    assert value_of(value_block(-5, 9)) == (-5, 9)
    assert value_of(bytes(16)) is None


@pytest.mark.parametrize(("code", "amount", "left"), [(0xC1, 30, 130), (0xC0, 30, 70), (0xC2, 0, 100), (0xC0, 101, -1)])
def test_a_value_moves_through_the_register(code, amount, left):
    card = make_card("classic", UID, blocks={4: value_block(100, 4), 5: bytes(16)})
    raw = opened(card)
    assert operate(raw, code, 4, amount) is None  # silence says yes
    assert value_of(card.block(4)) == (100, 4)
    assert raw.command(b"\xb0\x05") == ACK
    assert value_of(card.block(5)) == (left, 4)  # the address byte goes along


def test_a_block_that_holds_no_value_is_refused():
    raw = opened(make_card("classic", UID))
    assert raw.command(b"\xc1\x04") == NAK


def test_a_value_neither_overflows_nor_comes_from_nowhere():
    card = make_card("classic", UID, blocks={4: value_block(0x7FFFFFFF, 4)})
    assert operate(opened(card), 0xC1, 4, 1) == NAK
    assert card.state == "idle"
    raw = opened(make_card("classic", UID, blocks={4: value_block(1, 4)}))
    assert raw.command(b"\xb0\x04") == NAK  # nothing in the register


def test_the_register_does_not_outlive_an_authentication():
    card = make_card("classic", UID, blocks={4: value_block(1, 4)})
    raw = opened(card)
    operate(raw, 0xC2, 4, 0)
    raw.authenticate(0x60, 4, FF, UID)
    assert raw.command(b"\xb0\x05") == NAK


@pytest.mark.parametrize(
    ("bits", "key_a", "key_b"),
    [
        (0b110, "dr", "idr"),
        (0b001, "dr", "dr"),
        (0b100, "", ""),
        (0b010, "", ""),
        (0b011, "", ""),
        (0b000, "idr", "idr"),
    ],
)
def test_access_bits_say_who_may_count(bits, key_a, key_b):
    codes = {"i": 0xC1, "d": 0xC0, "r": 0xC2}
    for code, key, allowed in ((0x60, FF, key_a), (0x61, KEY_B, key_b)):
        for name, command in codes.items():
            raw = opened(with_rights(bits), 4, key, code)
            assert (raw.command(bytes([command, 4])) == ACK) == (name in allowed), (name, hex(code))


def test_a_torn_transfer_spoils_the_target_only():
    card = make_card("classic", UID, blocks={4: value_block(100, 4), 5: value_block(7, 5)})
    raw = opened(card)
    operate(raw, 0xC0, 4, 1)
    raw.field.pull_at_frame(card, 1, "torn")
    raw.command(b"\xb0\x05")
    assert value_of(card.block(4)) == (100, 4) and value_of(card.block(5)) is None


# -- other sizes -------------------------------------------------------------------------------------------------------


def test_a_seven_byte_classic_is_authenticated_with_the_last_four():
    card = make_card("classic", TAG)
    raw = Raw()
    raw.lay(card)
    assert raw.reqa() == b"\x44\x00"
    raw.field.set_carrier(False)
    raw.field.set_carrier(True)
    raw.clock.advance(5_000)
    assert raw.select(TAG) == with_crc(b"\x08")
    raw.authenticate(0x60, 0, FF, TAG)
    assert raw.command(b"\x30\x00")[:7] == TAG


def test_a_4k_card_has_big_sectors_at_its_end():
    card = make_card("classic-4k", UID, blocks={130: b"in a big sector!", 131: bytes(16)})
    assert [trailer_of(block) for block in (0, 127, 128, 140, 255)] == [3, 127, 143, 143, 255]
    raw = Raw()
    raw.lay(card)
    assert raw.reqa() == b"\x02\x00"
    raw.field.set_carrier(False)
    raw.field.set_carrier(True)
    raw.clock.advance(5_000)
    assert raw.select(UID) == with_crc(b"\x18")
    raw.authenticate(0x60, 143, FF, UID)
    assert raw.command(b"\x30\x82") == with_crc(b"in a big sector!")
    assert raw.command(b"\x30\x90") == NAK  # block 144 is the next sector's


def test_rows_of_five_blocks_share_access_bits_in_a_big_sector():
    c1, c2, c3 = 0b1000, 0b0001, 0b1000  # first row 010 (read only), trailer 101, the rest 000
    bits = bytes([(c2 ^ 15) << 4 | c1 ^ 15, c1 << 4 | c3 ^ 15, c3 << 4 | c2, 0])
    card = make_card("classic-4k", UID, blocks={143: FF + bits + KEY_B})
    for block, answer in ((128, NAK), (131, NAK), (132, NAK), (133, ACK), (136, ACK), (142, ACK)):
        assert opened(card, block).command(bytes([0xA0, block])) == answer, block


# -- imitations --------------------------------------------------------------------------------------------------------


def test_two_knocks_open_everything_and_a_genuine_card_is_silent():
    original = make_card("classic", UID, blocks={4: b"sixteen bytes ok", 7: b"kkkkkk\x78\x77\x88\x69bbbbbb"})
    magic = make_card("classic-magic", "01020304").imitate(original)
    raw = selected(magic)
    raw.command(b"\x50\x00")
    assert raw.exchange(b"\x40", 7) == ACK
    assert raw.exchange(b"\x43") == ACK
    assert raw.command(b"\x30\x07") == with_crc(original.block(7))  # keys in the clear
    assert raw.command(b"\xa0\x00") == ACK
    assert raw.command(bytes.fromhex("11223344 44080400") + bytes(8)) == ACK
    raw.field.set_carrier(False)
    raw.field.set_carrier(True)
    raw.clock.advance(5_000)
    assert raw.select(bytes.fromhex("11223344")) == with_crc(b"\x08")
    assert raw.command(b"\x30\x04") == NAK  # the door has shut
    raw = selected(original)
    raw.command(b"\x50\x00")
    assert raw.exchange(b"\x40", 7) is None and raw.exchange(b"\x43") is None
    assert raw.select(UID, wake=True) is not None


def test_an_imitation_passes_for_the_card_until_it_is_knocked_at():
    original = make_card("classic", UID, blocks={4: b"sixteen bytes ok"})
    raw = opened(make_card("classic-magic", "01020304").imitate(original))
    assert raw.command(b"\x30\x04") == with_crc(b"sixteen bytes ok")
    assert raw.command(b"\xa0\x00") == NAK  # block 0 is closed to honest commands
    raw.write(R.STATUS2, 0)
    assert raw.exchange(b"\x43") is None
    assert raw.exchange(b"\x40", 7) == ACK
    assert raw.command(b"\x30\x04") is None  # one knock is not enough


# -- type 2 ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "version", "pages"),
    [("ultralight-ev1", "0004030101000B03", 20), ("ultralight-ev1-128", "0004030101000E03", 41)],
)
def test_ultralight_ev1_says_what_it_is(kind, version, pages):
    raw = selected(make_card(kind, TAG))
    assert raw.command(b"\x60") == with_crc(bytes.fromhex(version))
    assert raw.command(b"\x30\x03")[:4] == bytes(4)  # no capability container
    assert raw.command(bytes([0x30, pages - 1])) is not None
    assert raw.command(bytes([0x30, pages])) == b"\x00"


def test_ultralight_counters_only_go_up():
    card = make_card("ultralight-ev1", TAG)
    raw = selected(card)
    for number in range(3):
        assert raw.command(bytes([0xA5, number, number + 1, 0, 0, 0xEE])) == ACK
    assert raw.command(b"\xa5\x01\xff\xff\x00\x00") == ACK
    assert [raw.command(bytes([0x39, n])) for n in range(3)] == [with_crc(c) for c in (b"\1\0\0", b"\1\0\1", b"\3\0\0")]
    card.counters[2] = 0xFFFFFF
    assert raw.command(b"\xa5\x02\x00\x00\x00\x00") == ACK
    assert raw.command(b"\xa5\x02\x01\x00\x00\x00") == NAK and card.counters[2] == 0xFFFFFF
    raw.select(TAG)
    assert raw.command(b"\x39\x03") == b"\x00"


def test_a_torn_increment_keeps_the_value_and_shows_in_the_flag():
    card = make_card("ultralight-ev1", TAG)
    raw = selected(card)
    assert raw.command(b"\x3e\x00") == with_crc(b"\xbd")
    raw.field.pull_at_frame(card, 1, "torn")
    raw.command(b"\xa5\x00\x01\x00\x00\x00")
    raw.lay(card)
    raw.select(TAG)
    assert raw.command(b"\x39\x00") == with_crc(bytes(3))
    assert raw.command(b"\x3e\x00") == with_crc(b"\x00")
    raw.command(b"\xa5\x00\x01\x00\x00\x00")
    assert raw.command(b"\x3e\x00") == with_crc(b"\xbd")


def test_ultralight_password_and_virtual_card_type():
    card = make_card("ultralight-ev1", TAG, pages={4: b"data"})
    card.protect(b"pass", b"PK", auth0=4)
    raw = selected(card)
    assert raw.command(b"\x30\x04") == b"\x00"
    raw.select(TAG)
    assert raw.command(b"\x1bpass") == with_crc(b"PK")
    assert raw.command(b"\x3a\x04\x04") == with_crc(b"data")
    assert raw.command(b"\x4b" + bytes(20)) == with_crc(b"\x05")


@pytest.mark.parametrize(("page", "left"), [(2, bytes(2)), (3, bytes.fromhex("e1101200")), (0x28, bytes(4))])
def test_lock_bits_and_capability_bytes_survive_a_torn_write(page, left):
    tag = make_card("ntag213", TAG)
    raw = selected(tag)
    raw.field.pull_at_frame(tag, 1, "torn")
    raw.command(bytes([0xA2, page]) + b"\xff\xff\xff\xff")
    assert tag.page(page).endswith(left)


def test_dynamic_lock_bits_lock_rows_of_pages():
    tag = make_card("ntag213", TAG)
    raw = selected(tag)
    assert raw.command(b"\xa2\x28\x02\x00\x00\x00") == ACK
    assert raw.command(b"\xa2\x10aaaa") == ACK
    assert raw.command(b"\xa2\x12aaaa") == b"\x00"
    raw.select(TAG)
    assert raw.command(b"\xa2\x14aaaa") == ACK


def test_counter_of_ntag_is_off_at_first_protected_at_will_and_counts_stays():
    tag = make_card("ntag213", TAG)
    raw = selected(tag)
    assert raw.command(b"\x39\x02") == b"\x00"
    tag.memory[0x2A * 4] |= 0x18  # NFC_CNT_EN, NFC_CNT_PWD_PROT
    raw.select(TAG)
    raw.command(b"\x3a\x00\x00")
    assert tag.counter == 1
    assert raw.command(b"\x39\x02") == b"\x00"
    raw.select(TAG)
    raw.command(b"\x1b\xff\xff\xff\xff")
    assert raw.command(b"\x39\x02") == with_crc(b"\x01\x00\x00")
    raw.command(b"\x30\x00")
    assert tag.counter == 1  # the stay is counted
    raw.field.set_carrier(False)
    raw.field.set_carrier(True)
    raw.clock.advance(5_000)
    raw.select(TAG)
    raw.command(b"\x30\x00")
    assert tag.counter == 2


def test_compatibility_write_stores_four_of_sixteen_bytes():
    tag = make_card("ntag213", TAG)
    raw = selected(tag)
    assert raw.command(b"\xa0\x05") == ACK
    assert raw.command(b"abcd" + bytes(12)) == ACK
    assert tag.page(5) == b"abcd" and tag.page(6) == bytes(4)
    assert raw.command(b"\xa0\x05") == ACK
    assert raw.command(b"efgh") == b"\x00"
    raw.select(TAG)
    assert raw.command(b"\xa0\x01") == b"\x00"


def test_the_published_signature_belongs_to_its_uid():
    tag = make_card("ntag213", "04E10CDA993C80")
    assert selected(tag).command(b"\x3c\x00")[:4] == bytes.fromhex("8B76052E")
    assert make_card("ntag213", TAG).signature != tag.signature

import pytest

from host_tests.chips.rc522_kit import Raw
from tools.issuer.keys import KIND_CLASSIC, KIND_NTAG, diversified_key, legacy_key, member_payload
from tools.sim.cards import Noise, make_card
from tools.sim.cards.frames import with_crc
from tools.sim.cards.personal import personalise
from tools.sim.chips import rc522_regs as R

UID = bytes.fromhex("9C599B32")
TAG = bytes.fromhex("04A1B2C3D4E5F6")
GROUP = bytes(range(16))
FF = b"\xff" * 6


def selected(card, **switches):
    raw = Raw(**switches)
    raw.lay(card)
    assert raw.select(card.uid) is not None
    return raw


# -- collisions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [("9C599B32", "9C599B72"), ("9C599B32", "1C599B32"), ("00000000", "01000000"), ("0102034F", "010203CF")],
)
def test_collision_position_is_the_first_differing_bit(one, other):
    raw = Raw()
    raw.lay(make_card("classic", one), make_card("classic", other))
    assert raw.reqa() == b"\x04\x00"
    assert raw.one(R.ERROR) == 0  # equal ATQAs do not collide
    raw.write(R.COLL, 0x00)  # ValuesAfterColl = 0
    data = raw.exchange(b"\x93\x20")
    differ = int.from_bytes(bytes.fromhex(one), "little") ^ int.from_bytes(bytes.fromhex(other), "little")
    first = (differ & -differ).bit_length()
    assert raw.one(R.ERROR) & R.COLL_ERR
    assert raw.one(R.COLL) == first % 32
    known = int.from_bytes(bytes.fromhex(one), "little") & ((1 << first - 1) - 1)
    assert int.from_bytes(data, "little") == known


def test_unequal_atqas_collide_too():
    raw = Raw()
    raw.lay(make_card("classic", UID), make_card("ntag213", TAG))
    assert raw.reqa() == b"\x44\x00"
    assert raw.one(R.ERROR) & R.COLL_ERR
    assert raw.one(R.COLL) & 0x1F == 7


def test_identical_uids_never_collide():
    raw = Raw()
    raw.lay(make_card("classic", UID), make_card("classic", UID))
    raw.reqa()
    assert raw.exchange(b"\x93\x20") == UID + b"\x6c"
    assert raw.one(R.ERROR) == 0


@pytest.mark.parametrize("base", ["aligned", "frame"])
def test_a_known_prefix_silences_the_other_card_and_align_places_the_bits(base):
    # Bits 1..10 are equal; both share the prefix, a third card does not.
    one, other, third = (bytes.fromhex(text) for text in ("5A010000", "5A090000", "5B000000"))
    raw = Raw(collision_base=base)
    raw.lay(*(make_card("classic", uid) for uid in (one, other, third)))
    raw.reqa()
    # 10 bits known: NVB 32h, the partial byte's 2 bits sent, the answer's first bit goes to position 2.
    data = raw.exchange(b"\x93\x32\x5a\x01", last_bits=2, align=2)
    assert raw.one(R.ERROR) & R.COLL_ERR
    # Bit 12 of the UID (value 8 of byte 1) is the second bit received, the fourth of the first FIFO byte.
    assert raw.one(R.COLL) & 0x1F == (4 if base == "aligned" else 2)
    assert data[0] & 0x03 == 0


def test_a_card_that_does_not_match_falls_back_and_answers_the_next_request():
    raw = Raw()
    card = make_card("classic", UID)
    raw.lay(card)
    raw.reqa()
    assert raw.exchange(b"\x93\x21\x01", last_bits=1) is None
    assert card.state == "idle"
    assert raw.reqa() == b"\x04\x00"


# -- states ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("uid", "saks"), [(UID, ["08"]), (TAG, ["04", "00"])])
def test_cascade_levels_and_saks(uid, saks):
    card = make_card("classic" if len(uid) == 4 else "ntag213", uid)
    raw = Raw()
    raw.lay(card)
    raw.reqa()
    rest, level = uid, 0x93
    for sak in saks:
        part, rest = (rest, b"") if len(rest) == 4 else (b"\x88" + rest[:3], rest[3:])
        answer = raw.exchange(bytes([level, 0x20]))
        assert answer is not None and answer[:4] == part
        assert raw.command(bytes([level, 0x70]) + answer) == with_crc(bytes.fromhex(sak))
        level += 2
    assert card.state == "active"


def test_ten_byte_uid_takes_three_levels():
    card = make_card("desfire", "04112233445566778899")
    raw = Raw()
    raw.lay(card)
    assert raw.select(card.uid)[0] == 0x20
    assert raw.command(b"\xe0\x50")[0] == 0x06


def test_an_active_card_is_sent_away_by_a_request_and_answers_the_second():
    raw = selected(make_card("classic", UID))
    assert raw.wupa() is None
    assert raw.wupa() == b"\x04\x00"


def test_a_halted_card_answers_wupa_only_and_returns_to_halt():
    card = make_card("classic", UID)
    raw = selected(card)
    assert raw.command(b"\x50\x00") is None
    assert card.state == "halt"
    assert raw.reqa() is None
    assert raw.select(UID, wake=True) == with_crc(b"\x08")
    assert raw.reqa() is None
    assert card.state == "halt"


def test_field_off_resets_the_card():
    card = make_card("classic", UID)
    raw = selected(card)
    raw.command(b"\x50\x00")
    raw.write(R.TX_CONTROL, 0x80)
    raw.write(R.TX_CONTROL, 0x83)
    raw.clock.advance(5_000)
    assert raw.reqa() == b"\x04\x00"


# -- MIFARE Classic ----------------------------------------------------------------------------------------------------


def test_authentication_ends_in_idle_with_crypto_on_after_two_exchanges():
    raw = selected(make_card("classic", UID))
    raw.authenticate(0x60, 4, FF, UID, wait_us=1_900)  # 27,132 cycles are 2,001 us
    assert raw.one(R.COMMAND) == R.MF_AUTHENT
    raw.clock.advance(120)
    irq, command, status2, errors = raw.read(R.COM_IRQ, R.COMMAND, R.STATUS2, R.ERROR)
    assert irq & (R.IDLE_IRQ | R.RX_IRQ | R.TX_IRQ | R.TIMER_IRQ) == R.IDLE_IRQ
    assert (command, status2 & R.CRYPTO1_ON, errors) == (R.IDLE, R.CRYPTO1_ON, 0)


@pytest.mark.parametrize(
    ("key", "uid"), [(b"\x00" * 6, UID), (FF, b"\x01\x02\x03\x04")], ids=["wrong key", "wrong UID"]
)
def test_refused_authentication_never_ends_but_the_timer_does(key, uid):
    card = make_card("classic", UID)
    raw = selected(card)
    raw.authenticate(0x60, 4, key, uid, wait_us=500_000)
    irq, command, status2 = raw.read(R.COM_IRQ, R.COMMAND, R.STATUS2)
    assert irq & (R.IDLE_IRQ | R.TIMER_IRQ) == R.TIMER_IRQ
    assert command == R.MF_AUTHENT and not status2 & R.CRYPTO1_ON
    assert card.state == "idle"


def test_authentication_without_a_card_or_without_twelve_bytes_does_not_end():
    raw = Raw()
    raw.authenticate(0x60, 4, FF, UID)
    assert raw.one(R.COMMAND) == R.MF_AUTHENT
    raw.authenticate(0x60, 4, FF[:5], UID)
    assert raw.one(R.ERROR) & R.PROTOCOL_ERR


def test_crypto_state_blocks_plain_requests_until_software_clears_it():
    raw = selected(make_card("classic", UID))
    raw.authenticate(0x60, 4, FF, UID)
    other = make_card("classic", "01020304")
    raw.lay(other)
    raw.field.remove(raw.field.cards[0])
    assert raw.reqa() is None
    raw.write(R.STATUS2, R.CRYPTO1_ON)  # software cannot set or keep it beyond what it is
    assert raw.reqa() is None
    raw.write(R.STATUS2, 0x00)
    assert raw.reqa() == b"\x04\x00"


def test_reading_needs_authentication_of_that_sector():
    card = make_card("classic", UID, blocks={4: b"sixteen bytes ok", 8: bytes(16)})
    raw = selected(card)
    assert raw.command(b"\x30\x04") == b"\x04"  # NAK, and out of ACTIVE
    assert raw.one(R.CONTROL) & 7 == 4
    assert card.state == "idle"
    raw.select(UID)
    raw.authenticate(0x60, 7, FF, UID)
    assert raw.command(b"\x30\x04") == with_crc(b"sixteen bytes ok")
    assert raw.command(b"\x30\x08") == b"\x04"


def test_writing_is_two_steps_with_acks_and_takes_time():
    card = make_card("classic", UID)
    raw = selected(card)
    raw.authenticate(0x61, 4, FF, UID)  # transport access: key B is readable, so it opens nothing
    assert raw.command(b"\xa0\x04") == b"\x04"
    raw.write(R.STATUS2, 0)
    raw.select(UID)
    raw.authenticate(0x60, 4, FF, UID)
    assert raw.command(b"\xa0\x04") == b"\x0a"
    raw.begin(with_crc(b"0123456789abcdef"))
    raw.clock.advance(2_000)
    assert not raw.one(R.COM_IRQ) & R.RX_IRQ
    raw.clock.advance(6_000)
    assert raw.fifo() == b"\x0a"
    assert card.block(4) == b"0123456789abcdef"
    assert raw.command(b"\x30\x07")[:10] == bytes(6) + bytes.fromhex("ff078069")


def test_second_authentication_within_the_session_and_after_a_failed_one():
    raw = selected(make_card("classic", UID))
    raw.authenticate(0x60, 4, FF, UID)
    raw.authenticate(0x60, 8, FF, UID)
    assert raw.command(b"\x30\x08") == with_crc(bytes(16))
    raw.authenticate(0x60, 4, bytes(6), UID)
    raw.write(R.STATUS2, 0)
    raw.authenticate(0x60, 4, FF, UID)
    assert raw.one(R.COMMAND) == R.MF_AUTHENT  # the card left ACTIVE: it has to be selected again
    raw.select(UID)
    raw.authenticate(0x60, 4, FF, UID)
    assert raw.one(R.STATUS2) & R.CRYPTO1_ON


# -- NTAG --------------------------------------------------------------------------------------------------------------


def test_ntag_tells_its_version_and_reads_four_pages_with_roll_over():
    tag = make_card("ntag215", TAG)
    raw = selected(tag)
    assert raw.command(b"\x60") == with_crc(bytes.fromhex("0004040201001103"))
    assert raw.command(b"\x30\x00")[:3] == TAG[:3]
    assert raw.command(bytes([0x30, 134])) == with_crc(bytes(4) + bytes(tag.memory[:12]))
    assert raw.command(b"\x30\x87") == b"\x00"
    assert tag.state == "idle"


def test_ntag_password_opens_protected_pages_and_a_wrong_one_does_not():
    tag = make_card("ntag213", TAG, pages={4: b"secr", 5: b"et!!"})
    tag.protect(b"pass", b"PK", auth0=4, limit=2)
    raw = selected(tag)
    assert raw.command(b"\x30\x02") == with_crc(bytes(tag.memory[8:16]) + bytes(tag.memory[:8]))
    assert raw.command(b"\x30\x04") == b"\x00"
    raw.select(TAG)
    assert raw.command(b"\x1bwron") == b"\x00"
    raw.select(TAG)
    assert raw.command(b"\x1bpass") == with_crc(b"PK")
    assert raw.command(b"\x30\x04")[:8] == b"secret!!"
    assert raw.command(b"\x3a\x04\x05") == with_crc(b"secret!!")
    assert raw.command(b"\x30\x2b")[:8] == bytes(8)  # PWD and PACK read as zeros
    raw.wupa()
    raw.select(TAG)
    assert raw.command(b"\x30\x04") == b"\x00"
    for _ in range(2):
        raw.select(TAG)
        raw.command(b"\x1bwron")
    raw.select(TAG)
    assert raw.command(b"\x1bpass") == b"\x04"  # AUTHLIM reached


def test_ntag_without_prot_protects_writes_only():
    tag = make_card("ntag213", TAG)
    tag.protect(b"pass", b"PK", auth0=4, reads=False)
    raw = selected(tag)
    assert raw.command(b"\x30\x04") is not None
    assert raw.command(b"\xa2\x05abcd") == b"\x00"
    raw.select(TAG)
    raw.command(b"\x1bpass")
    began_us = raw.begin(with_crc(b"\xa2\x05abcd"))
    raw.clock.advance(began_us + 4_000 - raw.clock.now_us)
    assert not raw.one(R.COM_IRQ) & R.RX_IRQ
    raw.clock.advance(2_000)
    assert raw.fifo() == b"\x0a" and tag.page(5) == b"abcd"


def test_ntag_counter_signature_and_lock_bits():
    tag = make_card("ntag213", TAG)
    raw = selected(tag)
    assert raw.command(b"\x3c\x00") == with_crc(tag.signature)
    tag.memory[0x2A * 4] |= 0x10
    assert raw.command(b"\x39\x02") == with_crc(bytes(3))
    raw.command(b"\x30\x00")
    raw.command(b"\x30\x00")
    assert raw.command(b"\x39\x02") == with_crc(b"\x01\x00\x00")
    assert raw.command(b"\xa2\x02\x00\x00\x20\x00") == b"\x0a"
    assert raw.command(b"\xa2\x05abcd") == b"\x00"


def test_a_command_with_a_wrong_crc_is_refused():
    tag = make_card("ntag213", TAG)
    raw = selected(tag)
    assert raw.exchange(b"\x30\x00\x12\x34") == b"\x01"
    assert tag.state == "idle"


# -- faults ------------------------------------------------------------------------------------------------------------


def test_a_card_pulled_before_its_frame_is_silent():
    tag = make_card("ntag213", TAG)
    raw = selected(tag)
    raw.field.pull_at_frame(tag, 2)
    assert raw.command(b"\x30\x00") is not None
    assert raw.command(b"\x30\x00") is None
    assert raw.field.cards == []


def test_a_card_pulled_in_its_answer_leaves_a_short_frame():
    tag = make_card("ntag213", TAG)
    raw = selected(tag)
    raw.write(R.RX_MODE, R.CRC_EN)
    raw.field.pull_at_frame(tag, 1, "answering")
    data = raw.command(b"\x30\x00")
    assert 4 <= len(data) <= 12 and raw.one(R.ERROR) & R.CRC_ERR


@pytest.mark.parametrize(("moment", "left"), [("torn", b"ab\x00\x00"), ("after", b"abcd"), ("before", bytes(4))])
def test_a_card_pulled_in_a_write_keeps_all_half_or_nothing(moment, left):
    tag = make_card("ntag213", TAG, pages={8: bytes(4)})
    raw = selected(tag)
    raw.field.pull_at_frame(tag, 1, moment)
    assert raw.command(b"\xa2\x08abcd") is None
    assert tag.page(8) == left


def test_noise_is_seeded_and_of_the_kind_asked_for():
    def storm(seed, **chances):
        tag = make_card("ntag213", TAG)
        raw = selected(tag)
        raw.write(R.RX_MODE, R.CRC_EN)
        raw.field.noise = Noise(seed, **chances)
        seen = []
        for _ in range(20):
            raw.command(b"\x30\x00")
            seen.append((raw.one(R.COM_IRQ) & (R.RX_IRQ | R.TIMER_IRQ), raw.one(R.ERROR)))
        return seen

    assert storm(3, crc=0.5) == storm(3, crc=0.5) != storm(4, crc=0.5)
    assert {error for _, error in storm(3, crc=0.5)} == {0, R.CRC_ERR}
    assert {error for _, error in storm(3, parity=1.0)} == {R.CRC_ERR | R.PARITY_ERR}
    assert {irq for irq, _ in storm(3, silence=1.0)} == {R.TIMER_IRQ}


def test_a_slow_card_outlasts_the_timer_and_still_arrives():
    tag = make_card("ntag213", TAG)
    tag.slow_us = 2_000
    raw = selected(tag)
    assert raw.command(b"\x30\x00") is not None
    assert raw.one(R.COM_IRQ) & R.TIMER_IRQ


# -- personalisation ---------------------------------------------------------------------------------------------------


def test_diversification_follows_the_published_vectors():
    master = bytes.fromhex("00112233445566778899aabbccddeeff")
    message = bytes.fromhex("0104782E21801D803042F54E585020416275")
    assert diversified_key(master, message).hex() == "a8dd63a3b89d54b37ca802473fda9175"
    short = diversified_key(bytes.fromhex("f3f9377698707b688eaf84abe39e3791"), bytes.fromhex("0104deadbeeffeed"))
    assert short.hex() == "0bb408baff98b6ee9f2e1585777f6a51"


def test_a_personalised_classic_opens_with_its_own_key_only():
    card = personalise(make_card("classic", UID), GROUP, 1_000_001)
    key = legacy_key(GROUP, KIND_CLASSIC, UID)[:6]
    raw = selected(card)
    raw.authenticate(0x60, 4, key, UID)
    assert raw.command(b"\x30\x04") == with_crc(member_payload(GROUP, KIND_CLASSIC, UID, 1_000_001))
    assert raw.command(b"\xa0\x04") == b"\x04"  # key A reads only
    raw.write(R.STATUS2, 0)
    raw.select(UID)
    raw.authenticate(0x60, 4, FF, UID)
    assert raw.one(R.COMMAND) == R.MF_AUTHENT


def test_a_personalised_tag_gives_its_payload_after_the_password():
    card = personalise(make_card("ntag213", TAG), GROUP, 42)
    key = legacy_key(GROUP, KIND_NTAG, TAG)
    raw = selected(card)
    assert raw.command(b"\x30\x04")[:8] == b"VAFA" + card.page(0)  # the mark alone is open
    assert raw.command(b"\x39\x02") == b"\x00"  # and its count is not
    raw.select(TAG)
    assert raw.command(b"\x1b" + key[:4]) == with_crc(key[4:6])
    payload = raw.command(b"\x30\x05")[:16]
    assert payload == member_payload(GROUP, KIND_NTAG, TAG, 42)
    assert payload[:8] == b"V\x01\x00\x00\x00\x2a\x00\x00"
    assert raw.command(b"\x39\x02") == with_crc(b"\x01\x00\x00")

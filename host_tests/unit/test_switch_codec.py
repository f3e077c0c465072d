"""The codec against an independent one, against itself, and against bytes nobody meant."""

import struct

import iso8583 as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core.errors import BadMessage
from firmware.core.types import CLOCK_OK, OFFLINE, REDEMPTION
from firmware.switch import iso8583, tlv
from firmware.switch.messages import reversal_of
from firmware.switch.profile import SIGN_ON
from host_tests.unit import lt87_kit
from host_tests.unit.switch_kit import MAC_OUT, NOW, PACKED, SPEC, UID, cmac8, messages, split, transaction
from host_tests.unit.switch_kit import tlv as tlv_of
from tools.lt87.table import tags

LENGTHS = {tag.tag: (tag.shortest, tag.longest) for tag in tags()}
WIRES = [(False, SPEC), (True, PACKED)]


def every_message(packed: bool = False) -> list[bytes]:
    make, original = messages(packed), transaction(seq=41)
    offline = transaction(mode=OFFLINE)
    undo = reversal_of(original, 43, NOW + 7, CLOCK_OK)
    return [
        make.network(SIGN_ON, 5, NOW, CLOCK_OK).raw,
        make.inquiry(UID, 1, 6, NOW, CLOCK_OK).raw,
        make.inquiry(UID, 0, 7, NOW, CLOCK_OK, 61, b"\x01" + bytes(24)).raw,
        make.inquiry(UID, 0, 8, NOW, CLOCK_OK, step=b"\x03" + bytes(32)).raw,
        make.request(original).raw,
        make.request(transaction(verb=REDEMPTION, points=-500, amount=50_000, clerk=12, card_counter=0xFFFFFF)).raw,
        make.advice(offline, NOW + 60, repeat=False).raw,
        make.advice(offline, NOW + 90, repeat=True).raw,
        make.reversal(undo, original, NOW + 60, repeat=False).raw,
    ]


@given(lt87_kit.messages(), st.sampled_from(WIRES))
@settings(max_examples=120, deadline=None)
def test_what_is_encoded_is_decoded_again_and_the_oracle_agrees_byte_for_byte(message, wire):
    (mti, fields), (packed, spec) = message, wire
    raw = bytes(iso8583.encode(mti, fields, packed)) + lt87_kit.MAC
    back = {**fields, lt87_kit.mac_field(fields): lt87_kit.MAC}
    assert iso8583.decode(raw, packed) == (mti, back)
    theirs = {str(de): value if isinstance(value, str) else value.hex() for de, value in back.items()}
    assert bytes(oracle.encode({"t": mti, **theirs}, spec)[0]) == raw


@pytest.mark.parametrize(("packed", "spec"), WIRES)
def test_the_oracle_reads_every_message_and_writes_the_same_bytes(packed, spec):
    for raw in every_message(packed):
        fields, _ = oracle.decode(raw, spec)
        assert bytes(oracle.encode(dict(fields), spec)[0]) == raw
        assert raw[-8:] == cmac8(MAC_OUT, raw[:-8])
        assert ("128" in fields) == (fields["t"] in ("0800", "0420", "0421")) and ("64" in fields) != ("128" in fields)


def test_a_packed_message_says_the_same_except_what_tpdu_and_sign_on_said():
    for plain, packed in zip(every_message(), every_message(packed=True), strict=True):
        expected, expected_tags = split(plain)
        fields, found_tags = split(packed, packed=True)
        if fields["t"] != "0800":
            for de in ("24", "42"):
                del expected[de]
        for either in (expected, fields):
            for name in ("p", "1", "64", "128"):
                either.pop(name, None)
        assert (fields, found_tags) == (expected, expected_tags)
        assert len(packed) < len(plain)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_are_a_message_or_bad_message(raw):
    for parse in (iso8583.decode, lambda raw: iso8583.decode(raw, True), tlv.parse, lambda raw: tlv.every(raw, 0x20)):
        try:
            parse(raw)
        except BadMessage:
            pass


@given(
    st.booleans().flatmap(lambda packed: st.tuples(st.just(packed), st.sampled_from(every_message(packed)))),
    st.integers(0, 400),
    st.integers(1, 255),
    st.integers(0, 400),
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_or_cut_message_is_never_more_than_bad_message(message, at, flip, cut):
    packed, raw = message
    damaged = bytearray(raw)
    damaged[at % len(raw)] ^= flip
    for candidate in (bytes(damaged), raw[: cut % len(raw)], raw + b"0"):
        try:
            _, fields = iso8583.decode(candidate, packed)
            tlv.parse(fields.get(48, b""))
        except BadMessage:
            pass


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw + b"0",
        lambda raw: raw[:-1],
        lambda raw: raw.replace(b"210091", b"2100X1"),
        lambda raw: raw[:11] + bytes([raw[11] & 0xFE]) + raw[12:-8],  # the MAC's bit and the MAC gone
        lambda raw: raw[:4] + bytes([raw[4] | 0x08]) + raw[5:],  # DE 5 is not in the profile
        lambda raw: raw[:20],
    ],
)
def test_what_the_profile_does_not_allow_is_refused(damage):
    raw = messages().request(transaction()).raw
    iso8583.decode(raw)
    with pytest.raises(BadMessage):
        iso8583.decode(damage(raw))


def test_a_secondary_bitmap_without_need_and_two_macs_are_refused():
    make = {"t": "0210", "7": "1118122640", "11": "000043", "39": "00", "41": "T0000001"}
    for fields in ({**make, "128": "00" * 8}, {**make, "64": "00" * 8, "70": "001", "128": "00" * 8}):
        raw = bytes(oracle.encode(fields, SPEC)[0])
        with pytest.raises(BadMessage):
            iso8583.decode(raw)


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw.replace(b"\x21\x00\x91", b"\x21\x0a\x91"),  # no digit
        lambda raw: raw.replace(b"\x03\x64", b"\x13\x64"),  # no zero before an odd number of digits
        lambda raw: raw.replace(b"\x00\x31\x01\x04", b"\x10\x31\x01\x04"),  # nor before LLL
        lambda raw: raw.replace(b"\x00\x31\x01\x04", b"\x00\x3a\x01\x04"),
        lambda raw: b"\x02\xb0" + raw[2:],
        lambda raw: raw + b"0",
        lambda raw: raw[:-1],
    ],
)
def test_a_packed_number_has_one_spelling(damage):
    raw = messages(packed=True).request(transaction()).raw
    iso8583.decode(raw, True)
    assert damage(raw) != raw
    with pytest.raises(BadMessage):
        iso8583.decode(damage(raw), True)


def test_the_two_spellings_are_not_taken_for_one_another():
    for packed in (False, True):
        for raw in every_message(packed):
            with pytest.raises(BadMessage):
                iso8583.decode(raw, not packed)


@given(lt87_kit.tag_sets(), st.randoms())
@settings(deadline=None)
def test_tags_come_back_as_they_went_in_whatever_order(items, random):
    assert tlv.parse(tlv.pack(list(items.items()))) == items
    shuffled = list(items.items())
    random.shuffle(shuffled)
    assert tlv.parse(tlv_of(*shuffled)) == items


@given(st.dictionaries(st.sampled_from(sorted(LENGTHS)), st.binary(max_size=80), max_size=10))
@settings(deadline=None)
def test_a_tag_of_a_length_it_cannot_have_is_refused(items):
    good = {tag for tag, value in items.items() if LENGTHS[tag][0] <= len(value) <= LENGTHS[tag][1]}
    for tag, value in items.items():
        if tag not in good:
            with pytest.raises(BadMessage):
                tlv.pack([(tag, value)])
            with pytest.raises(BadMessage):
                tlv.parse(tlv_of((tag, value)))


def test_unknown_tags_are_skipped_and_a_tag_given_twice_is_refused():
    assert tlv.parse(tlv_of((0xC8, b"later"), (0x60, b"\x07"), (0x00, b""))) == {0x60: b"\x07"}
    for content in (tlv_of((0x60, b"\x07"), (0x60, b"\x07")), b"\x60", b"\x60\x02\x07"):
        with pytest.raises(BadMessage):
            tlv.parse(content)
    for items in ([(0x60, b"\x07"), (0x60, b"\x08")], [(0xC8, b"")], [(0x00, b"")]):
        with pytest.raises(BadMessage):
            tlv.pack(items)


def test_a_tag_that_repeats_may():
    offers = [(0x20, b"\x00\x02"), (0x20, b"\x00\x01")]
    content = tlv_of((0x60, b"\x07"), *offers)
    assert tlv.parse(content) == {0x60: b"\x07", 0x20: b"\x00\x02"}
    assert tlv.every(content, 0x20) == [b"\x00\x02", b"\x00\x01"] and tlv.every(content, 0x17) == []
    assert tlv.pack(offers) == tlv_of(*sorted(offers))
    with pytest.raises(BadMessage):
        tlv.every(content[:-1], 0x20)


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1))
def test_numbers_are_big_endian(signed, unsigned):
    assert tlv.from_signed32(signed) == struct.pack(">i", signed) and tlv.signed32(struct.pack(">i", signed)) == signed
    assert tlv.from_unsigned(unsigned, 4) == struct.pack(">I", unsigned)


@pytest.mark.parametrize("bad", ["260229", "261301", "260100", "2A0101", "260431"])
def test_a_date_that_is_no_day_is_refused(bad):
    with pytest.raises(BadMessage):
        tlv.date_utc(bytes.fromhex(bad))


def test_a_date_is_the_first_second_of_the_day_in_tehran():
    assert tlv.date_utc(bytes.fromhex("261118")) == NOW - NOW % 86400 - 12600
    assert tlv.date_utc(bytes(3)) == 0


@pytest.mark.parametrize(
    ("mode", "bad"),
    [
        ("request", {"amount": 10**12}),
        ("request", {"amount": -1}),
        ("request", {"points": 2**31}),
        ("advice", {"uid": b""}),
    ],
)
def test_a_record_that_does_not_fit_the_wire_is_bad_message(mode, bad):
    with pytest.raises(BadMessage):
        if mode == "request":
            messages().request(transaction(**bad))
        else:
            messages().advice(transaction(mode=OFFLINE, **bad), NOW, repeat=False)


def test_splitting_helper_is_not_lenient():
    with pytest.raises(AssertionError):
        split(every_message()[0][:-1] + b"\x00")

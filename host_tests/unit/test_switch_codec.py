"""The codec against an independent one, against itself, and against bytes nobody meant."""

import re
import struct
from pathlib import Path

import iso8583 as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware.core.errors import BadMessage
from firmware.core.types import CLOCK_OK, OFFLINE, REDEMPTION
from firmware.switch import iso8583, profile, tlv
from firmware.switch.messages import reversal_of
from firmware.switch.profile import FIELDS, KIND_AN, KIND_B, KIND_N, SIGN_ON, TAGS
from host_tests.unit.switch_kit import MAC_OUT, NOW, SPEC, UID, cmac8, messages, split, transaction
from host_tests.unit.switch_kit import tlv as tlv_of

PAGE = Path(__file__).parents[2] / "docs" / "lt87.md"
ALPHABET = {KIND_N: "0123456789", KIND_AN: "09AZaz ", profile.KIND_ANS: "09 ~Az/"}


def every_message() -> list[bytes]:
    make, original = messages(), transaction(seq=41)
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


def values_of(de: int) -> st.SearchStrategy[str | bytes]:
    kind, prefix, length = FIELDS[de]
    shortest = 0 if prefix else length
    if kind == KIND_B:
        return st.binary(min_size=shortest, max_size=length)
    return st.text(ALPHABET[kind], min_size=shortest, max_size=min(length, 40) if prefix else length)


FIELD_SETS = st.sets(st.sampled_from([de for de in FIELDS if de not in (64, 128)]), min_size=4).flatmap(
    lambda numbers: st.fixed_dictionaries({de: values_of(de) for de in numbers | {7, 41}})
)


@given(FIELD_SETS)
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_is_decoded_again_and_the_oracle_agrees_byte_for_byte(fields):
    body = bytes(iso8583.encode("0200", fields))
    mac = b"\x01\x02\x03\x04\x05\x06\x07\x08"
    mti, back = iso8583.decode(body + mac)
    mac_field = 128 if max(fields) > 64 else 64
    assert (mti, back) == ("0200", {**fields, mac_field: mac})
    theirs = {str(de): value if isinstance(value, str) else value.hex() for de, value in back.items()}
    assert bytes(oracle.encode({"t": "0200", **theirs}, SPEC)[0]) == body + mac


@pytest.mark.parametrize("raw", every_message(), ids=lambda raw: raw[:4].decode())
def test_the_oracle_reads_every_message_and_writes_the_same_bytes(raw):
    fields, _ = oracle.decode(raw, SPEC)
    assert bytes(oracle.encode(dict(fields), SPEC)[0]) == raw
    assert raw[-8:] == cmac8(MAC_OUT, raw[:-8])
    assert ("128" in fields) == (fields["t"] in ("0800", "0420", "0421")) and ("64" in fields) != ("128" in fields)


@given(st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_arbitrary_bytes_are_a_message_or_bad_message(raw):
    for parse in (iso8583.decode, tlv.parse):
        try:
            parse(raw)
        except BadMessage:
            pass


@given(st.sampled_from(every_message()), st.integers(0, 400), st.integers(1, 255), st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_a_damaged_or_cut_message_is_never_more_than_bad_message(raw, at, flip, cut):
    damaged = bytearray(raw)
    damaged[at % len(raw)] ^= flip
    for candidate in (bytes(damaged), raw[: cut % len(raw)], raw + b"0"):
        try:
            _, fields = iso8583.decode(candidate)
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


@given(st.dictionaries(st.sampled_from(sorted(TAGS)), st.binary(max_size=65), max_size=10))
def test_tags_come_back_as_they_went_or_are_refused_by_length(items):
    good = {tag: value for tag, value in items.items() if TAGS[tag][0] <= len(value) <= TAGS[tag][1]}
    assert tlv.parse(tlv.pack(list(good.items()))) == good
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


def test_the_published_page_and_the_tables_say_the_same():
    text = PAGE.read_text()
    kinds = {"n": KIND_N, "an": KIND_AN, "ans": profile.KIND_ANS, "b": KIND_B}
    fields = {}
    for de, kind, length in re.findall(r"^\| (\d+) \| (\w+) \| ([^|]+) \|", text, re.M):
        if kind in kinds:
            words = length.split()
            size = int(words[-1].split("..")[-1])
            fields[int(de)] = (kinds[kind], len(words[0]) if len(words) == 2 else 0, size)
    assert fields == FIELDS
    rows = re.findall(r"^\| ([0-9A-F]{2}) \| [A-Z][A-Z0-9_]+ \| (\d+)(?:\.\.(\d+))? \|", text, re.M)
    assert {int(tag, 16): (int(low), int(high or low)) for tag, low, high in rows} == TAGS
    for row in re.findall(r"^\| ([\d ]+|any other) \| [^|]+ \| ([^|]+) \|$", text.split("## 9.")[1], re.M):
        for rc in row[0].split() if row[0][0].isdigit() else ["05", "95"]:
            said = {"settle": profile.SETTLE, "bury": profile.BURY, "keep, try later": profile.TRY_LATER}
            expected = said.get(row[1], profile.PAUSE)
            if row[1].startswith("reversal: settle"):
                assert (profile.fate(rc, True), profile.fate(rc, False)) == (profile.SETTLE, profile.BURY)
            else:
                assert {profile.fate(rc, True), profile.fate(rc, False)} == {expected}


def test_splitting_helper_is_not_lenient():
    with pytest.raises(AssertionError):
        split(every_message()[0][:-1] + b"\x00")


def test_the_examples_of_the_published_page_are_what_the_terminal_sends_and_reads():
    blocks = re.findall(r"^`(\d{4}) [^`]+` \((\d+) bytes\)\n\n```\n([0-9a-f\n]+)```", PAGE.read_text(), re.M)
    examples = {mti: bytes.fromhex(text.replace("\n", "")) for mti, _, text in blocks}
    assert [len(raw) for raw in examples.values()] == [int(size) for _, size, _ in blocks]
    make, sale = messages(), transaction()
    undo = reversal_of(sale, 43, NOW + 7, CLOCK_OK)
    sent = {
        "0800": make.network(SIGN_ON, 5, NOW, CLOCK_OK),
        "0200": make.request(sale),
        "0220": make.advice(transaction(seq=44, mode=OFFLINE), NOW + 60, repeat=False),
        "0420": make.reversal(undo, sale, NOW + 60, repeat=False),
    }
    assert {mti: examples.pop(mti) for mti in sent} == {mti: out.raw for mti, out in sent.items()}
    assert sorted(examples) == ["0210", "0810"]
    for mti, raw in examples.items():
        assert make.read_answer(raw).key == sent[mti[:2] + "00"].key

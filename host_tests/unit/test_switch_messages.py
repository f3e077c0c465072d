"""Each record becomes the message the page describes; each answer becomes a reply or is refused."""

import struct

import pytest

from firmware.core.errors import BadAnswer, BadMessage
from firmware.core.types import AUTH_AES, AUTH_UID, CLOCK_OK, OFFLINE, REDEMPTION
from firmware.switch.messages import reversal_of
from firmware.switch.profile import ECHO, SIGN_ON
from host_tests.unit.switch_kit import (
    KID,
    MAC_OUT,
    NOW,
    UID,
    amounts,
    answer,
    member_tags,
    messages,
    split,
    transaction,
)

COMMON = {"24": "001", "41": "T0000001", "42": "MERCHANT0000001"}


def plain(fields: dict[str, str]) -> dict[str, str]:
    """Fields without framing, bitmap, DE 48 and MAC."""
    return {de: value for de, value in fields.items() if de not in ("h", "p", "1", "48", "64", "128")}


def test_an_accrual_request_field_by_field():
    fields, tags = split(messages().request(transaction()).raw)
    assert plain(fields) == {
        "t": "0200",
        **COMMON,
        "3": "210091",
        "4": "000000125000",
        "7": "1118110640",
        "11": "000043",
        "12": "143640",
        "13": "1118",
        "22": "071",
        "25": "00",
        "37": "632214000043",
        "49": "364",
    }
    assert tags == {
        0x01: struct.pack(">I", 42),
        0x02: struct.pack(">i", 125),
        0x04: b"\x00\x03",
        0x07: UID,
        0x09: b"\x01",
        0x0A: b"\x02",
        0x60: bytes([KID]),
    }


def test_times_are_utc_in_de7_and_tehran_in_de12_13_and_37_across_midnight_and_new_year():
    new_year = 1_798_751_400  # 2026-12-31 21:10:00 UTC, 00:40:00 on 1 January in Tehran
    fields, _ = split(messages().request(transaction(time_utc=new_year)).raw)
    assert (fields["7"], fields["12"], fields["13"]) == ("1231211000", "004000", "0101")
    assert fields["37"] == "700100000043"


def test_a_redemption_of_a_uid_card_says_so_and_its_points_are_negative():
    fields, tags = split(messages().request(transaction(verb=REDEMPTION, points=-500, auth=AUTH_UID, clerk=12)).raw)
    assert (fields["3"], fields["22"]) == ("009100", "081")
    assert tags[0x02] == struct.pack(">i", -500) and tags[0x09] == b"\x00" and tags[0x0B] == b"12"


def test_a_resent_advice_differs_in_repeat_digit_de7_and_mac_only():
    make, record = messages(), transaction(mode=OFFLINE, offline_reason=2)
    first, again = make.advice(record, NOW + 60, repeat=False), make.advice(record, NOW + 4000, repeat=True)
    fields, tags = split(first.raw)
    later, later_tags = split(again.raw)
    assert (fields["t"], later["t"]) == ("0220", "0221") and first.key[0] == again.key[0] == "0230"
    assert {de for de in fields if fields[de] != later[de]} == {"t", "7", "64"} and tags == later_tags
    assert (fields["25"], fields["38"]) == ("06", "F00042")
    assert tags[0x03] == tags[0x02] == struct.pack(">i", 125) and tags[0x0D] == b"\x02"


def test_a_reversal_names_its_original_by_stan_and_the_time_its_0200_carried():
    make, original = messages(), transaction(seq=1_000_040, verb=REDEMPTION, points=-500, amount=50_000)
    asked, _ = split(make.request(original).raw)
    undo = reversal_of(original, 1_000_041, NOW + 9, CLOCK_OK)
    fields, tags = split(make.reversal(undo, original, NOW + 500, repeat=False).raw)
    assert fields["90"] == "0200" + asked["11"] + asked["7"] + "0" * 22
    assert (fields["t"], fields["3"], fields["4"]) == ("0420", asked["3"], asked["4"])
    assert tags[0x01] == struct.pack(">I", 1_000_041) and fields["11"] == "000043"
    assert tags[0x02] == struct.pack(">i", -500) and tags[0x07] == original.uid
    assert "128" in fields and "64" not in fields


def test_session_messages_use_no_journal_number():
    make = messages()
    for out in (make.network(SIGN_ON, 5, NOW, CLOCK_OK), make.inquiry(UID, 1, 5, NOW, CLOCK_OK)):
        _, tags = split(out.raw)
        assert tags[0x01] == bytes.fromhex("80000005")
    fields, tags = split(make.network(SIGN_ON, 5, NOW, CLOCK_OK).raw)
    assert fields["70"] == "001" and tags[0x61] == b"vafa 0.1.0"
    assert 0x61 not in split(make.network(ECHO, 5, NOW, CLOCK_OK).raw)[1]


def test_the_cards_counter_travels_where_it_is_known_and_a_reversal_carries_none():
    make = messages()
    known = {"card_counter": 61}
    online, offline = transaction(**known), transaction(mode=OFFLINE, **known)
    sent = [make.request(online), make.advice(offline, NOW, repeat=True), make.inquiry(UID, 1, 5, NOW, CLOCK_OK, 61)]
    assert [split(out.raw)[1][0x08] for out in sent] == [bytes.fromhex("0000003d")] * 3
    undo = reversal_of(online, 43, NOW + 9, CLOCK_OK)
    for out in (
        make.reversal(undo, online, NOW + 9, repeat=False),
        make.request(transaction()),
        make.inquiry(UID, 1, 5, NOW, CLOCK_OK),
    ):
        assert not {0x08, 0x32, 0x33} & set(split(out.raw)[1])
    with pytest.raises(BadMessage):
        make.request(transaction(card_counter=1 << 32))


def test_a_proof_goes_up_as_the_card_gave_it():
    make, sun, step = messages(), bytes(range(25)), bytes(range(18))
    assert split(make.inquiry(UID, 0, 5, NOW, CLOCK_OK, sun=sun).raw)[1][0x32] == sun
    fields, tags = split(make.inquiry(UID, 0, 5, NOW, CLOCK_OK, step=step).raw)
    assert (tags[0x33], tags[0x09], fields["22"]) == (step, b"\x00", "081")
    for wrong in ({"sun": sun[:18]}, {"sun": sun + b"\0"}, {"step": step[:17]}, {"step": bytes(34)}):
        with pytest.raises(BadMessage):
            make.inquiry(UID, 0, 5, NOW, CLOCK_OK, **wrong)


def test_a_reply_tells_what_the_switch_holds_proven():
    make = messages()
    out = make.inquiry(UID, 0, 5, NOW, CLOCK_OK)
    for tags, expected in (
        ([], (None, 0)),
        ([(0x09, b"\x02"), (0x08, b"\x00\x00\x00\x3d")], (AUTH_AES, 61)),
        ([(0x09, b"\x00")], (AUTH_UID, 0)),
    ):
        reply = make.reply(make.read_answer(answer(out.raw, tags=tags)), UID)
        assert (reply.auth, reply.counter) == expected


def test_an_answer_becomes_a_reply_with_the_member_as_the_switch_knows_him():
    make, record = messages(), transaction()
    out = make.request(record)
    raw = answer(
        out.raw, "00", points=125, balance=1375, approval="A1B2C3", tags=[*member_tags("علی"), (0x70, b"Hello")]
    )
    read = make.read_answer(raw)
    assert read.key == out.key and read.host_utc == NOW + 5
    reply = make.reply(read, UID, 7)
    assert (reply.rc, reply.points, reply.balance, reply.approval, reply.text) == ("00", 125, 1375, "A1B2C3", "Hello")
    member = reply.member
    assert member is not None
    assert (member.uid, member.member_no, member.name, member.points, member.tier) == (UID, 7, "علی", 1375, 3)
    assert (member.visits, member.as_of_utc, member.last_visit_utc) == (12, NOW + 5, 1_793_392_200)


def test_a_negative_balance_is_debit_and_available_goes_before_ledger():
    make = messages()
    out = make.inquiry(UID, 1, 5, NOW, CLOCK_OK)
    for de54, expected in (
        (amounts(-20), -20),
        ("9101000C000000000900" + "9102000C000000000400", 400),
        ("9101000C000000000900", 900),
        ("2002000C000000000400", None),
    ):
        reply = make.reply(make.read_answer(answer(out.raw, de54=de54)), UID)
        assert reply.balance == expected and (reply.member is None) == (expected is None)


@pytest.mark.parametrize(
    "broken",
    [{"de54": "9102000C00000000040"}, {"de54": "9102000X000000000400"}, {"de54": "9102000C00000000 400"}],
)
def test_a_balance_that_is_no_amount_is_bad_message(broken):
    make = messages()
    read = make.read_answer(answer(make.inquiry(UID, 1, 5, NOW, CLOCK_OK).raw, **broken))
    with pytest.raises(BadMessage):
        make.reply(read, UID)


@pytest.mark.parametrize(
    "tag",
    [
        (0x12, b"\x26\x13\x01"),
        (0x09, b"\x01"),  # the switch proves by AES or not at all
        (0x09, b"\x03"),
        (0x33, b"\x02" + bytes(31)),
        (0x33, b"\x01" + bytes(32)),
        (0x33, b"\x03" + bytes(32)),
    ],
)
def test_a_tag_that_makes_no_sense_is_bad_message(tag):
    make = messages()
    read = make.read_answer(answer(make.inquiry(UID, 1, 5, NOW, CLOCK_OK).raw, balance=1, tags=[tag]))
    with pytest.raises(BadMessage):
        make.reply(read, UID)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("علی".encode(), "علی"),
        (b"\xff\xfe", "\ufffd"),
        ("علی".encode()[:-1], "عل\ufffd"),
        (b"A\xd8B\x80\x80C\xf0\x9f\x98", "A\ufffdB\ufffdC\ufffd"),
        (b"\xe2\x82Ali", "\ufffdAli"),
        (b"Ali\n\tReza\x00\x1b\x7f", "Ali  Reza   "),
    ],
)
def test_a_name_with_broken_letters_is_read_with_a_box_and_stops_nothing(raw, name):
    make = messages()
    read = make.read_answer(answer(make.inquiry(UID, 1, 5, NOW, CLOCK_OK).raw, balance=1, tags=[(0x44, raw)]))
    assert make.reply(read, UID).member.name == name


def test_every_single_bit_of_an_answer_is_covered_by_its_mac():
    make = messages()
    raw = answer(make.request(transaction()).raw, points=125, balance=1375)
    make.read_answer(raw)
    for bit in range(len(raw) * 8):
        damaged = bytearray(raw)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadAnswer):
            make.read_answer(bytes(damaged))


def test_an_answer_under_the_wrong_key_direction_or_key_id_is_not_believed():
    make = messages()
    out = make.request(transaction())
    with pytest.raises(BadAnswer):
        make.read_answer(answer(out.raw, key=MAC_OUT))
    with pytest.raises(BadAnswer):
        make.read_answer(answer(out.raw, kid=KID + 1))
    with pytest.raises(BadAnswer):
        make.read_answer(out.raw)  # reflected
    for nothing in (b"", b"1234567", b"12345678"):
        with pytest.raises(BadAnswer):
            make.read_answer(nothing)


def test_high_seq_is_never_a_session_number():
    make = messages()
    out = make.network(SIGN_ON, 5, NOW, CLOCK_OK)
    assert make.high_seq(make.read_answer(answer(out.raw))) == 41
    with pytest.raises(BadMessage):
        make.high_seq(make.read_answer(answer(out.raw, tags=[(0x0F, b"\x80\x00\x00\x05")])))
    with pytest.raises(BadMessage):
        make.high_seq(make.read_answer(answer(make.network(ECHO, 5, NOW, CLOCK_OK).raw)))

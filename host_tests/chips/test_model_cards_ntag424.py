"""The modelled NTAG 424 DNA against the published traces of AN12196, then its refusals, rights and limits."""

import pytest

from host_tests.chips.aes_kit import (
    APPLICATION,
    FULL,
    MAC,
    NDEF,
    PLAIN,
    PRIVATE,
    UID,
    ZERO,
    Pcd,
    card,
    cbc,
    crc,
    h,
    opened,
)
from tools.sim.cards import sdm
from tools.sim.cards.ev2 import Session
from tools.sim.cards.ntag424 import Ntag424App

KEY = bytes(range(1, 17))
RND_B, TI = "B9E2FC789B64BF237CCCAA20EC7E6E48", "9D00C4DF"
RUN_1 = ("1309C877509E5A215007FF0ED19CA564", "4C6626F5E72EA694202139295C7A7FC7", TI)
NDEF_128 = (h("0051D1014D5504") + b"choose.url.com/ntag424?e=" + b"0" * 32 + b"&c=" + b"0" * 16).ljust(128, b"\x00")


def trace(app, enc, mac, ti, counter, number=0):
    app.session = Session(number, h(enc), h(mac), h(ti), counter)
    return Pcd(app)


# -- published traces --------------------------------------------------------------------------------------------------


def test_authentication_writing_and_settings_as_in_an12196_sections_6_6_to_6_9():
    app = card(RND_B, TI)
    app.application_files[NDEF].mode, app.application_files[NDEF].rights = FULL, h("00E0")
    assert app.apdu(h("9071000002000000")) == h("A04C124213C186F22399D33AC2A30215 91AF")
    answer = app.apdu(h("90AF000020 35C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D 00"))
    assert answer == h("3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F08120663 9100")
    wire = []
    pcd = Pcd(type("Spied", (), {"apdu": lambda _, c: wire.extend((c, app.apdu(c))) or wire[-1]})())
    pcd.enc, pcd.mac, pcd.ti = (h(part) for part in RUN_1)
    pcd.write(NDEF, 0, NDEF_128, FULL)
    assert bytes(app.application_files[NDEF].memory[:128]) == NDEF_128
    assert wire[0].hex().upper().startswith("908D00009F02000000800000421C73A27D827658AF481FDFF20A5025")
    assert wire[0].hex().upper().endswith("BEF0FD971FF532C3A802AF745660F2B4D1D9A8499661EBF300")
    assert wire[1] == h("FC222E5F7A542452 9100")
    answer = app.apdu(h("905F0000190261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A0400"))
    assert answer == h("57BFF87B1241E93D 9100")
    assert app.application_files[NDEF].settings == h("004000E0000100C1F121200000430000430000")


def test_file_settings_under_mac_as_in_an12196_section_5_3():
    app = card()
    file = app.application_files[NDEF]
    file.rights = h("EEEE")
    file.sdm = sdm.parse(h("D1FE001F00004400004400002000006A0000"), 256, 5, None)
    trace(app, "00" * 16, "8248134A386E86EB7FAF54A52E536CB6", "7A21085E", 0)
    answer = app.apdu(h("90F5000009026597A457C8CD442C00"))
    assert answer == h("0040EEEE000100D1FE001F00004400004400002000006A0000 2A474282E7A47986 9100")


def test_writing_in_full_mode_as_in_an12196_section_6_12():
    app = card()
    app.application_files[PRIVATE].rights = h("0000")
    trace(app, "7A93D6571E4B180FCA6AC90C9A7488D4", "FC4AF159B62E549B5812394CAB1918CC", "7614281A", 0)
    answer = app.apdu(h("908D00001F030000000A00006B5E6804909962FC4E3FF5522CF0F8436C0C53315B9C73AA00"))
    assert answer == h("C26D236E4A7C046D 9100")
    assert bytes(app.application_files[PRIVATE].memory[:10]) == h("0102030405060708090A")


def test_changing_keys_as_in_an12196_section_6_16():
    app = card()
    trace(app, "4CF3CB41A22583A61E89B158D252FC53", "5529860B2FC5FB6154B7F28361D30BF9", "7614281A", 2)
    other = "2CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC75D0CE20BCD1D06E6"
    assert app.apdu(h(f"90C400002902{other}00")) == h("203BB55D1089D587 9100")
    assert app.application_keys[2].value == h("F3847D627727ED3BC9C4CC050489B966")
    own = "C0EB4DEEFEDDF0B513A03A95A75491818580503190D4D05053FF75668A01D6FDA6610234BDED6432"
    assert app.apdu(h(f"90C400002900{own}00")) == h("9100")
    assert app.application_keys[0].value == h("5004BF991F408672B1EF00F08F9E8647")
    assert [key.version for key in app.application_keys] == [1, 0, 1, 0, 0]
    assert app.session is None


def test_the_sun_message_of_an12196_section_4_4():
    app = card("DA5CF60941")
    file = app.application_files[NDEF]
    file.rights = h("00E0")
    file.sdm = sdm.parse(h("C1F000" + "200000" + "430000" + "430000"), 256, 5, None)
    file.sdm.counter = 60
    shown = Pcd(app).read(NDEF, 0, 0)
    assert shown[0x20:0x40] == b"EF963FF7828658A599F3041510671E88"
    assert shown[0x43:0x53] == b"94EED9EE65337086"
    assert shown[:0x20] + shown[0x40:0x43] + shown[0x53:] == bytes(256 - 48)


# -- the card as delivered ---------------------------------------------------------------------------------------------


def test_delivered_files_and_versions():
    pcd = Pcd(card())
    assert [pcd.plain(0xF5, bytes([n])).hex() for n in (1, 2, 3)] == [
        "000000e0200000",
        "0000e0ee000100",
        "00033023800000",
    ]
    assert pcd.read(1, 0, 0)[:23] == h("001720010000FF0406E104010000000506E10500808283")
    assert pcd.plain(0x60) == h("04040230001105") and pcd.sw == 0x91AF
    assert pcd.plain(0xAF) == h("04040201021105") and pcd.sw == 0x91AF
    assert pcd.plain(0xAF)[:7] == UID and pcd.sw == 0x9100
    assert [pcd.plain(0x64, bytes([n])) for n in range(5)] == [b"\x00"] * 5


def test_version_under_a_session_carries_one_mac_over_its_parts():
    pcd = opened()
    assert pcd.secured(0x60, mode=MAC)[14:21] == UID
    assert pcd.secured(0x64, b"\x04", mode=MAC) == b"\x00" and pcd.counter == 2


def test_signature_in_clear_and_under_a_session():
    app = Ntag424App(h("04518DFAA96180"))
    pcd = Pcd(app)
    published = pcd.plain(0x3C, b"\x00")
    assert published.hex().startswith("d1940d17cfed") and len(published) == 56 and pcd.sw == 0x9190
    pcd.raw(APPLICATION)
    assert pcd.authenticate(0)
    assert pcd.secured(0x3C, b"\x00") == published and pcd.sw == 0x9190


def test_iso_selection_reading_and_writing():
    pcd = Pcd(Ntag424App(UID))
    pcd.raw("00B0000000")
    assert pcd.sw == 0x6985
    pcd.raw("00A4000C02E110")
    pcd.raw("00A4020C02E104")
    assert pcd.sw == 0x9000
    pcd.raw("00D6000004DEADBEEF")
    assert pcd.sw == 0x9000 and pcd.raw("00B0000203") == h("BEEF00")
    assert pcd.raw("00B0830002") == h("0017")  # short file identifier 03h selects
    for apdu, status in (
        ("00A4020C02E109", 0x6A82),
        ("00A4040C03112233", 0x6A82),
        ("00A4050C02E104", 0x6A86),
        ("00B0010000", 0x6A86),
        ("00D6000002ABCD00", 0x6700),
        ("00D6000002ABCD", 0x6982),  # the capability file is written with key 0
        ("00CA000000", 0x6D00),
        ("80B0000000", 0x6E00),
    ):
        pcd.raw(apdu)
        assert pcd.sw == status, apdu
    assert pcd.raw("00B0850002") == b"" and pcd.sw == 0x6982  # E105h needs a key


def test_card_level_has_no_keys_and_no_files():
    pcd = Pcd(Ntag424App(UID))
    for ins, data, status in ((0x71, b"\0\0", 0x9140), (0xF5, b"\2", 0x919D), (0x64, b"\0", 0x9140)):
        pcd.plain(ins, data)
        assert pcd.sw == status
    pcd.read(NDEF, 0, 4)
    assert pcd.sw == 0x919D
    assert pcd.plain(0x60) == h("04040230001105")


# -- authentication ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status"),
    [("0500", 0x9140), ("00", 0x917E), ("000102FF", 0x91AF), ("0002AA", 0x917E), ("0007" + "00" * 7, 0x917E)],
)
def test_first_part_is_checked(body, status):
    pcd = Pcd(card())
    pcd.plain(0x71, h(body))
    assert pcd.sw == status


def test_next_authentication_goes_on_with_the_transaction():
    pcd = opened()
    pcd.secured(0xF5, b"\x02", mode=MAC)
    before = pcd.ti, pcd.counter
    assert pcd.authenticate(3, first=False)
    assert (pcd.ti, pcd.counter) == before
    pcd.secured(0xF5, b"\x02", mode=MAC)
    assert pcd.sw == 0x9100 and pcd.card.session.counter == 2


def test_next_authentication_needs_a_first_one():
    pcd = Pcd(card())
    pcd.plain(0x77, b"\x00")
    assert pcd.sw == 0x919D


def test_a_wrong_key_ends_the_session_that_was():
    pcd = opened()
    assert not pcd.authenticate(1, KEY, first=False)
    assert pcd.sw == 0x91AE
    pcd.plain(0x51)
    assert pcd.sw == 0x91AE


@pytest.mark.parametrize(
    ("apdu", "status"), [("9060000000", 0x91CA), ("00A4000C02E110", 0x6985), ("90AF000001AA00", 0x917E)]
)
def test_nothing_may_come_between_the_parts(apdu, status):
    pcd = Pcd(card())
    pcd.plain(0x71, b"\0\0")
    pcd.raw(apdu)
    assert pcd.sw == status
    pcd.plain(0xAF, bytes(32))
    assert pcd.sw == 0x911C


def test_power_loss_and_selection_end_the_session():
    pcd = opened()
    pcd.card.reset()
    pcd.plain(0x51)
    assert pcd.sw == 0x91AE
    pcd.lost().card.reset()
    pcd.read(NDEF, 0, 1)
    assert pcd.sw == 0x919D  # card level again
    pcd = opened()
    pcd.raw(APPLICATION)
    pcd.plain(0x51)
    assert pcd.sw == 0x91AE


def test_failures_are_counted_delayed_and_lock_the_key_until_it_is_changed():
    app = card()
    app.limit = 60
    for _ in range(50):
        assert not Pcd(app).authenticate(2, KEY)
    pcd = Pcd(app)
    assert app.time_us(h("9071000002020000")) == 25_000 > app.time_us(h("9071000002010000"))
    assert not pcd.authenticate(2) and pcd.sw == 0x91AD
    assert pcd.authenticate(2) and app.application_keys[2].failures == 40
    for _ in range(20):
        assert not pcd.authenticate(2, KEY)
    assert not pcd.authenticate(2) and pcd.sw == 0x919D
    assert pcd.authenticate(0)
    pcd.change_key(2, KEY)
    assert pcd.authenticate(2, KEY)


def test_the_limit_is_set_by_the_master_only():
    pcd = opened(1)
    pcd.secured(0x5C, b"\x0a", h("0103000200"))
    assert pcd.sw == 0x91AE
    pcd = opened()
    pcd.secured(0x5C, b"\x0a", h("0103000200"))
    assert pcd.sw == 0x9100 and (pcd.card.limit, pcd.card.decrement) == (3, 2)
    for _ in range(3):
        Pcd(pcd.card).authenticate(4, KEY)
    assert not pcd.authenticate(4) and pcd.sw == 0x919D
    pcd = opened()
    pcd.secured(0x5C, b"\x05", bytes(10))
    assert pcd.sw == 0x919E


def test_random_id_hides_the_uid_from_all_but_who_holds_a_key():
    pcd = opened()
    pcd.secured(0x5C, b"\x00", b"\x03")
    assert pcd.sw == 0x919E
    pcd = opened()
    pcd.secured(0x5C, b"\x00", b"\x02")
    assert pcd.sw == 0x9100
    pcd.lost()
    assert (pcd.plain(0x60) + pcd.plain(0xAF) + pcd.plain(0xAF))[14:21] == bytes(7)
    pcd.plain(0x3C, b"\x00")
    assert pcd.sw == 0x910B
    assert pcd.authenticate(4) and pcd.secured(0x51) == UID


# -- secure messaging --------------------------------------------------------------------------------------------------


def test_a_spoilt_mac_ends_the_session_and_changes_nothing():
    pcd = opened()
    pcd.secured(0xC4, b"\x01", KEY + b"\x01" + crc(KEY), spoil=1)
    assert pcd.sw == 0x911E and pcd.card.application_keys[1].value == ZERO
    pcd.plain(0x51)
    assert pcd.sw == 0x91AE


@pytest.mark.parametrize("plain", [KEY + b"\x80" + bytes(31), KEY + bytes(16), bytes(32)])
def test_padding_is_one_bit_and_less_than_a_block_of_zeros(plain):
    pcd = opened()
    ciphered = cbc(pcd.enc, pcd._iv(b"\xa5\x5a"), plain)
    body = b"\x02" + ciphered
    pcd.plain(0x5F, body + pcd.tag(0x5F, body))
    assert pcd.sw == 0x911E


def test_a_replayed_command_fits_no_counter():
    pcd = opened()
    sent = []
    whole = pcd.raw
    pcd.raw = lambda apdu: (sent.append(apdu), whole(apdu))[1]
    pcd.secured(0x51)
    pcd.raw(sent[0])
    assert pcd.sw == 0x911E


def test_plain_commands_count_too():
    pcd = opened()
    pcd.secured(0xAD, h("02000000100000"), mode=PLAIN)
    assert pcd.sw == 0x9100
    assert pcd.secured(0x51) == UID


def test_the_last_command_counter_is_refused():
    pcd = opened()
    pcd.card.session.counter = pcd.counter = 0xFFFF
    pcd.secured(0x51)
    assert pcd.sw == 0x911E


def test_an_error_ends_the_session():
    pcd = opened()
    pcd.secured(0xF5, b"\x07", mode=MAC)
    assert pcd.sw == 0x91F0
    pcd.plain(0x51)
    assert pcd.sw == 0x91AE


def test_unknown_and_misshapen_commands():
    pcd = Pcd(card())
    for apdu, status in (
        ("9012000000", 0x911C),
        ("90600100 00", 0x919E),
        ("90F500000200", 0x917E),
        ("90F50000010207", 0x919E),
        ("90AF000000", 0x911C),
        ("90AD000003020000 00", 0x917E),
    ):
        pcd.raw(apdu)
        assert pcd.sw == status, apdu


# -- keys --------------------------------------------------------------------------------------------------------------


def test_only_the_master_key_changes_keys():
    pcd = opened(1)
    pcd.secured(0xC4, b"\x02", KEY + b"\x01" + crc(KEY))
    assert pcd.sw == 0x91AE and pcd.card.application_keys[2].value == ZERO
    pcd = opened(1)
    pcd.change_key(1, KEY, own=True)
    assert pcd.sw == 0x91AE


@pytest.mark.parametrize(
    ("number", "data", "status"),
    [(2, KEY + b"\x01" + bytes(4), 0x911E), (2, KEY + b"\x01", 0x917E), (5, KEY + b"\x01" + crc(KEY), 0x9140)],
)
def test_new_key_data_is_checked(number, data, status):
    pcd = opened()
    pcd.secured(0xC4, bytes([number]), data)
    assert pcd.sw == status


def test_a_torn_key_change_leaves_the_old_key():
    pcd = opened()
    pcd.card.torn = True
    pcd.change_key(3, KEY)
    pcd.card.torn = False
    assert pcd.authenticate(3, ZERO)

"""The modelled DESFire EV2 and EV3: applications, key settings, files, and what a removal tears."""

import pytest

from host_tests.chips.aes_kit import FULL, MAC, ZERO, Pcd, crc, h
from tools.sim.cards.desfire import DesfireApp

UID = h("04DE5F1EACC040")
AID = h("F06AF5")
KEY = bytes(range(1, 17))
FILE = h("03 03 0010 200000")


def card(**options):
    return DesfireApp(UID, **options)


def made(settings=0x09, **options):
    """A card with the application created and selected."""
    pcd = Pcd(card(**options))
    pcd.plain(0xCA, AID + bytes([settings, 0x85]))
    assert pcd.sw == 0x9100
    pcd.plain(0x5A, AID)
    return pcd


def with_file(**options):
    pcd = made(**options)
    assert pcd.authenticate(0)
    pcd.secured(0xCD, FILE, mode=MAC)
    assert pcd.sw == 0x9100
    return pcd


@pytest.mark.parametrize(("generation", "major"), [("ev2", 0x12), ("ev3", 0x33)])
def test_generation_is_told_by_the_major_version(generation, major):
    pcd = Pcd(card(generation=generation))
    version = pcd.plain(0x60) + pcd.plain(0xAF) + pcd.plain(0xAF)
    assert pcd.sw == 0x9100 and version[1] == 0x01 and version[3] == major and version[14:21] == UID


def test_authentication_gives_the_keys_of_the_published_trace():
    made_of = [h("B9E2FC789B64BF237CCCAA20EC7E6E48"), h("9D00C4DF")]
    pcd = made(entropy=lambda size: made_of.pop(0))
    assert pcd.authenticate(0)
    assert (pcd.enc, pcd.mac) == (h("1309C877509E5A215007FF0ED19CA564"), h("4C6626F5E72EA694202139295C7A7FC7"))


def test_card_level_of_delivery_has_a_des_key_and_free_creation():
    pcd = Pcd(card())
    assert pcd.plain(0x45) == h("0F01")
    pcd.plain(0x71, b"\0\0")
    assert pcd.sw == 0x91AE
    pcd.plain(0xFC)
    assert pcd.sw == 0x91AE
    pcd.read(3, 0, 1)
    assert pcd.sw == 0x919D
    pcd.raw("00A4040C07D276000085010100")
    assert pcd.sw == 0x6A82
    pcd.raw("00A4040C07D276000085010000")
    assert pcd.sw == 0x9000


def test_applications_are_made_listed_and_found():
    pcd = made()
    assert pcd.plain(0x45) == b"" and pcd.sw == 0x91AE  # settings 09h: nothing is listed without the master key
    pcd.plain(0x5A, bytes(3))
    assert pcd.plain(0x6A) == AID
    for data, status in (
        (AID + h("0985"), 0x91DE),
        (h("01020309 05"), 0x919E),
        (h("010203 09 80"), 0x919E),
        (h("010203 09"), 0x917E),
        (h("010203 09 A5 0102"), 0x919E),
    ):
        pcd.plain(0xCA, data)
        assert pcd.sw == status, data
    pcd.plain(0x5A, h("010203"))
    assert pcd.sw == 0x91A0
    for n in range(1, 28):
        pcd.plain(0xCA, bytes([n, n, n]) + h("0985"))
        assert pcd.sw == 0x9100
    pcd.plain(0xCA, h("EEEEEE0985"))
    assert pcd.sw == 0x91CE
    listed = pcd.plain(0x6A)
    assert pcd.sw == 0x91AF
    assert len(listed + pcd.plain(0xAF)) == 28 * 3


def test_an_application_is_deleted_by_its_own_master_key_or_the_cards():
    pcd = made()
    pcd.plain(0xDA, AID)
    assert pcd.sw == 0x91AE
    assert pcd.authenticate(0)
    pcd.plain(0xDA, AID + pcd.tag(0xDA, AID))  # its session goes with it: the answer has no MAC
    assert pcd.sw == 0x9100 and pcd.plain(0x6A) == b"" and pcd.sw == 0x9100
    pcd = Pcd(card(card_key=ZERO))
    pcd.plain(0xCA, AID + h("0985"))
    assert pcd.authenticate(0)
    pcd.secured(0xDA, AID, mode=MAC)
    assert pcd.sw == 0x9100 and pcd.secured(0x6A, mode=MAC) == b""


def test_an_application_deletes_no_other():
    pcd = made()
    pcd.plain(0x5A, bytes(3))
    pcd.plain(0xCA, h("0102030985"))
    pcd.plain(0x5A, AID)
    pcd.authenticate(0)
    pcd.secured(0xDA, h("010203"), mode=MAC)
    assert pcd.sw == 0x919D and len(pcd.card.applications) == 2


def test_formatting_takes_the_cards_key():
    pcd = Pcd(card(card_key=KEY))
    pcd.plain(0xCA, AID + h("0985"))
    assert pcd.authenticate(0, KEY)
    pcd.secured(0xFC, mode=MAC)
    assert pcd.sw == 0x9100 and pcd.card.applications == {}


def test_files_are_made_by_the_master_key_and_listed():
    pcd = made()
    pcd.plain(0xCD, FILE)
    assert pcd.sw == 0x91AE
    pcd.authenticate(1)
    pcd.secured(0xCD, FILE, mode=MAC)
    assert pcd.sw == 0x91AE
    pcd = with_file()
    assert pcd.secured(0x6F, mode=MAC) == b"\x03"
    assert pcd.secured(0xF5, b"\x03", mode=MAC) == h("00 03 0010 200000")
    pcd.secured(0xCD, FILE, mode=MAC)
    assert pcd.sw == 0x91DE


@pytest.mark.parametrize(
    ("body", "status"),
    [("20 03 0010 200000", 0x919E), ("03 03 0050 200000", 0x919E), ("03 03 0010 000000", 0x919E),
     ("03 03 0010 000100FF", 0x917E), ("03 03 0010 FFFF00", 0x910E)],
)  # fmt: skip
def test_a_file_must_fit(body, status):
    pcd = made()
    pcd.authenticate(0)
    pcd.secured(0xCD, h(body), mode=MAC)
    assert pcd.sw == status


def test_free_creation_needs_no_key():
    pcd = made(settings=0x0F)
    pcd.plain(0xCD, FILE)
    assert pcd.sw == 0x9100 and pcd.plain(0x6F) == b"\x03"


def test_who_reads_and_who_writes():
    pcd = with_file()
    pcd.write(3, 0, b"sixteen bytes ok", FULL)
    assert pcd.read(3, 0, 4, FULL) == b"sixt"  # ReadWrite is key 0
    assert pcd.authenticate(1, first=False)
    assert pcd.read(3, 0, 0, FULL).rstrip(b"\0") == b"sixteen bytes ok"
    pcd.write(3, 0, b"x", FULL)
    assert pcd.sw == 0x91AE
    pcd = Pcd(pcd.card)
    pcd.read(3, 0, 4)
    assert pcd.sw == 0x91AE
    assert pcd.authenticate(2)
    pcd.read(3, 0, 4, FULL)
    assert pcd.sw == 0x91AE


def test_reading_in_frames_of_the_first_generation():
    pcd = made()
    pcd.authenticate(0)
    pcd.secured(0xCD, h("04 01 0010 C80000"), mode=MAC)
    pcd.write(4, 0, bytes(range(200)), MAC)
    assert pcd.secured(0xBD, h("04 000000 000000"), mode=MAC) == bytes(range(200))


def test_keys_change_as_the_settings_say():
    for settings, who, number, status in (
        (0x09, 0, 1, 0x9100),
        (0x09, 1, 1, 0x91AE),
        (0x29, 2, 1, 0x9100),
        (0x29, 0, 1, 0x91AE),
        (0xE9, 1, 1, 0x9100),
        (0xE9, 0, 1, 0x91AE),
        (0xF9, 0, 1, 0x919D),
        (0x08, 0, 0, 0x919D),
        (0xF9, 0, 0, 0x9100),
    ):
        pcd = made(settings)
        assert pcd.authenticate(who)
        pcd.change_key(number, KEY, own=who == number)
        assert pcd.sw == status, (settings, who, number)
        assert pcd.card.keys[number].value == (KEY if status == 0x9100 else ZERO)
        assert (pcd.card.session is None) == (who == number or status != 0x9100)


def test_change_key_ev2_names_its_key_set():
    pcd = made()
    pcd.authenticate(0)
    pcd.secured(0xC6, b"\x00\x03", KEY + b"\x07" + crc(KEY))
    assert pcd.sw == 0x9100 and pcd.secured(0x64, b"\x03", mode=MAC) == b"\x07"
    pcd.secured(0xC6, b"\x01\x03", KEY)
    assert pcd.sw == 0x9140


def test_key_settings_can_be_frozen():
    pcd = made(0x0B)
    assert pcd.plain(0x45) == h("0B85")
    pcd.authenticate(0)
    pcd.secured(0x54, b"", b"\x00")
    assert pcd.sw == 0x9100
    pcd.secured(0x54, b"", b"\x0f")
    assert pcd.sw == 0x919D


def test_the_uid_is_told_under_a_session_only():
    pcd = made()
    pcd.plain(0x51)
    assert pcd.sw == 0x91AE
    pcd.authenticate(4)
    assert pcd.secured(0x51) == UID


def test_selecting_ends_the_session_and_power_loss_the_selection():
    pcd = with_file()
    pcd.plain(0x5A, AID)
    pcd.plain(0x51)
    assert pcd.sw == 0x91AE
    pcd.card.reset()
    pcd.read(3, 0, 1)
    assert pcd.sw == 0x919D


def test_a_torn_write_leaves_half_and_a_torn_change_of_structure_nothing():
    pcd = with_file()
    pcd.card.torn = True
    pcd.write(3, 0, bytes(range(1, 17)), FULL)
    assert bytes(pcd.card.files[3].memory[:16]) == bytes(range(1, 9)) + bytes(8)
    pcd.change_key(1, KEY)
    assert pcd.card.keys[1].value == ZERO
    pcd.secured(0xCD, h("05 03 0010 200000"), mode=MAC)
    assert list(pcd.card.files) == [3]
    pcd = Pcd(card())
    pcd.card.torn = True
    pcd.plain(0xCA, AID + h("0985"))
    assert pcd.card.applications == {}


def test_ev2_has_no_dynamic_messaging():
    pcd = with_file()
    pcd.secured(0x5F, b"\x03", h("4000E0C1F023200000430000430000"))
    assert pcd.sw == 0x919E

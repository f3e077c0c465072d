"""The modelled NTAG 424 DNA: file rights, secure dynamic messaging, torn writes."""

import pytest

from host_tests.chips.aes_kit import APPLICATION, FULL, MAC, NDEF, PRIVATE, Pcd, card, h, opened, with_sdm

# -- file rights -------------------------------------------------------------------------------------------------------


def test_who_may_read_and_write_the_private_file():
    for number, read, write in ((None, 0x91AE, 0x91AE), (0, 0x91AE, 0x91AE), (2, 0x9100, 0x91AE), (3, 0x9100, 0x9100)):
        pcd = Pcd(card())
        for action, status in (
            (lambda p: p.read(PRIVATE, 0, 2, FULL), read),
            (lambda p: p.write(PRIVATE, 0, b"x", FULL), write),
        ):
            if number is not None:
                assert pcd.authenticate(number)
            action(pcd)
            assert pcd.sw == status, number


def test_a_file_closed_for_good_is_refused_otherwise_than_one_that_needs_a_key():
    pcd = opened(app=card())
    pcd.secured(0x5F, b"\x02", h("00F0FF"))
    pcd.secured(0xAD, h("02000000100000"), mode=MAC)
    assert pcd.sw == 0x919D


def test_settings_of_a_file_that_nobody_may_change():
    pcd = opened()
    pcd.secured(0x5F, b"\x02", h("000FEE"))
    pcd.secured(0x5F, b"\x02", h("0000EE"))
    assert pcd.sw == 0x919D


@pytest.mark.parametrize(
    ("number", "at", "size", "status"),
    [(2, 256, 1, 0x91BE), (2, 200, 57, 0x91BE), (9, 0, 1, 0x91F0), (2, 0, 256, 0x9100)],
)
def test_reading_beyond_the_end(number, at, size, status):
    pcd = Pcd(card())
    pcd.read(number, at, size)
    assert pcd.sw == status


def test_an_answer_longer_than_a_short_apdu_is_refused():
    app = card()
    app.application_files[NDEF].mode, app.application_files[NDEF].rights = FULL, h("0000")
    pcd = opened(app=app)
    assert len(pcd.read(NDEF, 0, 239, FULL)) == 239
    pcd.read(NDEF, 0, 240, FULL)
    assert pcd.sw == 0x917E


def test_writing_beyond_the_end_and_with_another_length():
    pcd = Pcd(card())
    pcd.write(NDEF, 250, bytes(7))
    assert pcd.sw == 0x91BE
    pcd.plain(0x8D, h("02000000030000AABB"))
    assert pcd.sw == 0x917E


# -- secure dynamic messaging ------------------------------------------------------------------------------------------

ENCRYPTED = "4000E0C1F023200000430000430000"
PLAINLY = "4000E0C1FEE3 100000 200000 300000 300000"


def test_the_counter_counts_first_reads_and_is_not_moved_by_an_authenticated_reader():
    pcd = with_sdm(ENCRYPTED)
    file = pcd.card.application_files[NDEF]
    for at in (0, 64, 128):
        pcd.read(NDEF, at, 64)
    assert file.sdm.counter == 1
    for ins in (0x60, 0xAF, 0xAF):
        pcd.plain(ins)
    pcd.read(NDEF, 0, 64)
    assert file.sdm.counter == 2
    pcd.raw("00B0840010")
    assert file.sdm.counter == 3
    pcd.read(NDEF, 300, 1)
    assert file.sdm.counter == 3  # a read that fails does not count
    pcd = opened(app=pcd.card)
    assert pcd.read(NDEF, 32, 32) == bytes(32) and file.sdm.counter == 3


def test_chunks_of_one_read_belong_together():
    pcd = with_sdm(ENCRYPTED)
    one = pcd.read(NDEF, 0, 48) + pcd.read(NDEF, 48, 48)
    pcd.raw(APPLICATION)
    other = pcd.read(NDEF, 0, 96)
    assert one[32:64] != other[32:64] and one[67:83] != other[67:83]
    assert bytes.fromhex(one[32:64].decode()) and one[:32] == other[:32]


def test_plain_mirroring_shows_uid_and_counter_high_byte_first():
    pcd = with_sdm(PLAINLY)
    shown = pcd.read(NDEF, 16, 32)
    assert shown[:14] == b"04DE5F1EACC040" and shown[16:22] == b"000001"


def test_counter_limit_stops_free_reading_but_not_the_authenticated_one():
    pcd = with_sdm("4000E0E1F023 200000 430000 430000 020000")
    pcd.read(NDEF, 0, 16)
    pcd.raw(APPLICATION)
    pcd.read(NDEF, 0, 16)
    assert pcd.sw == 0x9100
    pcd.raw(APPLICATION)
    pcd.read(NDEF, 0, 16)
    assert pcd.sw == 0x919D
    pcd.raw("00B0840010")
    assert pcd.sw == 0x6982
    pcd = opened(app=pcd.card)
    pcd.secured(0x5F, b"\x02", h("4000E0E1F023 200000 430000 430000 020000"))
    assert pcd.sw == 0x919E  # a limit not above the counter
    pcd = opened(app=pcd.card)
    pcd.read(NDEF, 0, 16)
    assert pcd.sw == 0x9100


def test_counters_are_told_to_whom_the_settings_say():
    pcd = Pcd(card())
    pcd.plain(0xF6, b"\x02")
    assert pcd.sw == 0x919D  # no SDM
    pcd = with_sdm(ENCRYPTED)
    pcd.read(NDEF, 0, 16)
    pcd.plain(0xF6, b"\x02")
    assert pcd.sw == 0x91AE
    pcd = opened(app=pcd.card)
    assert pcd.secured(0xF6, b"\x02") == h("0100000000")
    pcd = with_sdm("4000E0C1FE23 200000 430000 430000", pcd.card)
    assert pcd.plain(0xF6, b"\x02") == h("0100000000")  # the counter goes on under new settings
    pcd = opened(app=pcd.card)
    pcd.secured(0x5F, b"\x02", h("0000E0"))
    pcd.secured(0x5F, b"\x02", h(ENCRYPTED))
    assert pcd.secured(0xF6, b"\x02") == bytes(5)  # and begins anew when SDM is switched on again


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ("4000E0 C1F023 200000 430000", 0x917E),
        ("4000E0 C1F023 200000 430000 430000 00", 0x917E),
        ("4000E0 C0F023 200000 430000 430000", 0x919E),  # ASCII is the only encoding
        ("4000E0 C1F053 200000 430000 430000", 0x919E),  # key 5 does not exist
        ("4000E0 C1F02E 200000 430000 430000", 0x919E),
        ("4000E0 C10023 200000 430000 430000", 0x919E),
        ("4000E0 81F023 200000 430000 430000", 0x919E),  # counter readable, but not enabled
        ("4000E0 01FF23 200000 430000 430000", 0x919E),  # PICCData of nothing
        ("4000E0 C1F023 300000 430000 430000", 0x919E),  # PICCData runs into the MAC
        ("4000E0 C1F023 200000 440000 430000", 0x919E),  # MAC input begins behind the MAC
        ("4000E0 C1F023 200000 430000 F10000", 0x919E),  # MAC runs out of the file
        ("4000E0 91FF2F 200000", 0x919E),  # encryption without a key
        ("4000E0 D1F023 200000 430000 430000 100000 530000", 0x919E),  # 16 digits are no block
        ("8000E0", 0x919E),
        ("0000E6", 0x919E),
        ("0000", 0x917E),
    ],
)
def test_contradictory_settings_are_refused(settings, status):
    pcd = opened()
    pcd.secured(0x5F, b"\x02", h(settings))
    assert pcd.sw == status
    assert pcd.card.application_files[NDEF].settings == h("0000E0EE000100")


def test_sdm_is_for_the_ndef_file():
    pcd = opened()
    pcd.secured(0x5F, b"\x03", h(ENCRYPTED))
    assert pcd.sw == 0x919D


# -- writes that are torn ----------------------------------------------------------------------------------------------


def test_a_torn_write_of_one_block_leaves_the_old_content():
    app = card()
    app.torn = True
    Pcd(app).write(NDEF, 0, b"new content")
    assert bytes(app.application_files[NDEF].memory) == bytes(256)


def test_a_torn_chain_leaves_what_its_earlier_blocks_brought():
    app = card()
    app.torn, app.arrived = True, 61
    Pcd(app).write(NDEF, 0, bytes(range(1, 101)))
    assert bytes(app.application_files[NDEF].memory) == bytes(range(1, 50)).ljust(256, b"\x00")

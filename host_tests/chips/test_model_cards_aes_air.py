"""AES cards on the air: blocks, time, and what a card pulled away in a write keeps."""

import pytest

from host_tests.chips.aes_kit import APPLICATION, FULL, Pcd, h
from host_tests.chips.rc522_kit import Raw
from tools.sim.cards import make_card
from tools.sim.cards.desfire import DesfireApp
from tools.sim.cards.frames import with_crc
from tools.sim.cards.ntag424 import Ntag424App
from tools.sim.chips import rc522_regs as R

UID = h("04DE5F1EACC040")
KEY = bytes(range(1, 17))
BLOCK = 61  # a frame of 64 bytes less PCB and CRC


class Reader:
    """RATS and blocks by hand; has `apdu` as a card has."""

    def __init__(self, card):
        self.raw = Raw()
        self.card = card
        self.raw.lay(card)
        self.activate()

    def activate(self):
        assert self.raw.select(UID) is not None
        self.ats = self.raw.command(b"\xe0\x50")
        self.number = 0

    def back(self):
        """The card comes back."""
        self.raw.lay(self.card)
        self.activate()

    def block(self, data, more):
        answer = self.raw.exchange(with_crc(bytes([0x02 | self.number | (0x10 if more else 0)]) + data), wait_us=70_000)
        if answer is not None and answer[0] & 0xE2 != 0xE2:
            self.number ^= 1
        return None if answer is None else answer[:-2]

    def apdu(self, command):
        parts = [command[i : i + BLOCK] for i in range(0, len(command), BLOCK)]
        for part in parts[:-1]:
            if self.block(part, True) is None:
                return b"\x00\x00"
        answer = self.block(parts[-1], False)
        whole = b"" if answer is None else answer[1:]
        while answer is not None and answer[0] & 0x10:
            answer = self.raw.exchange(with_crc(bytes([0xA2 | self.number])), wait_us=70_000)[:-2]
            self.number ^= 1
            whole += answer[1:]
        return whole or b"\x00\x00"


def reader(kind="ntag424"):
    return Reader(make_card(kind, UID))


@pytest.mark.parametrize(
    ("kind", "atqa", "ats"),
    [
        ("ntag424", "4403", "067777710280"),
        ("desfire-ev2", "4403", "067577810280"),
        ("desfire-ev3", "4403", "067577810280"),
    ],
)
def test_what_tells_the_kinds_apart_before_any_command(kind, atqa, ats):
    raw = Raw()
    raw.lay(make_card(kind, UID))
    assert raw.reqa() == h(atqa)
    assert reader(kind).ats == with_crc(h(ats))


def test_a_session_goes_over_the_air_and_ends_with_the_field():
    air = reader()
    pcd = Pcd(air)
    pcd.raw(APPLICATION)
    assert pcd.authenticate(0) and pcd.secured(0x51) == UID
    air.raw.field.set_carrier(False)
    air.raw.field.set_carrier(True)
    air.raw.clock.advance(5_000)
    air.activate()
    pcd.secured(0x51)
    assert pcd.sw == 0x91AE


def answered_after_us(times_us):
    air = reader()
    Pcd(air).raw(APPLICATION)
    air.card.app.times_us, air.card.app.default_us = times_us, 0
    begun_us = air.raw.begin(with_crc(b"\x03" + h("9071000002000000")))
    while not air.raw.one(R.COM_IRQ) & R.RX_IRQ:
        air.raw.clock.advance(50)
    return air.raw.clock.now_us - begun_us


def test_an_authentication_takes_the_time_of_its_card():
    plain_us = answered_after_us({})
    assert abs(answered_after_us(Ntag424App.times_us) - plain_us - Ntag424App.times_us[0x71]) < 150
    assert abs(answered_after_us(DesfireApp.times_us) - plain_us - DesfireApp.times_us[0x71]) < 150


def test_a_delayed_authentication_keeps_the_reader_waiting():
    air = reader()
    air.card.app.reset()
    Pcd(air).raw(APPLICATION)
    assert air.card.compute_us(h("9071000002020000")) < 5_000
    air.card.app.keys[2].failures_in_a_row = 60
    assert air.card.compute_us(h("9071000002020000")) == 25_000
    air.card.work_us = 7
    assert air.card.compute_us(h("9060000000")) == 1_007


@pytest.mark.parametrize(
    ("pull", "moment", "kept"), [(1, "before", 0), (2, "before", 49), (2, "torn", 49), (2, "after", 100)]
)
def test_an_interrupted_chain_keeps_the_blocks_that_came(pull, moment, kept):
    air = reader()
    pcd = Pcd(air)
    pcd.raw(APPLICATION)
    air.raw.field.pull_at_frame(air.card, pull, moment)
    pcd.write(2, 0, bytes(range(1, 101)))
    air.back()
    pcd.raw(APPLICATION)
    assert pcd.read(2, 0, 100) == bytes(range(1, 101))[:kept].ljust(100, b"\x00")


def test_an_interrupted_update_binary_keeps_its_blocks_too():
    air = reader()
    pcd = Pcd(air)
    pcd.raw(APPLICATION)
    pcd.raw("00A4020C02E104")
    air.raw.field.pull_at_frame(air.card, 2)
    pcd.raw(h("00D6000064") + bytes(range(1, 101)))
    assert bytes(air.card.app.application_files[2].memory[:60]) == bytes(range(1, 57)) + bytes(4)


@pytest.mark.parametrize("start", ["908D0000700300000069000000", "00D6000070", "908D000070090000006900", "9060"])
def test_an_interrupted_chain_that_may_not_write_writes_nothing(start):
    air = reader()
    pcd = Pcd(air)
    pcd.raw(APPLICATION)
    before = [bytes(file.memory) for file in air.card.app.application_files.values()]
    air.raw.field.pull_at_frame(air.card, 2)
    pcd.raw(h(start) + bytes(range(1, 101)))
    assert [bytes(file.memory) for file in air.card.app.application_files.values()] == before


def test_random_id_shows_other_four_bytes_in_each_field():
    card = make_card("ntag424", UID)
    card.app.random_id = True
    raw = Raw()
    raw.lay(card)
    first = card.uid
    assert len(first) == 4 and first[0] == 0x08 and raw.select(first) == with_crc(b"\x20")
    raw.field.set_carrier(False)
    raw.field.set_carrier(True)
    assert card.uid != first and card.app.uid == UID


def test_an_interrupted_enciphered_chain_keeps_whole_cipher_blocks_without_a_mac_check():
    air = reader()
    file = air.card.app.application_files[3]
    file.rights = h("0000")
    before = bytes(file.memory)
    pcd = Pcd(air)
    pcd.raw(APPLICATION)
    assert pcd.authenticate(0)
    air.raw.field.pull_at_frame(air.card, 2)
    pcd.write(3, 0, bytes(range(1, 101)), FULL)
    assert bytes(file.memory) == bytes(range(1, 49)) + before[48:]


@pytest.mark.parametrize(("moment", "new"), [("before", False), ("torn", False), ("after", True)])
def test_a_key_change_cut_off_leaves_the_old_key_or_the_new_one(moment, new):
    air = reader("desfire-ev2")
    pcd = Pcd(air)
    pcd.plain(0xCA, h("F06AF50985"))
    pcd.plain(0x5A, h("F06AF5"))
    assert pcd.authenticate(0)
    air.raw.field.pull_at_frame(air.card, 1, moment)
    pcd.change_key(0, KEY, own=True)
    air.back()
    pcd.plain(0x5A, h("F06AF5"))
    assert pcd.authenticate(0, KEY if new else bytes(16))


def test_a_torn_payload_on_a_desfire_is_neither_old_nor_new():
    air = reader("desfire-ev2")
    pcd = Pcd(air)
    pcd.plain(0xCA, h("F06AF50985"))
    pcd.plain(0x5A, h("F06AF5"))
    assert pcd.authenticate(0)
    pcd.secured(0xCD, h("03 03 0010 200000"), mode=1)
    air.raw.field.pull_at_frame(air.card, 1, "torn")
    pcd.write(3, 0, bytes([7]) * 16, FULL)
    assert bytes(air.card.app.applications[h("F06AF5")].files[3].memory[:16]) == bytes([7]) * 8 + bytes(8)

"""Whatever a reader sends, a modelled card answers as a card: a status word, a frame or silence, never an exception."""

import random

import pytest

from host_tests.chips.aes_kit import APPLICATION, FULL, MAC, PLAIN, Pcd, h
from tools.issuer.keys import IssuerKeys
from tools.sim.cards import KINDS, make_card
from tools.sim.cards.frames import Frame, with_crc
from tools.sim.cards.iso14443a import ACTIVE
from tools.sim.cards.personal import DESFIRE_AID, personalise

UID = h("04DE5F1EACC040")
OFFICE = IssuerKeys(7, *(bytes([n]) * 16 for n in range(1, 6)))
COMMANDS = h("71 77 AF 60 51 C4 C6 64 F5 5F AD 8D BD 3D 3C 5C F6 5A CA DA 6A 6F 45 54 6E CD DF FC 00 FF")
NUMBERS = (b"", b"\x00", b"\x01", b"\x02", b"\x03", b"\x09", b"\x80", b"\xff")


@pytest.mark.parametrize("kind", ["ntag424", "desfire-ev2", "desfire"])
@pytest.mark.parametrize("seed", range(4))
def test_any_apdu_gets_a_status_word(kind, seed):
    chance = random.Random(seed)
    card = make_card(kind, UID)
    if kind != "desfire":
        personalise(card, OFFICE, 1)
    seen = set()
    for _ in range(1_500):
        command = bytes([chance.choice(b"\x90\x90\x90\x90\x00\x80"), chance.choice(COMMANDS + b"\xa4\xb0\xd6"), 0, 0])
        body = chance.choice(NUMBERS) + chance.randbytes(chance.choice((0, 0, 1, 2, 4, 6, 8, 16, 32, 60)))
        command += (bytes([len(body)]) + body if body else b"") + b"\x00"
        if chance.random() < 0.2:
            command = command[: chance.randrange(len(command) + 1)]
        if chance.random() < 0.1:
            card.apdu(APPLICATION if kind == "ntag424" else b"\x90\x5a\x00\x00\x03" + DESFIRE_AID + b"\x00")
        answer = card.apdu(command)
        assert 2 <= len(answer) <= 258 and answer[-2] in (0x90, 0x91, 0x67, 0x69, 0x6A, 0x6C, 0x6D, 0x6E)
        seen.add(answer[-2:])
    assert len(seen) >= (10 if kind != "desfire" else 4)


@pytest.mark.parametrize("seed", range(4))
def test_every_refusal_under_a_session_ends_it(seed):
    chance = random.Random(seed)
    for _ in range(150):
        card = personalise(make_card("ntag424", UID), OFFICE, 1)
        pcd = Pcd(card)
        pcd.raw(APPLICATION)
        number = chance.randrange(5)
        assert pcd.authenticate(number, OFFICE.aes_key(number, UID))
        header, data = chance.choice(NUMBERS), chance.randbytes(chance.choice((0, 3, 6, 7, 17, 21, 40)))
        pcd.secured(chance.choice(COMMANDS[2:]), header, data, chance.choice((PLAIN, MAC, FULL)))
        assert pcd.sw in (0x9100, 0x9190) or card.app.session is None


@pytest.mark.parametrize("kind", KINDS)
def test_any_frame_is_answered_as_a_frame_or_not_at_all(kind):
    chance = random.Random(kind)
    four = kind in ("classic", "classic-4k", "classic-magic", "phone")
    card = make_card(kind, UID[:4] if four else UID)
    card.power_up(0)
    for _ in range(3_000):
        data = chance.randbytes(chance.choice((1, 2, 3, 5, 6, 9, 16, 20)))
        if chance.random() < 0.5:
            data = (
                bytes([chance.choice(b"\x30\xa0\xa2\x60\x1b\x39\xa5\x3c\x3e\xc0\xc1\xc2\xb0\xe0\x02\x03\x12")])
                + data[1:]
            )
        answer = card.receive(Frame(with_crc(data) if chance.random() < 0.7 else data))
        assert answer is None or 0 < answer.nbits <= 8 * 260
        if chance.random() < 0.3:
            card.power_up(0)
            card.state = ACTIVE
    card.power_down()

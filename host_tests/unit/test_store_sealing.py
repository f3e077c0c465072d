"""What a person with a programmer can read from the flash, or do to it: nothing, or nothing that goes unseen."""

from __future__ import annotations

import random

import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

from firmware.core.errors import StoreSealed
from firmware.core.types import ACCRUAL, APPROVED, ONLINE, Result, Transaction
from firmware.store import frames
from firmware.store.journal import Journal
from firmware.store.seal import Sealer, derived_key, place_of
from host_tests.power.ledger import SEALER, Ledger, observe, open_journal, with_image
from tools.sim.chips.nor import Nor, NorPartition

CARD = bytes.fromhex("04A1B2C3D4E5F6")
AMOUNT = 0x0102030405


def written() -> tuple[Nor, Ledger]:
    nor = Nor(4 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(7)
    return nor, ledger


def spans(nor: Nor, generation: int, sector: int = 0) -> list[tuple[int, int, int]]:
    """(offset, length, kind) of every frame in a sector, found as the CRC says."""
    raw = bytes(nor.image[sector * 4096 : sector * 4096 + 4096])
    salt = frames.parse_header(raw).salt
    out, at = [], frames.FRAMES_AT
    while at < 4096:
        length = frames.frame_length(raw, at, frames.seed(salt, generation))
        if length:
            out.append((sector * 4096 + at, length, raw[at + 6]))
        at += max(16, length + 15 & -16)
    return out


def reclosed(nor: Nor, at: int, length: int, generation: int) -> None:
    """Give an altered frame a CRC that fits: salt and generation stand on the flash for all to read."""
    salt = frames.parse_header(nor.image).salt
    seq, kind, body = (
        int.from_bytes(nor.image[at : at + 4], "little"),
        nor.image[at + 6],
        nor.image[at + 12 : at + length],
    )
    nor.image[at : at + length] = frames.pack_frame(kind, 1, seq, bytes(body), frames.seed(salt, generation))


@pytest.mark.parametrize("number", range(5))
def test_derived_keys_are_those_of_sp_800_108(number: int) -> None:
    rng = random.Random(number)
    master, label, context = rng.randbytes(16), b"vafa-store-enc", rng.randbytes(8)
    oracle = KBKDFCMAC(
        algorithms.AES, Mode.CounterMode, 16, 1, 2, CounterLocation.BeforeFixed, label, context, fixed=None
    )
    assert derived_key(master, label, context) == oracle.derive(master)


def test_a_copied_flash_shows_no_card_and_no_amount() -> None:
    nor, ledger = written()
    for n in range(40):
        seq = ledger.journal.next_seq()
        ledger.journal.append(Transaction(seq, ACCRUAL, ONLINE, CARD, 1, AMOUNT, 1250, 1_790_000_000 + n, 2, 62190412))
        ledger.journal.append_result(Result(seq, APPROVED, "00", 1250, 0x77665544332211, "CANARY"))
    image = bytes(nor.image)
    for secret in (CARD, CARD[:4], AMOUNT.to_bytes(5, "little"), (62190412).to_bytes(4, "little"), b"CANARY"):
        assert secret not in image
    bodies = [image[at + 12 : at + length] for at, length, kind in spans(nor, 1) if kind in (1, 2)]
    assert len({body[8:40] for body in bodies}) == len(bodies) > 60, "equal sales must not look equal"


@pytest.mark.parametrize("byte", [0, 3, 4, 5, 6, 8, 20, 39, 40, 47])
def test_an_altered_record_is_refused_and_the_others_stay(byte: int) -> None:
    nor, ledger = written()
    sales = [ledger.offline_sale(n % 4) for n in range(5)]
    at, length, _ = [span for span in spans(nor, 1) if span[2] == 1][2]
    nor.image[at + 12 + byte] ^= 0x40
    reclosed(nor, at, length, 1)
    journal = open_journal(with_image(bytes(nor.image)), False)
    assert [t.seq for t in journal.pending()] == sales[:2] + sales[3:]
    assert journal._ring.refused > 0
    assert journal.gaps() == 1


def test_a_removed_record_leaves_a_gap_in_the_chain() -> None:
    nor, ledger = written()
    sales = [ledger.offline_sale(n % 4) for n in range(5)]
    at, length, _ = [span for span in spans(nor, 1) if span[2] == 1][1]
    nor.image[at : at + length] = bytes(length)
    journal = open_journal(with_image(bytes(nor.image)), False)
    assert [t.seq for t in journal.pending()] == sales[:1] + sales[2:]
    assert journal.gaps() == 1


def test_an_untouched_journal_has_no_gap_through_sectors_restarts_and_settling() -> None:
    nor = Nor(6 * 4096)
    ledger = Ledger(open_journal(nor, False))
    ledger.sign_on(7)
    for n in range(400):
        seq = ledger.offline_sale(n % 4) if n % 3 else ledger.online_intent(n % 4)
        if n % 3:
            ledger.settle(seq)
        else:
            ledger.answer(seq, APPROVED)
        if n % 37 == 0:
            ledger.idle()
            ledger.journal = open_journal(nor, False)
            ledger.handed = ledger.journal.highest_seq()
            assert ledger.journal.gaps() == 0
    assert ledger.journal._ring.generation > 6
    assert ledger.journal.gaps() == 0


def test_a_frame_copied_to_another_place_does_not_open() -> None:
    nor, ledger = written()
    first, _second = ledger.offline_sale(1), ledger.offline_sale(1)
    (one, length, _), (two, _, _) = [span for span in spans(nor, 1) if span[2] == 1]
    nor.image[two : two + length] = nor.image[one : one + length]
    journal = open_journal(with_image(bytes(nor.image)), False)
    assert [t.seq for t in journal.pending()] == [first]


def test_a_forged_acknowledgement_settles_nothing() -> None:
    nor, ledger = written()
    sale, other = ledger.offline_sale(1), ledger.offline_sale(2)
    ledger.settle(other)
    at, length, _ = [span for span in spans(nor, 1) if span[2] == 3][0]
    nor.image[at + 12] = 0xFF  # every cell of the sector
    reclosed(nor, at, length, 1)
    journal = open_journal(with_image(bytes(nor.image)), False)
    assert sale in [t.seq for t in journal.pending()]


def test_a_journal_of_other_keys_is_refused_and_left_untouched() -> None:
    nor, ledger = written()
    ledger.offline_sale(1)
    before = bytes(nor.image)
    for other in (Sealer(bytes(16), b"VAFA0001"), Sealer(bytes(range(16)), b"VAFA0002")):
        journal = Journal(NorPartition(nor, 0, 4), other, 9)
        with pytest.raises(StoreSealed):
            journal.open()
        assert bytes(nor.image) == before
    assert observe(open_journal(nor, False), ledger.probe) == ledger.state()


def test_the_tag_covers_place_head_and_every_byte() -> None:
    place, head, body = place_of(1, 5, 3, 128), frames.pack_head(1, 1, 7, 48), bytearray(range(48))
    SEALER.seal(place, head, body, True)
    sealed = bytes(body)
    mac = CMAC(algorithms.AES(derived_key(bytes(range(16)), b"vafa-store-mac", b"VAFA0001")))
    mac.update(place + head + sealed[:40])
    assert sealed[40:] == mac.finalize()[:8]
    for changed in (place_of(1, 5, 3, 144), place_of(1, 5, 4, 128), place_of(2, 5, 3, 128), place_of(1, 6, 3, 128)):
        assert not SEALER.open(changed, head, bytearray(sealed), True)
    for bit in range(48 * 8):
        altered = bytearray(sealed)
        altered[bit // 8] ^= 1 << bit % 8
        assert not SEALER.open(place, head, altered, True)
    assert SEALER.open(place, head, body, True)
    assert bytes(body[:40]) == bytes(range(40))


def test_a_sealed_frame_opens_at_its_own_place_and_nowhere_else() -> None:
    place, crc_seed = place_of(4, 7, 3, 64), frames.seed(7, 3)
    plain = bytes(8) + b"sixteen bytes of" + bytes(8)
    raw = SEALER.frame(place, 9, 5, bytearray(plain), True, crc_seed)
    assert b"sixteen" not in raw
    frame = frames.frame_at(raw, 0, crc_seed, 3)
    body = SEALER.body_of(place, frame, True)
    assert body is not None
    assert body[:-8] == plain[:-8]
    assert SEALER.body_of(place_of(4, 7, 3, 128), frame, True) is None
    frame.seq += 1
    assert SEALER.body_of(place, frame, True) is None

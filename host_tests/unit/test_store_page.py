"""docs/store.md gives an example of a sealed frame: whoever follows the page alone gets the same bytes."""

from __future__ import annotations

import re
from binascii import crc32
from pathlib import Path
from struct import pack, unpack_from

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from firmware.store import frames, records
from firmware.store.seal import Sealer, place_of

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
MASTER = bytes.fromhex(re.search(r"master key `([0-9a-f]{32})`", PAGE).group(1))
TERMINAL = re.search(r"terminal `(\w{8})`", PAGE).group(1).encode()
PLAIN, PLACE, FRAME, HEADER = (
    bytes.fromhex(re.search(rf"^{name} ([0-9a-f]+)$", PAGE, re.M).group(1))
    for name in ("plain", "place", "frame", "header")
)
SALT, GENERATION, AT = 0x5A17, 3, 128


def cmac(key: bytes, message: bytes) -> bytes:
    mac = CMAC(algorithms.AES(key))
    mac.update(message)
    return mac.finalize()


def derived(label: str) -> bytes:
    return cmac(MASTER, b"\x01" + label.encode() + b"\x00" + TERMINAL + b"\x00\x80")


def test_the_example_follows_from_the_page_alone() -> None:
    assert pack("<IIIHBB", 0, SALT, GENERATION, AT, 1, 0) == PLACE
    head, crc, body = FRAME[:8], unpack_from("<I", FRAME, 8)[0], FRAME[12:]
    assert crc == crc32(body, crc32(head, crc32(pack("<II", SALT, GENERATION))))
    assert body[40:] == cmac(derived("vafa-store-mac"), PLACE + head + body[:40])[:8]
    iv = Cipher(algorithms.AES(derived("vafa-store-iv")), modes.ECB()).encryptor().update(PLACE)
    opened = Cipher(algorithms.AES(derived("vafa-store-enc")), modes.CBC(iv)).decryptor().update(body[8:40])
    assert body[:4] == bytes.fromhex(re.search(r"beginning with ([0-9a-f]{8})", PAGE).group(1))
    assert head[:4] + body[4:8] + opened == PLAIN[:40]


def test_the_firmware_makes_the_example() -> None:
    t = records.unpack_transaction(PLAIN)
    assert (t.seq, t.uid.hex(), t.amount, t.points, t.member_no) == (4711, "04a1b2c3d4e5f6", 125_000, 125, 1002)
    assert (t.card_counter, t.clerk, t.ruleset, t.offline_reason) == (61, 7, 1, 1)
    body = bytearray(records.pack_transaction(t))
    assert bytes(body) == PLAIN
    body[:4] = FRAME[12:16]
    Sealer(MASTER, TERMINAL).seal(place_of(1, SALT, GENERATION, AT), FRAME[:8], body, True)
    assert frames.pack_frame(1, 1, t.seq, body, frames.seed(SALT, GENERATION)) == FRAME


def test_the_header_of_the_example_follows_from_the_page_alone() -> None:
    fields = unpack_from("<2sBBHHIIII4sI", HEADER)
    magic, number, kind, sectors, behind, generation, salt, high, ceiling, tag, crc = fields
    assert (magic, number, kind, generation, salt) == (b"VA", 3, 1, GENERATION, SALT)
    assert (sectors, generation - behind, high, ceiling) == (256, 1, 4647, 4711)
    place = pack("<IIIHBB", 2, SALT, GENERATION, 0xFFFF, 1, 0)
    assert tag == cmac(derived("vafa-store-mac"), place + HEADER[:24])[:4]
    assert crc == crc32(HEADER[:28])
    made = Sealer(MASTER, TERMINAL).header(frames.Header(1, 256, GENERATION, SALT, 2, 4647, 4711), 2)
    assert made == HEADER * 2


def test_the_extended_example_is_the_same_sale_with_two_fields_more() -> None:
    plain, frame = (
        bytes.fromhex(re.search(rf"^long-{name} ([0-9a-f]+)$", PAGE, re.M).group(1)) for name in ("plain", "frame")
    )
    fields, at = {}, 40
    while plain[at]:
        fields[plain[at]] = plain[at + 2 : at + 2 + plain[at + 1]]
        at += 2 + plain[at + 1]
    assert fields == {3: b"R-2041", 4: pack("<I", 400)}
    assert plain[:5] + PLAIN[5:6] + bytes(2) + plain[8:40] == PLAIN[:40]
    assert unpack_from("<H", plain, 6)[0] == crc32(b"R-2041") & 0xFFFF
    head, crc, body = frame[:8], unpack_from("<I", frame, 8)[0], frame[12:]
    assert crc == crc32(body, crc32(head, crc32(pack("<II", SALT, GENERATION))))
    assert body[-8:] == cmac(derived("vafa-store-mac"), PLACE + head + body[:-8])[:8]
    iv = Cipher(algorithms.AES(derived("vafa-store-iv")), modes.ECB()).encryptor().update(PLACE)
    opened = Cipher(algorithms.AES(derived("vafa-store-enc")), modes.CBC(iv)).decryptor().update(body[8:-8])
    assert head[:4] + body[4:8] + opened == plain[:-8]
    t = records.unpack_transaction(plain)
    assert (t.reference, t.allowance, t.seq, t.card_counter) == ("R-2041", 400, 4711, 61)
    assert records.pack_transaction(t) == plain


def test_the_pages_table_of_a_transaction_covers_its_48_bytes() -> None:
    table = PAGE.split("### Transaction, 48 bytes")[1].split("\n\n")[0]
    cells = [tuple(map(int, row)) for row in re.findall(r"^\| (\d+) \| (\d+) \|", table, re.M)]
    at = 0
    for offset, size in cells:
        assert offset == at
        at += size
    assert at == 48

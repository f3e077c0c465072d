"""What only the card office does to an AES card: keys, file settings, applications, and the contents of its files.

Terminals never import this; the PC tool runs it over a terminal that relays APDUs. Works on an authenticated `AesCard`
and follows NT4H2421Gx rev. 3.0, sections 10.6 and 10.7, and for DESFire the same commands plus the two that make an
application. Keys come from the caller, are used once and kept nowhere. docs/cards.md has the order of steps and why.
"""

from binascii import crc32

from micropython import const

from firmware.cards.aes_layout import (
    AES_KEYS,
    CARD_MASTER,
    DESFIRE_AID,
    DESFIRE_PAYLOAD_SIZE,
    GROUP_READ,
    NDEF_READ_SIZE,
    PAYLOAD_FILE,
    PAYLOAD_MODE,
    SUN_MAC,
    SUN_META,
)
from firmware.cards.ev2 import FULL, MAC, PLAIN, SessionOver

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.cards.aes_card import AesCard

FACTORY_KEY = bytes(16)

_CHANGE_KEY = const(0xC4)
_CHANGE_FILE_SETTINGS = const(0x5F)
_CREATE_APPLICATION = const(0xCA)
_CREATE_STD_DATA_FILE = const(0xCD)

_KEY_SIZE = const(16)
_FREE = const(0xE)
_SDM_ON = const(0x40)
_SDM_OPTIONS = const(b"\xc1")  # UID and read counter mirrored, as ASCII
# Only the master changes a key, creates and deletes; itself and these settings can be changed.
_KEY_SETTINGS = const(b"\x09")
_AES_APPLICATION = const(0x80)

_HTTPS = const(b"\x04")  # the URI record's prefix "https://" (NFC Forum URI RTD, table 3)
_BEFORE_PICC_DATA = const(b"/c?p=")
_BEFORE_MAC = const(b"&m=")
_PICC_DATA_DIGITS = const(32)
_MAC_DIGITS = const(16)
_HOST_SIGNS = const(b"abcdefghijklmnopqrstuvwxyz0123456789-.")


async def change_key(card: "AesCard", number: int, new: bytes, version: int, old: bytes = FACTORY_KEY) -> None:
    """Change key `number` in a session of the card master key. Changing the session's own key ends it, unproven.

    `old` is what the key was, needed for every other key. Authenticate with the new one to know that it took.
    """
    if len(new) != _KEY_SIZE or len(old) != _KEY_SIZE or not 0 <= version <= 255:
        raise ValueError("16-byte keys, version 0 to 255")
    if card.session is None:
        raise SessionOver("not authenticated")
    header = bytes((number,))
    if card.session.number == number:
        await card.send_last(_CHANGE_KEY, header, new + bytes((version,)), FULL)
        return
    difference = bytes(new[i] ^ old[i] for i in range(_KEY_SIZE))
    # CRC-32 of the new key without the last inversion, low byte first ("CRC32NK"; AN12196 table 26 fixes the form).
    check = (crc32(new) ^ 0xFFFFFFFF).to_bytes(4, "little")
    await card.send(_CHANGE_KEY, header, difference + bytes((version,)) + check, FULL)


async def change_file_settings(card: "AesCard", file: int, settings: bytes) -> None:
    """Give a file new settings: mode, access rights, SDM."""
    await card.send(_CHANGE_FILE_SETTINGS, bytes((file,)), settings, FULL)


async def create_application(card: "AesCard") -> None:
    """The programme's application on a DESFire, at card level; its five keys are factory keys then."""
    await card.send(_CREATE_APPLICATION, DESFIRE_AID + _KEY_SETTINGS + bytes((_AES_APPLICATION | AES_KEYS,)))


async def create_payload_file(card: "AesCard") -> None:
    """The payload's file in the selected, authenticated application of a DESFire."""
    size = DESFIRE_PAYLOAD_SIZE.to_bytes(3, "little")
    await card.send(_CREATE_STD_DATA_FILE, bytes((PAYLOAD_FILE,)) + payload_settings() + size, mode=MAC)


def payload_settings() -> bytes:
    """Settings of the payload's file: read with the group read key, everything else with the card master key."""
    return bytes((PAYLOAD_MODE,)) + _rights(read=GROUP_READ)


def sun_settings(picc_data_at: int, mac_at: int) -> bytes:
    """Settings of the NDEF file of an NTAG 424 DNA: anyone reads, and each reading is signed with the card's counter.

    The MAC is over nothing, under a key the card derives from UID and counter: its input begins where the MAC stands.
    """
    rights = bytes((0xF0 | CARD_MASTER, SUN_META << 4 | SUN_MAC))  # counter by the master key alone
    offsets = b"".join(at.to_bytes(3, "little") for at in (picc_data_at, mac_at, mac_at))
    return bytes((_SDM_ON | PLAIN,)) + _rights(read=_FREE) + _SDM_OPTIONS + rights + offsets


def settings_as_told(settings: bytes, size: int) -> bytes:
    """What GetFileSettings answers once a standard data file of this size has these settings."""
    return b"\x00" + settings[:3] + size.to_bytes(3, "little") + settings[3:]


def ndef_file(host: str) -> "tuple[bytes, int, int]":
    """(content of the NDEF file, where PICCData goes, where the MAC goes) for `https://host/c?p=..&m=..`.

    The content is as long as what terminals read. Raises ValueError for a host that does not fit or is none.
    """
    name = host.encode()
    if not name or name[0] in b"-." or any(sign not in _HOST_SIGNS for sign in name):
        raise ValueError("a host name in lower case")
    before = _HTTPS + name + _BEFORE_PICC_DATA
    uri = before + b"0" * _PICC_DATA_DIGITS + _BEFORE_MAC + b"0" * _MAC_DIGITS
    record = b"\xd1\x01" + bytes((len(uri),)) + b"U" + uri  # one short record of the well-known type U
    content = len(record).to_bytes(2, "big") + record
    if len(content) > NDEF_READ_SIZE:
        raise ValueError("host name of more than {} characters".format(NDEF_READ_SIZE - len(content) + len(name)))
    picc_data_at = 2 + 4 + len(before)
    mac_at = picc_data_at + _PICC_DATA_DIGITS + len(_BEFORE_MAC)
    return content + bytes(NDEF_READ_SIZE - len(content)), picc_data_at, mac_at


def _rights(read: int) -> bytes:
    """Access rights, low byte first: reading and writing, changing | reading, writing (NT4H2421Gx table 7)."""
    return bytes((CARD_MASTER << 4 | CARD_MASTER, read << 4 | CARD_MASTER))

"""DE48 of LT-87: tag 1 byte, length 1 byte, value.

Knows the tags of this cut and their lengths, nothing of their effects. Integers are big-endian, dates are BCD YYMMDD.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

SEQ = 0x01
POINTS = 0x02
EST = 0x03
RULESET = 0x04
UID = 0x07
CARD_CTR = 0x08
AUTH = 0x09
CLOCK = 0x0A
CLERK = 0x0B
OFFLINE = 0x0D
HOST_TIME = 0x0E
HIGH_SEQ = 0x0F
SUPERVISOR = 0x0C
TIER = 0x10
VISITS = 0x11
LASTVISIT = 0x12
RUNG = 0x13
SEGMENT = 0x14
WINBACK = 0x15
EXPIRING = 0x16
EARNED = 0x17
FLAGS = 0x18
YEARS = 0x19
OFFER = 0x20
VOUCHER = 0x21
REWARD = 0x22
BENEFIT = 0x23
SUGGEST = 0x24
NEXT = 0x25
BASKET = 0x26
REFCODE = 0x27
ACK = 0x28
ORIGINAL = 0x29
CODE = 0x2A
MEMBER = 0x2B
ALLOWANCE = 0x30
RELEASE = 0x31
SDM = 0x32
EV2 = 0x33
MOBILE = 0x40
CONSENT = 0x41
CHANNEL = 0x42
SMS = 0x43
REFERRER = 0x45
BIRTHDAY = 0x46
SURVEY = 0x50
REASON = 0x51
NOTE = 0x52
DISPUTE = 0x53
ADMIN = 0x54
NAME = 0x44
KID = 0x60
CFG = 0x05
HOTLIST = 0x06
DIGEST = 0x66
SINCE = 0x67
CHUNK = 0x7E
BLOB = 0x7F
FW = 0x61
DIAG = 0x62
NEWKEY = 0x63
MINBUILD = 0x65
PROFILE = 0x68
PROGRAM = 0x69
ROOT = 0x6A
CHAIN = 0x64
TEXT = 0x70

# tag -> (name, shortest, longest, kind of value); "n" is a person's and stays out of every log
TAGS: dict[int, tuple[str, int, int, str]] = {
    SEQ: ("SEQ", 4, 4, "u"),
    POINTS: ("POINTS", 4, 4, "i"),
    EST: ("EST", 4, 4, "i"),
    RULESET: ("RULESET", 2, 2, "u"),
    CFG: ("CFG", 2, 2, "u"),
    HOTLIST: ("HOTLIST", 2, 2, "u"),
    UID: ("UID", 4, 10, "b"),
    CARD_CTR: ("CARD_CTR", 4, 4, "u"),
    AUTH: ("AUTH", 1, 1, "u"),
    CLOCK: ("CLOCK", 1, 1, "u"),
    CLERK: ("CLERK", 1, 8, "t"),
    OFFLINE: ("OFFLINE", 1, 1, "u"),
    HOST_TIME: ("HOST_TIME", 4, 4, "u"),
    HIGH_SEQ: ("HIGH_SEQ", 4, 4, "u"),
    TIER: ("TIER", 4, 4, "b"),
    VISITS: ("VISITS", 2, 2, "u"),
    LASTVISIT: ("LASTVISIT", 3, 3, "b"),
    NEXT: ("NEXT", 5, 65, "b"),
    SUPERVISOR: ("SUPERVISOR", 1, 8, "t"),
    RUNG: ("RUNG", 1, 1, "u"),
    SEGMENT: ("SEGMENT", 1, 1, "u"),
    WINBACK: ("WINBACK", 1, 1, "u"),
    EXPIRING: ("EXPIRING", 7, 7, "b"),
    EARNED: ("EARNED", 5, 5, "b"),
    FLAGS: ("FLAGS", 1, 1, "u"),
    YEARS: ("YEARS", 1, 1, "u"),
    OFFER: ("OFFER", 2, 70, "b"),
    VOUCHER: ("VOUCHER", 1, 16, "t"),
    REWARD: ("REWARD", 2, 2, "u"),
    BENEFIT: ("BENEFIT", 1, 8, "b"),
    SUGGEST: ("SUGGEST", 0, 60, "t"),
    BASKET: ("BASKET", 1, 1, "u"),
    REFCODE: ("REFCODE", 1, 12, "t"),
    ACK: ("ACK", 3, 63, "b"),
    ORIGINAL: ("ORIGINAL", 12, 12, "t"),
    CODE: ("CODE", 4, 8, "n"),
    MEMBER: ("MEMBER", 4, 4, "n"),
    MOBILE: ("MOBILE", 5, 5, "n"),
    CONSENT: ("CONSENT", 1, 1, "u"),
    CHANNEL: ("CHANNEL", 3, 3, "b"),
    REFERRER: ("REFERRER", 1, 12, "n"),
    BIRTHDAY: ("BIRTHDAY", 2, 2, "n"),
    SURVEY: ("SURVEY", 3, 3, "b"),
    REASON: ("REASON", 1, 1, "u"),
    NOTE: ("NOTE", 0, 60, "n"),
    ALLOWANCE: ("ALLOWANCE", 8, 12, "b"),
    RELEASE: ("RELEASE", 8, 8, "b"),
    SDM: ("SDM", 19, 25, "x"),
    EV2: ("EV2", 18, 33, "x"),
    SMS: ("SMS", 1, 1, "u"),
    DISPUTE: ("DISPUTE", 4, 4, "u"),
    ADMIN: ("ADMIN", 1, 1, "u"),
    NAME: ("NAME", 0, 60, "t"),
    KID: ("KID", 1, 1, "u"),
    FW: ("FW", 1, 32, "t"),
    DIAG: ("DIAG", 0, 200, "t"),
    NEWKEY: ("NEWKEY", 41, 41, "x"),
    MINBUILD: ("MINBUILD", 4, 4, "u"),
    PROFILE: ("PROFILE", 2, 2, "b"),
    PROGRAM: ("PROGRAM", 4, 20, "b"),
    ROOT: ("ROOT", 2, 2, "u"),
    CHAIN: ("CHAIN", 8, 8, "b"),
    DIGEST: ("DIGEST", 8, 8, "b"),
    SINCE: ("SINCE", 4, 4, "u"),
    TEXT: ("TEXT", 0, 60, "t"),
    CHUNK: ("CHUNK", 8, 8, "b"),
    BLOB: ("BLOB", 1, 255, "z"),
}
UID_LENGTHS = (4, 7, 10)
PERSONAL_TEXTS = (CODE, REFERRER, NOTE)  # texts too, of a kind that stays out of every log
REPEATING = (EARNED, OFFER)
NO_DATE = b"\x00\x00\x00"


class TlvError(ValueError):
    """DE48 is malformed; `found` holds what could be read before the fault."""

    def __init__(self, reason: str, found: dict[int, bytes]) -> None:
        super().__init__(reason)
        self.found = found


def read(data: bytes) -> dict[int, bytes]:
    """Tags and values; unknown tags are skipped. Raises TlvError."""
    found: dict[int, bytes] = {}
    at = 0
    while at < len(data):
        if at + 2 > len(data):
            raise TlvError("a tag without a length", found)
        tag, length = data[at], data[at + 1]
        value = data[at + 2 : at + 2 + length]
        if len(value) != length:
            raise TlvError(f"tag {tag:02X} runs beyond the end", found)
        at += 2 + length
        if tag not in TAGS:
            continue
        name, shortest, longest, kind = TAGS[tag]
        if not shortest <= length <= longest or (tag == UID and length not in UID_LENGTHS):
            raise TlvError(f"{name} has {length} bytes", found)
        if (kind == "t" or tag in PERSONAL_TEXTS) and not _printable(value):
            raise TlvError(f"{name} is no text", found)
        if tag in found and tag in REPEATING:
            continue
        if tag in found:
            raise TlvError(f"{name} comes twice", found)
        found[tag] = value
    return found


def _printable(value: bytes) -> bool:
    """Whether no byte is a control character: a database may not hold a zero in a text, and no line needs one."""
    return all(byte >= 0x20 and byte != 0x7F for byte in value)


def every(data: bytes, tag: int) -> list[bytes]:
    """All values of a tag that may repeat, of a DE48 that `read` took."""
    found, at = [], 0
    while at < len(data):
        if data[at] == tag:
            found.append(data[at + 2 : at + 2 + data[at + 1]])
        at += 2 + data[at + 1]
    return found


def write(tags: Mapping[int, bytes | Sequence[bytes]]) -> bytes:
    """DE48 with the tags in ascending order; of a tag that repeats all its values."""
    values = [(tag, one) for tag in sorted(tags) for one in _all(tags[tag])]
    return b"".join(bytes((tag, len(value))) + value for tag, value in values)


def _all(value: bytes | Sequence[bytes]) -> Sequence[bytes]:
    return (value,) if isinstance(value, bytes) else value


def supervised(tags: Mapping[int, bytes]) -> bool:
    """Whether somebody with a number allowed it: 0 is nobody's, and nothing is no word."""
    return tags.get(SUPERVISOR, b"").strip(b"0 ") != b""


def u(value: int, size: int) -> bytes:
    """An unsigned integer, held at the field's largest value when it is larger."""
    return min(value, (1 << (8 * size)) - 1).to_bytes(size, "big")


def i32(value: int) -> bytes:
    """A signed integer."""
    return value.to_bytes(4, "big", signed=True)


def number(tags: dict[int, bytes], tag: int) -> int:
    """The integer of a tag that is there."""
    return int.from_bytes(tags[tag], "big", signed=TAGS[tag][3] == "i")


def bcd_date(day: datetime.date | None) -> bytes:
    """YYMMDD, Gregorian; zeros for no date."""
    return NO_DATE if day is None else bytes.fromhex(day.strftime("%y%m%d"))


def text(value: str, longest: int) -> bytes:
    """UTF-8, cut at a character so that it fits."""
    return value.encode()[:longest].decode(errors="ignore").encode()


def readable(tags: dict[int, bytes]) -> dict[str, str | int]:
    """For the message log. A member's name stays out of every log, and of what a card proves itself with the bytes.

    So does an answer without a name: its SEQ would join it with the sale before. Who reads a voucher's number can pay.
    """
    shown: dict[str, str | int] = {}
    for tag, value in tags.items():
        name, _, _, kind = TAGS[tag]
        if tag == NAME or kind == "n" or (tag == SURVEY and value[-1:] == b"\1"):
            continue
        if tag == VOUCHER:
            shown[name] = "****" + value[-3:].decode(errors="replace")
        elif kind == "b":
            shown[name] = value.hex().upper()
        elif kind == "z":
            shown[name] = f"{len(value)} bytes"
        elif kind == "x":
            shown[name] = f"{len(value)} bytes, kind {value[0]}"
        elif kind == "t":
            shown[name] = value.decode(errors="replace")
        else:
            shown[name] = number(tags, tag)
    return shown

"""DE48 of LT-87: tag 1 byte, length 1 byte, value.

Knows the tags of this cut and their lengths, nothing of their effects. Integers are big-endian, dates are BCD YYMMDD.
"""

from __future__ import annotations

import datetime

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
TIER = 0x10
VISITS = 0x11
LASTVISIT = 0x12
NEXT = 0x25
ALLOWANCE = 0x30
RELEASE = 0x31
SDM = 0x32
EV2 = 0x33
SMS = 0x43
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
CHAIN = 0x64
TEXT = 0x70

# tag -> (name, shortest, longest, kind of value)
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
    CHAIN: ("CHAIN", 8, 8, "b"),
    DIGEST: ("DIGEST", 8, 8, "b"),
    SINCE: ("SINCE", 4, 4, "u"),
    TEXT: ("TEXT", 0, 60, "t"),
    CHUNK: ("CHUNK", 8, 8, "b"),
    BLOB: ("BLOB", 1, 255, "z"),
}
UID_LENGTHS = (4, 7, 10)
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
        name, shortest, longest, _ = TAGS[tag]
        if not shortest <= length <= longest or (tag == UID and length not in UID_LENGTHS):
            raise TlvError(f"{name} has {length} bytes", found)
        if tag in found:
            raise TlvError(f"{name} comes twice", found)
        found[tag] = value
    return found


def write(tags: dict[int, bytes]) -> bytes:
    """DE48 with the tags in ascending order."""
    return b"".join(bytes((tag, len(tags[tag]))) + tags[tag] for tag in sorted(tags))


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
    """For the message log. A member's name stays out of every log, and of what a card proves itself with the bytes."""
    shown: dict[str, str | int] = {}
    for tag, value in tags.items():
        name, _, _, kind = TAGS[tag]
        if tag == NAME:
            continue
        if kind == "b":
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

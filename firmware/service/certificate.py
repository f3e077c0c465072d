"""How long a certificate counts, read from its DER: the two times of `Validity` (RFC 5280, 4.1.2.5).

Believes nothing but lengths that fit. Knows no signature: TLS checks that.
"""

import os

from micropython import const

from firmware.core.calendar import to_utc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

_SEQUENCE = const(0x30)
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION = const(0xA0)  # [0] EXPLICIT
_LARGEST = const(4096)


def days_left(path: str, now_utc: int) -> "int | None":
    """Whole days, negative when it is over; None where there is no such file, or no certificate in it."""
    try:
        # Asked for more, the interpreter takes room for all of it first, in one piece.
        length = min(os.stat(path)[6], _LARGEST)
        with open(path, "rb") as file:
            ends = ends_utc(file.read(length))
    except OSError:
        return None
    return (ends - now_utc) // 86_400 if ends is not None else None


def ends_utc(der: bytes) -> "int | None":
    """`notAfter` in seconds since 1970; None when that is no certificate."""
    try:
        whole = _inside(der, 0)
        fields = list(_parts(der, *_inside(der, whole[0])))  # tbsCertificate
        at = 1 if der[fields[0][0]] == _VERSION else 0
        validity = fields[at + 3]  # after serialNumber, signature, issuer
        _, (tag_at, begin, end) = list(_parts(der, validity[1], validity[2]))
        return _time(der[tag_at], der[begin:end].decode())
    except (IndexError, ValueError, UnicodeError):
        return None


def _inside(der: bytes, at: int) -> "tuple[int, int]":
    """Begin and end of what a SEQUENCE holds. Raises ValueError, IndexError."""
    if der[at] != _SEQUENCE:
        raise ValueError("no sequence")
    _, begin, end = _element(der, at)
    return begin, end


def _parts(der: bytes, at: int, end: int) -> "Iterator[tuple[int, int, int]]":
    while at < end:
        element = _element(der, at)
        yield element
        at = element[2]


def _element(der: bytes, at: int) -> "tuple[int, int, int]":
    """Where its tag is, where its content begins and ends."""
    length, begin = der[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        length = int.from_bytes(der[begin : begin + count], "big")
        begin += count
    if begin + length > len(der):
        raise ValueError("cut off")
    return at, begin, begin + length


def _time(tag: int, text: str) -> int:
    """YYMMDDHHMMSSZ, or with four digits of the year."""
    if tag == _UTC_TIME:
        text = ("20" if int(text[:2]) < 50 else "19") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError("no time")
    return to_utc(*[int(text[at : at + width]) for at, width in ((0, 4), (4, 2), (6, 2), (8, 2), (10, 2), (12, 2))])

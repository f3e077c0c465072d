"""One member as 64 bytes: what the switch last told, 8 bytes clear, 48 sealed, 8 for the tag. Tables in docs/store.md.

Pure functions; knows no flash.
"""

from struct import pack, unpack_from

from micropython import const

from firmware.core.types import YEARS_UNKNOWN, Member
from firmware.store.seal import CLEAR, TAG

MEMBER = const(2)  # frame types
MARK = const(5)  # tail u32: nothing older is needed
SLOT = const(80)  # 12 + 64 bytes, aligned
_NAME_MAX = const(24)
_FORGOTTEN = const(0xFF)  # in the place of tier and length of the name, which is never above 24
_LENGTH = const(15)  # of the byte that holds the UID's length; above it rung + 1 (0: unknown), then the best customer
_RUNG_AT = const(4)
_RUNG = const(7)
_BEST = const(0x80)
# Behind five bytes of points a byte with their sign (bit 7) and years + 1; an older record has 0 or FF there: unknown.
_SIGN = const(0x80)
_YEARS = const(0x7F)
_YEARS_MAX = const(125)
_QUARTER_S = const(900)  # last visits are days of Tehran, which begin on a quarter of an hour of UTC


def pack_forgotten(uid: bytes) -> bytes:
    """The record that says a card is to be forgotten."""
    return bytes(7) + bytes((_FORGOTTEN, len(uid))) + uid + bytes(10 - len(uid) + 37 + TAG)


def forgotten(body: bytes) -> bool:
    """Whether a record says so."""
    return body[7] == _FORGOTTEN


def as_of_utc(body: bytes) -> int:
    """When the switch told it last; stands in the clear bytes."""
    return unpack_from("<I", body, 0)[0]


def uid_of(body: bytes) -> bytes:
    """The card of an opened record."""
    return body[CLEAR + 1 : CLEAR + 1 + min(10, body[CLEAR] & _LENGTH)]


def fits(m: Member) -> bool:
    """Whether the record can hold it: the device's `pack` would only cut what is too large."""
    return (
        len(m.uid) <= 10
        and 0 <= m.member_no < 1 << 40
        and -(1 << 40) <= m.points < 1 << 40
        and 0 <= m.as_of_utc < 1 << 32
        and 0 <= m.tier < 1 << 3
        and -1 <= m.rung < _RUNG
        and m.years >= YEARS_UNKNOWN
        and 0 <= m.visits < 1 << 16
        and 0 <= m.last_visit_utc < _QUARTER_S << 24
    )


def pack_member(m: Member) -> bytes:
    """64 bytes; a long name is cut at a whole character to 24 bytes of UTF-8, a last visit to a quarter of an hour."""
    name = m.name.encode()
    cut = min(len(name), _NAME_MAX)
    while cut < len(name) and name[cut] & 0xC0 == 0x80:
        cut -= 1
    name = name[:cut]
    return (
        pack("<I", m.as_of_utc)
        + pack("<I", m.last_visit_utc // _QUARTER_S)[:3]
        + bytes((m.tier << 5 | len(name), len(m.uid) | (m.rung + 1) << _RUNG_AT | (_BEST if m.best else 0)))
        + m.uid
        + bytes(10 - len(m.uid))
        + pack("<Q", m.member_no)[:5]
        + pack("<q", m.points)[:5]
        + bytes((min(m.years, _YEARS_MAX) + 1 | (_SIGN if m.points < 0 else 0),))
        + pack("<H", m.visits)
        + name
        + bytes(_NAME_MAX - len(name) + TAG)
    )


def unpack_member(body: bytes) -> Member:
    """The member of an opened record."""
    as_of = unpack_from("<I", body, 0)[0]
    last_visit = unpack_from("<I", body[4:7] + b"\0", 0)[0] * _QUARTER_S
    number = unpack_from("<Q", body[19:24] + b"\0\0\0", 0)[0]
    points = unpack_from("<q", body[24:29] + (b"\xff\xff\xff" if body[29] & _SIGN else b"\0\0\0"), 0)[0]
    years = (body[29] & _YEARS) - 1 if body[29] & _YEARS != _YEARS else YEARS_UNKNOWN
    visits = unpack_from("<H", body, 30)[0]
    name = body[32 : 32 + (body[7] & 31)].decode()
    rung, best = (body[CLEAR] >> _RUNG_AT & _RUNG) - 1, body[CLEAR] & _BEST > 0
    return Member(uid_of(body), number, name, points, as_of, body[7] >> 5, visits, last_visit, rung, best, years)

"""One member as 64 bytes: what the switch last told, 8 bytes clear, 48 sealed, 8 for the tag. Tables in docs/store.md.

Pure functions; knows no flash.
"""

from struct import pack, unpack_from

from micropython import const

from firmware.core.types import Member
from firmware.store.seal import CLEAR, TAG

MEMBER = const(2)  # frame types
MARK = const(5)  # tail u32: nothing older is needed
SLOT = const(80)  # 12 + 64 bytes, aligned
_NAME_MAX = const(24)
_FORGOTTEN = const(0xFF)  # in the place of tier and length of the name, which is never above 24
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
    return body[CLEAR + 1 : CLEAR + 1 + min(10, body[CLEAR])]


def fits(m: Member) -> bool:
    """Whether the record can hold it: the device's `pack` would only cut what is too large."""
    return (
        len(m.uid) <= 10
        and 0 <= m.member_no < 1 << 40
        and -(1 << 47) <= m.points < 1 << 47
        and 0 <= m.as_of_utc < 1 << 32
        and 0 <= m.tier < 1 << 3
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
        + bytes((m.tier << 5 | len(name), len(m.uid)))
        + m.uid
        + bytes(10 - len(m.uid))
        + pack("<Q", m.member_no)[:5]
        + pack("<q", m.points)[:6]
        + pack("<H", m.visits)
        + name
        + bytes(_NAME_MAX - len(name) + TAG)
    )


def unpack_member(body: bytes) -> Member:
    """The member of an opened record."""
    as_of = unpack_from("<I", body, 0)[0]
    last_visit = unpack_from("<I", body[4:7] + b"\0", 0)[0] * _QUARTER_S
    number = unpack_from("<Q", body[19:24] + b"\0\0\0", 0)[0]
    points = unpack_from("<q", body[24:30] + (b"\xff\xff" if body[29] & 0x80 else b"\0\0"), 0)[0]
    visits = unpack_from("<H", body, 30)[0]
    name = body[32 : 32 + (body[7] & 31)].decode()
    return Member(uid_of(body), number, name, points, as_of, body[7] >> 5, visits, last_visit)

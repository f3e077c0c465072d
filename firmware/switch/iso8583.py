"""ISO 8583:1987 with ASCII fields and a binary bitmap: dict of fields <-> bytes, by the table of `profile`.

Knows no message, no key and no socket. `encode` makes everything before the MAC; `decode` takes a whole message.
Values are `str`, or `bytes` where the table says binary. Every byte is looked at once, so time is bounded by length;
whatever the bytes are, the only error is BadMessage.
"""

from firmware.core.errors import BadMessage
from firmware.switch.profile import (
    FIELDS,
    KIND_AN,
    KIND_B,
    KIND_N,
    MAC_PRIMARY,
    MAC_SECONDARY,
    MESSAGE_MAX,
    MESSAGE_MIN,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    Value = str | bytes


def _text(kind: int, raw: "bytes | memoryview", de: int) -> str:
    """The characters of a text field, each checked against its class."""
    for byte in raw:
        digit = 0x30 <= byte <= 0x39
        if kind == KIND_N:
            good = digit
        elif kind == KIND_AN:
            good = digit or byte == 0x20 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A
        else:
            good = 0x20 <= byte <= 0x7E
        if not good:
            raise BadMessage("DE {} has a wrong character".format(de))
    return str(bytes(raw), "ascii")


def encode(mti: str, fields: "dict[int, Value]") -> bytearray:
    """The message up to, not including, its MAC; the MAC's bit is set. BadMessage when a value breaks the table."""
    secondary = max(fields) > 64
    mac = MAC_SECONDARY if secondary else MAC_PRIMARY
    if mac in fields or MAC_PRIMARY in fields:
        raise BadMessage("the MAC is not a field")
    bitmap = 1 << (128 - mac)
    if secondary:
        bitmap |= 1 << 127
    body = bytearray()
    for de in sorted(fields):
        bitmap |= 1 << (128 - de)
        _append(body, de, fields[de])
    head = bytearray(mti.encode())
    head += (bitmap >> (0 if secondary else 64)).to_bytes(16 if secondary else 8, "big")
    head += body
    if len(head) + 8 > MESSAGE_MAX:
        raise BadMessage("too long")
    return head


def _append(body: bytearray, de: int, value: "Value") -> None:
    if de not in FIELDS:
        raise BadMessage("DE {} is not in the profile".format(de))
    kind, prefix, length = FIELDS[de]
    raw = value.encode() if isinstance(value, str) else bytes(value)
    if isinstance(value, str) == (kind == KIND_B) or len(raw) > length or (not prefix and len(raw) != length):
        raise BadMessage("DE {} has a wrong length".format(de))
    if kind != KIND_B:
        _text(kind, raw, de)
    if prefix:
        digits = str(len(raw))
        body += ("0" * (prefix - len(digits)) + digits).encode()
    body += raw


def decode(raw: "bytes | memoryview") -> "tuple[str, dict[int, Value]]":
    """(MTI, fields with the MAC) of a whole message. Raises BadMessage."""
    if not MESSAGE_MIN <= len(raw) <= MESSAGE_MAX:
        raise BadMessage("length {}".format(len(raw)))
    view = memoryview(raw)
    mti = _text(KIND_N, view[:4], 0)
    secondary = view[4] & 0x80 != 0
    at = 20 if secondary else 12
    bits = int.from_bytes(bytes(view[4:at]), "big")
    last = 128 if secondary else 64
    fields: "dict[int, Value]" = {}
    for de in range(2, last + 1):
        if not bits >> (last - de) & 1:
            continue
        if de not in FIELDS:
            raise BadMessage("DE {} is not in the profile".format(de))
        kind, prefix, length = FIELDS[de]
        if prefix:
            length = _length(view[at : at + prefix], prefix, length, de)
            at += prefix
        part = view[at : at + length]
        if len(part) != length:
            raise BadMessage("DE {} is cut short".format(de))
        fields[de] = bytes(part) if kind == KIND_B else _text(kind, part, de)
        at += length
    if at != len(raw):
        raise BadMessage("bytes left over")
    _check_layout(fields, secondary)
    return mti, fields


def _length(digits: memoryview, prefix: int, longest: int, de: int) -> int:
    if len(digits) != prefix:
        raise BadMessage("DE {} is cut short".format(de))
    length = int(_text(KIND_N, digits, de))
    if length > longest:
        raise BadMessage("DE {} is too long".format(de))
    return length


def _check_layout(fields: "dict[int, Value]", secondary: bool) -> None:
    """The MAC is the last field, in 128 when a secondary bitmap is needed and present, else in 64."""
    mac = MAC_SECONDARY if secondary else MAC_PRIMARY
    if mac not in fields or (secondary and MAC_PRIMARY in fields):
        raise BadMessage("MAC field missing or misplaced")
    if secondary and 70 not in fields and 90 not in fields:
        raise BadMessage("needless secondary bitmap")

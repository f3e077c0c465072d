"""ISO 8583:1987 with a binary bitmap: dict of fields <-> bytes, by the table of `profile`, in two spellings.

Plain: numbers and lengths as ASCII digits. Packed: MTI, numbers and lengths two digits a byte (BCD), an odd number with
a zero before it. Knows no message, no key, no TPDU and no socket. `encode` makes everything before the MAC; `decode`
takes a whole message. Values are `str`, or `bytes` where the table says binary. Time and memory are bounded by the
length of what comes; whatever the bytes are, the only error is BadMessage.
"""

from binascii import hexlify, unhexlify

from firmware.core.errors import BadMessage
from firmware.switch.profile import (
    FIELD_ROW,
    FIELDS,
    KIND_AN,
    KIND_ANS,
    KIND_B,
    KIND_N,
    MAC_PRIMARY,
    MAC_SECONDARY,
    MESSAGE_MAX,
    MESSAGE_MIN,
    SECONDARY,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    Value = str | bytes


def _text(kind: int, raw: bytes, de: int) -> str:
    """The characters of a text field, each checked against its class; a number has at least one digit."""
    good = raw.isdigit()  # most are; the runtime looks at the bytes faster than a loop
    if not good and kind == KIND_ANS:
        good = not raw or (min(raw) >= 0x20 and max(raw) <= 0x7E)
    elif not good and kind == KIND_AN:
        good = True
        for byte in raw:
            if not (0x30 <= byte <= 0x39 or byte == 0x20 or 0x41 <= byte <= 0x5A or 0x61 <= byte <= 0x7A):
                good = False
    if not good:
        raise BadMessage("DE {} has a wrong character".format(de))
    return str(raw, "ascii")


def _pack(digits: str) -> bytes:
    """Two digits a byte; an odd number of them gets a zero before it."""
    return unhexlify("0" + digits if len(digits) & 1 else digits)


def _unpack(raw: bytes, digits: int, de: int) -> str:
    """So many digits; what is no digit, or no zero before an odd number of them, is refused."""
    text = hexlify(raw)
    if digits & 1:
        if text[:1] != b"0":
            raise BadMessage("DE {} has a wrong character".format(de))
        text = text[1:]
    return _text(KIND_N, text, de)


def encode(mti: str, fields: "dict[int, Value]", packed: bool = False) -> bytearray:
    """The message up to, not including, its MAC; the MAC's bit is set. BadMessage when a value breaks the table."""
    secondary = max(fields) > 64
    mac = MAC_SECONDARY if secondary else MAC_PRIMARY
    if MAC_SECONDARY in fields or MAC_PRIMARY in fields:
        raise BadMessage("the MAC is not a field")
    bitmap = bytearray(16 if secondary else 8)
    bitmap[(mac - 1) >> 3] |= 0x80 >> ((mac - 1) & 7)
    if secondary:
        bitmap[0] |= 0x80
    body = bytearray()
    found = 0
    for at in range(0, len(FIELDS), FIELD_ROW):
        de = FIELDS[at]
        if de in fields:
            found += 1
            bitmap[(de - 1) >> 3] |= 0x80 >> ((de - 1) & 7)
            _append(body, at, fields[de], packed)
    if found != len(fields):
        raise BadMessage("a DE is not in the profile")
    head = bytearray(_pack(mti) if packed else mti.encode())
    head += bitmap
    head += body
    if len(head) + 8 > MESSAGE_MAX:
        raise BadMessage("too long")
    return head


def _append(body: bytearray, at: int, value: "Value", packed: bool) -> None:
    de, kind, prefix = FIELDS[at], FIELDS[at + 1], FIELDS[at + 2]
    length = FIELDS[at + 3] << 8 | FIELDS[at + 4]
    raw = value.encode() if isinstance(value, str) else bytes(value)
    if isinstance(value, str) == (kind == KIND_B) or len(raw) > length or (not prefix and len(raw) != length):
        raise BadMessage("DE {} has a wrong length".format(de))
    if kind != KIND_B:
        _text(kind, raw, de)
    if prefix:
        digits = str(len(raw))
        digits = "0" * (prefix - len(digits)) + digits
        body += _pack(digits) if packed else digits.encode()
    body += _pack(str(raw, "ascii")) if packed and kind == KIND_N else raw


def decode(raw: "bytes | memoryview", packed: bool = False) -> "tuple[str, dict[int, Value]]":
    """(MTI, fields with the MAC) of a whole message. Raises BadMessage."""
    if not MESSAGE_MIN <= len(raw) <= MESSAGE_MAX:
        raise BadMessage("length {}".format(len(raw)))
    view = memoryview(raw)
    at = 2 if packed else 4
    mti = _unpack(bytes(view[:2]), 4, 0) if packed else _text(KIND_N, bytes(view[:4]), 0)
    secondary = view[at] & 0x80 != 0
    width = 128 if secondary else 64
    bitmap = bytearray(view[at : at + width // 8])
    at += width // 8
    if secondary:
        bitmap[0] ^= 0x80
    fields: "dict[int, Value]" = {}
    for row in range(0, len(FIELDS), FIELD_ROW):
        de = FIELDS[row]
        place, bit = (de - 1) >> 3, 0x80 >> ((de - 1) & 7)
        if place >= len(bitmap):
            break
        if not bitmap[place] & bit:
            continue
        bitmap[place] ^= bit
        kind, prefix = FIELDS[row + 1], FIELDS[row + 2]
        length = FIELDS[row + 3] << 8 | FIELDS[row + 4]
        if prefix:
            size = (prefix + 1) // 2 if packed else prefix
            digits = _part(view, at, size, de)
            given = int(_unpack(digits, prefix, de) if packed else _text(KIND_N, digits, de))
            at += size
            if given > length:
                raise BadMessage("DE {} is too long".format(de))
            length = given
        in_digits = packed and kind == KIND_N
        size = (length + 1) // 2 if in_digits else length
        part = _part(view, at, size, de)
        at += size
        if kind == KIND_B:
            fields[de] = part
        else:
            fields[de] = _unpack(part, length, de) if in_digits else _text(kind, part, de)
    if any(bitmap):
        raise BadMessage("a DE is not in the profile")
    if at != len(raw):
        raise BadMessage("bytes left over")
    _check_layout(fields, secondary)
    return mti, fields


def _part(view: memoryview, at: int, size: int, de: int) -> bytes:
    part = bytes(view[at : at + size])
    if len(part) != size:
        raise BadMessage("DE {} is cut short".format(de))
    return part


def _check_layout(fields: "dict[int, Value]", secondary: bool) -> None:
    """The MAC is the last field, in 128 when a secondary bitmap is needed and present, else in 64."""
    mac = MAC_SECONDARY if secondary else MAC_PRIMARY
    if mac not in fields or (secondary and MAC_PRIMARY in fields):
        raise BadMessage("MAC field missing or misplaced")
    if secondary:
        for de in SECONDARY:
            if de in fields:
                return
        raise BadMessage("needless secondary bitmap")

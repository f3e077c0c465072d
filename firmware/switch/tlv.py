"""The content of DE 48: tag byte, length byte, value. Unknown tags are skipped, malformed ones are BadMessage.

Knows the lengths `profile` allows and the number formats, not what a tag means.
"""

from micropython import const

from firmware.core.calendar import to_utc
from firmware.core.errors import BadMessage
from firmware.switch.profile import REPEATING, TAG_ROW, TAGS

_DAYS = const(b"\x1f\x1d\x1f\x1e\x1f\x1e\x1f\x1f\x1e\x1f\x1e\x1f")
_TEHRAN_OFFSET_S = const(12600)


def pack(items: "list[tuple[int, bytes]]") -> bytes:
    """Bytes of tags in ascending order. Raises BadMessage when a value breaks the table."""
    out = bytearray()
    row, last = 0, -1
    for tag, value in sorted(items):
        row = _row(tag, row)
        if row < 0 or (tag == last and tag not in REPEATING):
            raise BadMessage("tag {:02X} is not in the profile, or twice".format(tag))
        if not TAGS[row + 1] <= len(value) <= TAGS[row + 2]:
            raise BadMessage("tag {:02X} has a wrong length".format(tag))
        last = tag
        out.append(tag)
        out.append(len(value))
        out += value
    return bytes(out)


def parse(content: bytes) -> "dict[int, bytes]":
    """The known tags of DE 48; of one that repeats, the first (`every` gives all). Raises BadMessage."""
    tags: "dict[int, bytes]" = {}
    row = at = 0
    while at < len(content):
        tag, end = content[at], _end(content, at)
        found = _row(tag, row)
        if found >= 0:
            row = found
            if not TAGS[row + 1] <= end - at - 2 <= TAGS[row + 2] or (tag in tags and tag not in REPEATING):
                raise BadMessage("tag {:02X} is malformed".format(tag))
            if tag not in tags:
                tags[tag] = content[at + 2 : end]
        at = end
    return tags


def items(content: bytes) -> "list[tuple[int, bytes]]":
    """What `pack` made these bytes of. Raises BadMessage."""
    found = []
    at = 0
    while at < len(content):
        end = _end(content, at)
        found.append((content[at], content[at + 2 : end]))
        at = end
    return found


def every(content: bytes, tag: int) -> "list[bytes]":
    """All values of a tag that may repeat, in the order they came. Raises BadMessage."""
    values = []
    at = 0
    while at < len(content):
        end = _end(content, at)
        if content[at] == tag:
            values.append(content[at + 2 : end])
        at = end
    return values


def _end(content: bytes, at: int) -> int:
    """Where the tag at this place ends."""
    if at + 2 > len(content):
        raise BadMessage("a tag without length")
    end = at + 2 + content[at + 1]
    if end > len(content):
        raise BadMessage("tag {:02X} is cut short".format(content[at]))
    return end


def _row(tag: int, at: int) -> int:
    """Where a tag stands in the table, -1 when nowhere; `at` is where the one before it stood: they come ascending."""
    if TAGS[at] > tag:
        at = 0
    while at < len(TAGS):
        if TAGS[at] >= tag:
            return at if TAGS[at] == tag else -1
        at += TAG_ROW
    return -1


def unsigned(value: bytes) -> int:
    """A big-endian unsigned integer."""
    return int.from_bytes(value, "big")


def signed32(value: bytes) -> int:
    """A big-endian two's complement 32-bit integer."""
    number = int.from_bytes(value, "big")
    return number - (1 << 32) if number >> 31 else number


def from_unsigned(number: int, length: int) -> bytes:
    """Big-endian bytes of a number that has to fit. Raises BadMessage."""
    if not 0 <= number < 1 << (8 * length):
        raise BadMessage("a number does not fit {} bytes".format(length))
    return number.to_bytes(length, "big")


def from_signed32(number: int) -> bytes:
    """Big-endian two's complement. Raises BadMessage."""
    if not -(1 << 31) <= number < 1 << 31:
        raise BadMessage("a number does not fit 32 bits")
    return (number & 0xFFFFFFFF).to_bytes(4, "big")


def text(value: bytes) -> str:
    """UTF-8 text for people, control characters as spaces: a screen's line has a meaning for two of them. Bytes that
    are no UTF-8 become U+FFFD, one for a run of them: a wrong letter in a name is no reason to take a sale back."""
    value = bytes([32 if byte < 32 or byte == 127 else byte for byte in value])
    try:
        return value.decode()
    except UnicodeError:
        pass
    out, at = "", 0
    while at < len(value):
        lead = value[at]
        size = 1 if lead < 0x80 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
        letter = _letter(value[at : at + size]) if at + size <= len(value) else ""
        if letter or not out.endswith("\ufffd"):
            out += letter or "\ufffd"
        at += size if letter else 1
    return out


def _letter(raw: bytes) -> str:
    """The one character these bytes are; "" when they are none."""
    try:
        return raw.decode()
    except UnicodeError:
        return ""


def date_utc(value: bytes) -> int:
    """First second of a BCD YYMMDD Gregorian day in Tehran, as UTC seconds; 0 for 000000. Raises BadMessage."""
    if value == b"\x00\x00\x00":
        return 0
    numbers = []
    for byte in value:
        if byte >> 4 > 9 or byte & 15 > 9:
            raise BadMessage("a date is not BCD")
        numbers.append((byte >> 4) * 10 + (byte & 15))
    year, month, day = numbers
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1] or (month == 2 and day == 29 and year % 4):
        raise BadMessage("a date is no day")
    return to_utc(2000 + year, month, day, 0, 0, 0) - _TEHRAN_OFFSET_S

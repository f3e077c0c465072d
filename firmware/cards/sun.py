"""Finds what a card's secure dynamic messaging wrote into its NDEF file, and puts it into the form of LT-87 tag 32.

The file holds a URL, `...?p=<32 hex digits>&m=<16>` (PICCData encrypted, MAC) or `...?u=<14>&n=<6>&m=<16>` (UID and
read counter plain). Nothing is verified here: only the switch has the keys. The bytes are a stranger's: anything odd
is no SUN data, and never an error. Knows no reader, no card and no key.

Forms: 01h, PICCData 16, MAC 8; or 02h, UID 7, counter 3 (low byte first, as in the card), MAC 8.
"""

from micropython import const

_MAX_FILE = const(256)
_FORM_ENCRYPTED = const(b"\x01")
_FORM_PLAIN = const(b"\x02")
# How many bytes each parameter carries, two hex digits a byte.
_PICC_DATA = const(16)
_MAC = const(8)
_UID = const(7)
_COUNTER = const(3)


def sun_data(file: "bytes | bytearray | memoryview") -> "bytes | None":
    """The SUN data in an NDEF file's bytes, length field first; None when there is none."""
    if not 2 < len(file) <= _MAX_FILE:
        return None
    raw = bytes(file)
    end = 2 + (raw[0] << 8 | raw[1])  # NLEN, Type 4 Tag specification 5.3
    if end > len(raw):
        return None
    start = raw.find(b"?", 2, end)
    if start < 0:
        return None
    found: "dict[bytes, bytes]" = {}
    for part in raw[start + 1 : end].split(b"&"):
        if len(part) < 2 or part[1] != 0x3D:
            continue
        if part[:1] in found:
            return None  # said twice: whoever reads one may not read the other
        found[part[:1]] = part[2:]
    mac = _unhex(found.get(b"m"), _MAC)
    if mac is None:
        return None
    picc_data = _unhex(found.get(b"p"), _PICC_DATA)
    if picc_data is not None:
        return _FORM_ENCRYPTED + picc_data + mac
    uid = _unhex(found.get(b"u"), _UID)
    counter = _unhex(found.get(b"n"), _COUNTER)
    if uid is None or counter is None:
        return None
    # In ASCII the counter stands high byte first (NT4H2421Gx 9.3.3), everywhere else low byte first.
    return _FORM_PLAIN + uid + bytes((counter[2], counter[1], counter[0])) + mac


def _unhex(digits: "bytes | None", size: int) -> "bytes | None":
    """The bytes of exactly so many hex digits. All zero is the place where a card that mirrors would have written."""
    if digits is None or len(digits) != 2 * size:
        return None
    out = bytearray(size)
    for i in range(2 * size):
        digit = digits[i]
        if 0x30 <= digit <= 0x39:
            digit -= 0x30
        elif 0x41 <= digit & 0xDF <= 0x46:
            digit = (digit & 0xDF) - 0x37
        else:
            return None
        out[i >> 1] |= digit << 4 if i & 1 == 0 else digit
    value = bytes(out)
    return None if value == bytes(size) else value

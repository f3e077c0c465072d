"""LT-87 on the wire: frames, fields and MACs, with pyiso8583 doing the field work.

Splits and joins; what the fields mean is decided elsewhere. The specification below is written from the published
table and shares nothing with the terminal's code: two readings of one page.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass

import iso8583
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC

SHORTEST = 32
LONGEST = 2048
MAC_SIZE = 8
HEADER_SIZE = 2
TPDU_SIZE = 5
TPDU_MARK = 0x60  # a plain message begins with a digit, 30..39

N = re.compile(r"[0-9]*\Z")
AN = re.compile(r"[0-9A-Za-z ]*\Z")
ANS = re.compile(r"[\x20-\x7e]*\Z")

# DE -> (LL digits, length or longest, allowed characters or None for binary)
FIELDS: dict[str, tuple[int, int, re.Pattern[str] | None]] = {
    "2": (2, 19, N),
    "3": (0, 6, N),
    "4": (0, 12, N),
    "7": (0, 10, N),
    "11": (0, 6, N),
    "12": (0, 6, N),
    "13": (0, 4, N),
    "22": (0, 3, N),
    "24": (0, 3, N),
    "25": (0, 2, N),
    "37": (0, 12, AN),
    "38": (0, 6, AN),
    "39": (0, 2, AN),
    "41": (0, 8, ANS),
    "42": (0, 15, ANS),
    "48": (3, 999, None),
    "49": (0, 3, N),
    "54": (3, 120, AN),
    "60": (3, 999, ANS),
    "62": (3, 999, ANS),
    "63": (3, 999, ANS),
    "64": (0, 8, None),
    "70": (0, 3, N),
    "90": (0, 42, N),
    "95": (0, 42, AN),
    "128": (0, 8, None),
}
# The only messages with a secondary bitmap, and so with the MAC in DE128.
SECONDARY = ("0800", "0810", "0420", "0421")


def _field(length_digits: int, longest: int, *, binary: bool) -> dict[str, object]:
    # latin-1 maps each byte to one character: a bad character is then ours to judge, not a decoding error.
    encoding = "b" if binary else "latin-1"
    return {"data_enc": encoding, "len_enc": "ascii", "len_type": length_digits, "max_len": longest, "desc": ""}


def _packed(length_digits: int, longest: int, allowed: re.Pattern[str] | None) -> dict[str, object]:
    field = _field(length_digits, longest, binary=allowed is None)
    field |= {"len_enc": "bcd", "len_type": {0: 0, 2: 1, 3: 2}[length_digits]}
    if allowed is N:
        field |= {"data_enc": "b", "len_count": "nibbles", "left_pad": "0"}
    return field


_HEAD: dict[str, dict[str, object]] = {
    "h": _field(0, 0, binary=False),
    "t": _field(0, 4, binary=False),
    "p": _field(0, 8, binary=True),
    "1": _field(0, 8, binary=True),
}
PLAIN = {**_HEAD, **{de: _field(*row[:2], binary=row[2] is None) for de, row in FIELDS.items()}}
PACKED = {**_HEAD, "t": _field(0, 2, binary=True), **{de: _packed(*row) for de, row in FIELDS.items()}}


class WireError(ValueError):
    """Bytes that cannot be split into a message's fields."""


@dataclass(frozen=True)
class Split:
    """A message split into fields, nothing believed yet: `fields` by DE number ("t" is the MTI), text as received.

    `raw` is the message without its TPDU: what the MAC covers.
    """

    raw: bytes
    fields: dict[str, str]
    tpdu: bytes = b""

    @property
    def packed(self) -> bool:
        """Whether the message is spelt in BCD, with a TPDU before it."""
        return bool(self.tpdu)

    @property
    def answer_tpdu(self) -> bytes:
        """What stands before the answer: the addresses exchanged."""
        return self.tpdu[:1] + self.tpdu[3:] + self.tpdu[1:3]

    @property
    def mti(self) -> str:
        return self.fields["t"]

    @property
    def de48(self) -> bytes:
        return bytes.fromhex(self.fields.get("48", ""))

    def bad_characters(self) -> list[str]:
        """The DEs that hold a character their format does not allow."""
        return [
            de
            for de, value in self.fields.items()
            if de in FIELDS and (allowed := FIELDS[de][2]) is not None and not allowed.match(value)
        ]

    def mac_right(self, key: bytes) -> bool:
        """Whether the message ends with the MAC this key gives; also False when it carries none."""
        mac_de = "128" if self.mti in SECONDARY else "64"
        if mac_de not in self.fields:
            return False
        return hmac.compare_digest(mac(key, self.raw[:-MAC_SIZE]), self.raw[-MAC_SIZE:])


def mac(key: bytes, covered: bytes) -> bytes:
    """AES-CMAC (RFC 4493) cut to its first 8 bytes."""
    cmac = CMAC(algorithms.AES(key))
    cmac.update(covered)
    return cmac.finalize()[:MAC_SIZE]


def split(framed: bytes) -> Split:
    """Split a message (without frame length) into fields; with a TPDU before it, a packed one. Raises WireError."""
    tpdu = framed[:TPDU_SIZE] if framed[:1] == bytes((TPDU_MARK,)) else b""
    raw = framed[len(tpdu) :]
    spec, at = (PACKED, 2) if tpdu else (PLAIN, 4)
    if not SHORTEST <= len(raw) <= LONGEST:
        raise WireError(f"{len(raw)} bytes")
    mti = raw[:at].hex() if tpdu else raw[:at].decode("latin-1")
    secondary = bool(raw[at] & 0x80)
    if secondary != (mti in SECONDARY):
        raise WireError(f"bitmap does not fit message {mti!r}")
    bitmap = raw[at : at + (16 if secondary else 8)]
    present = {byte * 8 + bit + 1 for byte in range(len(bitmap)) for bit in range(8) if bitmap[byte] << bit & 0x80}
    unknown = sorted(de for de in present - {1} if str(de) not in FIELDS)
    if unknown or (secondary and 64 in present):
        raise WireError(f"fields this profile does not have: {unknown or [64]}")
    try:
        fields, _ = iso8583.decode(raw, spec)
        rebuilt, _ = iso8583.encode(dict(fields), spec)
    except (iso8583.DecodeError, iso8583.EncodeError) as error:
        raise WireError(str(error)) from error
    # Python's int() reads " 12", "+12" and "1_2" too: only the one canonical spelling of a length is a message.
    if bytes(rebuilt) != raw:
        raise WireError("a length is not spelt in digits")
    return Split(raw, fields, tpdu)


def join(fields: dict[str, str], key: bytes, tpdu: bytes = b"") -> bytes:
    """A message with its MAC, packed when there is a TPDU to stand before it; `fields` without bitmap and MAC."""
    mac_de = "128" if fields["t"] in SECONDARY else "64"
    document = {**fields, mac_de: "00" * MAC_SIZE}
    raw, _ = iso8583.encode(document, PACKED if tpdu else PLAIN)
    covered = bytes(raw[:-MAC_SIZE])
    return tpdu + covered + mac(key, covered)


def frame(message: bytes) -> bytes:
    """A message with its length before it."""
    return len(message).to_bytes(HEADER_SIZE, "big") + message

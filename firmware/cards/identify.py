"""Which family a card is of, from what it says of itself: SAK, ATQA, ATS and GET_VERSION. Never by trying a key.

SAK coding is that of NXP AN10833, GET_VERSION that of the NTAG21x data sheet, table 28, and of NT4H2421Gx, table 55.
Knows no reader.
"""

from micropython import const

# Families the terminal reads.
OTHER = const(0)
CLASSIC = const(1)
TYPE2 = const(2)
ISO_DEP = const(3)  # ISO/IEC 14443-4: which card it is follows from its ATS

_CLASSICS = {0x08: "classic-1k", 0x88: "classic-1k", 0x18: "classic-4k", 0x09: "classic-mini", 0x19: "classic-2k"}
_OTHERS = {0x10: "plus-2k", 0x11: "plus-4k", 0x01: "tnp3xxx"}
_SAK_ISO_DEP = const(0x20)
_RANDOM_UID = const(0x08)
_VENDOR_NXP = const(0x04)
_TYPE_DESFIRE = const(0x01)
_TYPE_ULTRALIGHT = const(0x03)
_TYPE_NTAG = const(0x04)
_NTAG_SIZES = {0x0B: "ntag210", 0x0E: "ntag212", 0x0F: "ntag213", 0x11: "ntag215", 0x13: "ntag216"}

NTAG424 = "ntag424"
DESFIRE = "desfire"  # of a generation not asked for, or one without EV2 authentication
_DESFIRES = {0x12: "desfire-ev2", 0x33: "desfire-ev3"}
_NTAG424_MAJOR = const(0x30)
_ATS_NTAG424 = const(b"\x06\x77\x77\x71\x02\x80")
_ATS_DESFIRE = const(b"\x06\x75\x77\x81\x02\x80")


def family(sak: int) -> "tuple[int, str]":
    """(family, kind) of a selected card; kind is "" where more has to be asked. Family OTHER is not read."""
    if sak & _SAK_ISO_DEP:
        return ISO_DEP, ""  # a card that also emulates Classic still tells its own family by this bit
    if sak in _CLASSICS:
        return CLASSIC, _CLASSICS[sak]
    if sak == 0x00:
        return TYPE2, ""
    return OTHER, _OTHERS.get(sak, "sak-{:02x}".format(sak))


def is_random(uid: bytes) -> bool:
    """Whether the UID is made up anew at every tap, as a phone does (ISO/IEC 14443-3, 6.5.4): it names nobody."""
    return len(uid) == 4 and uid[0] == _RANDOM_UID


def is_odd(uid: bytes, atqa: int) -> bool:
    """Whether the UID is longer than ATQA says (bits 8 and 7, ISO/IEC 14443-3, 6.5.2), which no maker's card does.

    The other way round is in order: a Classic of 7 bytes may be set to show 4 (MF1S50yyX/V1, 9.2). An ATQA of 0 is one
    that could not be read.
    """
    return atqa != 0 and len(uid) > 4 + 3 * (atqa >> 6 & 3)


def type2_kind(version: "bytes | memoryview | None") -> str:
    """The kind of a Type 2 card by its eight GET_VERSION bytes, None when it knows no such command."""
    if version is None:
        return "ultralight"
    if version[1] != _VENDOR_NXP:
        return "type2"
    if version[2] == _TYPE_NTAG:
        return _NTAG_SIZES.get(version[6], "ntag")
    if version[2] == _TYPE_ULTRALIGHT:
        return "ultralight-aes" if version[4] >= 4 else "ultralight-ev1"
    return "type2"


def ats_kind(ats: bytes) -> str:
    """NTAG424 or DESFIRE by the answer to select, "" when its GetVersion has to be asked."""
    if ats == _ATS_NTAG424:
        return NTAG424
    return DESFIRE if ats == _ATS_DESFIRE else ""


def aes_kind(version: bytes) -> str:
    """The kind of a 14443-4 card by its GetVersion, hardware part first; "" for one that is not of the programme."""
    if version[0] != _VENDOR_NXP:
        return ""
    if version[1] == _TYPE_NTAG:
        return NTAG424 if version[3] == _NTAG424_MAJOR else ""
    if version[1] == _TYPE_DESFIRE:
        return _DESFIRES.get(version[3], DESFIRE)
    return ""

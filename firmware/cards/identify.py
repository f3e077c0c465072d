"""Which family a card is of, from what it says of itself: SAK, ATQA and GET_VERSION. Never by trying a key.

SAK coding is that of NXP AN10833, GET_VERSION that of the NTAG21x data sheet, table 28. Knows no reader.
"""

from micropython import const

# Families the terminal reads.
CLASSIC = const(1)
TYPE2 = const(2)
OTHER = const(0)

_CLASSICS = {0x08: "classic-1k", 0x88: "classic-1k", 0x18: "classic-4k", 0x09: "classic-mini", 0x19: "classic-2k"}
_OTHERS = {0x10: "plus-2k", 0x11: "plus-4k", 0x01: "tnp3xxx"}
_ISO_DEP = const(0x20)
_ATQA_DESFIRE = const(0x0344)
_VENDOR_NXP = const(0x04)
_TYPE_NTAG = const(0x04)
_TYPE_ULTRALIGHT = const(0x03)
_NTAG_SIZES = {0x0B: "ntag210", 0x0E: "ntag212", 0x0F: "ntag213", 0x11: "ntag215", 0x13: "ntag216"}


def family(sak: int, atqa: int) -> "tuple[int, str]":
    """(family, kind) of a selected card; kind is "" for Type 2, which `type2_kind` names. Family OTHER is not read."""
    if sak & _ISO_DEP:
        # A card that also emulates Classic still tells its own family by this bit.
        return OTHER, "desfire" if atqa == _ATQA_DESFIRE else "iso-dep"
    if sak in _CLASSICS:
        return CLASSIC, _CLASSICS[sak]
    if sak == 0x00:
        return TYPE2, ""
    return OTHER, _OTHERS.get(sak, "sak-{:02x}".format(sak))


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

"""Gives a frame back whose bytes differ in one single bit: the CRC's syndrome tells which.

A cell that lost its charge, or one that an interrupted program hardly moved, must not cost a record. CRC-32 is linear:
what a flipped bit changes in it depends only on the bit's distance from the end, and no two bits of a frame change it
alike. Two flipped bits are never taken for one: its minimum distance is 5 up to 2,974 bits (P. Koopman, "32-bit cyclic
redundancy codes for Internet applications", DSN 2002). Pure functions.
"""

from binascii import crc32
from struct import unpack_from

from micropython import const

from firmware.store.frames import FRAME_HEAD, MAX_BODY, frame_length

_ALL = const(0xFFFFFFFF)
_LENGTH_AT = const(4)
_CRC_AT = const(8)
_KINDS = const(6)  # frame types of rings are 1 to this
_VERSION = const(1)


def repaired(raw: "bytearray | memoryview | bytes", at: int, crc_seed: int, kinds: int = _KINDS) -> "bytearray | None":
    """The frame at `raw[at]`, of a type from 1 to `kinds`, with its one wrong bit put right; None when no single bit
    explains what stands there."""
    if at + FRAME_HEAD > len(raw) or not _plausible(raw, at, kinds):
        return None
    _seq, length, _kind, _version, stored = unpack_from("<IHBBI", raw, at)
    end = at + FRAME_HEAD + length
    if length <= MAX_BODY and end <= len(raw):
        frame = bytearray(raw[at:end])
        syndrome = crc32(memoryview(frame)[FRAME_HEAD:], crc32(memoryview(frame)[:_CRC_AT], crc_seed)) ^ stored
        if _flip_by_syndrome(frame, syndrome) and frame_length(frame, 0, crc_seed):
            return frame
    # A wrong length moves the end of what the CRC covers, so its bits are tried one by one.
    for bit in range(16):
        other = length ^ 1 << bit
        end = at + FRAME_HEAD + other
        if other <= MAX_BODY and end <= len(raw):
            frame = bytearray(raw[at:end])
            frame[_LENGTH_AT + bit // 8] ^= 1 << bit % 8
            if frame_length(frame, 0, crc_seed):
                return frame
    return None


def _plausible(raw: "bytearray | memoryview | bytes", at: int, kinds: int) -> bool:
    """Whether type, version and length are at most one bit from what a frame can have; spares dirt the long way."""
    length, kind, version = unpack_from("<HBB", raw, at + _LENGTH_AT)
    wrong = _bits(version ^ _VERSION)
    if not 1 <= kind <= kinds:
        wrong += 1 if min([_bits(kind ^ known) for known in range(1, kinds + 1)]) == 1 else 2
    if length > MAX_BODY:
        wrong += 1 if _bits(length >> 8) == 1 else 2
    return wrong <= 1


def _bits(value: int) -> int:
    count = 0
    while value:
        value &= value - 1
        count += 1
    return count


def _flip_by_syndrome(frame: bytearray, syndrome: int) -> bool:
    """Flip the bit that accounts for this syndrome; False when there is none."""
    if _bits(syndrome) == 1:  # in the stored CRC itself
        for i in range(4):
            frame[_CRC_AT + i] ^= syndrome >> 8 * i & 0xFF
        return True
    # What a flip of each bit of the last byte does; a byte further from the end it does that, and eight shifts more.
    effects = [crc32(bytes((1 << bit,))) ^ crc32(b"\0") for bit in range(8)]
    for i in range(len(frame) - 1, -1, -1):
        if _CRC_AT <= i < FRAME_HEAD:
            continue
        for bit in range(8):
            if effects[bit] == syndrome:
                frame[i] ^= 1 << bit
                return True
            effects[bit] = crc32(b"\0", effects[bit] ^ _ALL) ^ _ALL
    return False

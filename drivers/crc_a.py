"""CRC_A of ISO/IEC 14443-3, annex B. Knows no chip and no card."""


def crc_a(data: "bytes | bytearray | memoryview", count: int) -> int:
    """CRC_A of the first `count` bytes; the low byte goes on air first, and behind its own CRC the result is 0."""
    crc = 0x6363
    for i in range(count):
        byte = (data[i] ^ crc) & 0xFF
        byte = (byte ^ byte << 4) & 0xFF
        crc = crc >> 8 ^ byte << 8 ^ byte << 3 ^ byte >> 4
    return crc & 0xFFFF

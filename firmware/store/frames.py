"""The bytes of the store: sector headers and frames, packed and checked. Pure functions; knows no flash and no meaning.

A frame is committed if and only if its CRC fits. The CRC is seeded with the partition's salt and the sector's
generation, so a frame of an earlier life of the sector never fits again. All integers little-endian; docs/store.md has
the byte tables.
"""

from binascii import crc32
from struct import pack, pack_into, unpack_from

from micropython import const

from firmware.core.errors import StoreError

SECTOR = const(4096)
PAGE = const(256)
HEADER = const(32)
FRAMES_AT = const(64)  # two copies of the header, then frames
FRAME_HEAD = const(12)
ALIGN = const(16)
MAX_BODY = const(256)

_MAGIC = const(0x53464156)  # "VAFS"
FORMAT = const(2)  # 1 had bodies in the clear
VERSION = const(1)  # of a frame
# Positions, generation * 64 + cell, have 32 bits. Flash that takes 100,000 erases wears out long before.
LAST_GENERATION = const((1 << 26) - 1)


class Header:
    """A sector's header: `generation` rises by one a sector opened, `tail` is the oldest generation still needed then,
    `seq_high` the newest SEQ written before, `seq_ceiling` no SEQ above it can have been handed out before."""

    def __init__(
        self, kind: int, sectors: int, generation: int, salt: int, tail: int, seq_high: int, seq_ceiling: int
    ) -> None:
        self.kind = kind
        self.sectors = sectors
        self.generation = generation
        self.salt = salt
        self.tail = tail
        self.seq_high = seq_high
        self.seq_ceiling = seq_ceiling
        self.format = FORMAT


def pack_header(header: Header) -> bytes:
    """Both copies, 64 bytes, for one program call. StoreError when the generation could not be told from older ones."""
    if header.generation > LAST_GENERATION:
        raise StoreError("generations are used up")
    fields = pack(
        "<IBBHIIIII",
        _MAGIC,
        FORMAT,
        header.kind,
        header.sectors,
        header.generation,
        header.salt,
        header.tail,
        header.seq_high,
        header.seq_ceiling,
    )
    return (fields + pack("<I", crc32(fields))) * 2


def parse_header(raw: "bytes | bytearray | memoryview") -> "Header | None":
    """The header in the first 32 bytes of `raw`, or None. A newer format is returned too; its `format` tells."""
    magic, version, kind, sectors, generation, salt, tail, high, ceiling, crc = unpack_from("<IBBHIIIIII", raw, 0)
    if magic != _MAGIC or crc != crc32(memoryview(raw)[:28]):
        return None
    header = Header(kind, sectors, generation, salt, tail, high, ceiling)
    header.format = version
    return header


def may_be_torn_header(raw: "bytes | bytearray | memoryview") -> bool:
    """Whether these bytes can be the rest of a first header whose program was interrupted: such bits are still 1."""
    magic = pack("<I", _MAGIC)
    for copy in (0, HEADER):
        for i in range(4):
            if raw[copy + i] & magic[i] != magic[i]:
                return False
    return True


def seed(salt: int, generation: int) -> int:
    """Where the CRC of every frame of this sector starts."""
    return crc32(pack("<II", salt, generation))


def slot_size(body_length: int) -> int:
    """Flash taken by a frame with such a body."""
    return (FRAME_HEAD + body_length + ALIGN - 1) & -ALIGN


def pack_head(kind: int, version: int, seq: int, length: int) -> bytes:
    """The first 8 bytes of a frame, those its CRC and its body's tag cover."""
    return pack("<IHBB", seq, length, kind, version)


def pack_frame(kind: int, version: int, seq: int, body: "bytes | bytearray", crc_seed: int) -> bytearray:
    """One frame, header and body, unpadded."""
    frame = bytearray(FRAME_HEAD + len(body))
    frame[:8] = pack_head(kind, version, seq, len(body))
    frame[FRAME_HEAD:] = body
    pack_into("<I", frame, 8, crc32(body, crc32(memoryview(frame)[:8], crc_seed)))
    return frame


class Frame:
    """A frame that was read and whose CRC fitted. `at` is its byte offset in the sector, `generation` the sector's.
    `body` is what was written, unsealed when it was sealed; then `tag` is its tag and `link` that of the one before."""

    def __init__(self, generation: int, at: int, kind: int, version: int, seq: int, body: bytes) -> None:
        self.generation = generation
        self.at = at
        self.kind = kind
        self.version = version
        self.seq = seq
        self.body = body
        self.tag = b""
        self.link = b""


def frame_length(raw: "bytearray | memoryview | bytes", at: int, crc_seed: int) -> int:
    """Length of the committed frame at `at`, without padding; 0 when there is none."""
    if at + FRAME_HEAD > len(raw):
        return 0
    _seq, length, kind, _version, crc = unpack_from("<IHBBI", raw, at)
    end = at + FRAME_HEAD + length
    if kind in (0, 0xFF) or length > MAX_BODY or end > len(raw):
        return 0
    view = memoryview(raw)
    if crc32(view[at + FRAME_HEAD : end], crc32(view[at : at + 8], crc_seed)) != crc:
        return 0
    return FRAME_HEAD + length


def frame_at(
    raw: "bytearray | memoryview | bytes", at: int, crc_seed: int, generation: int, origin: int = 0
) -> "Frame | None":
    """The committed frame at `raw[at]`, or None; `origin` is the offset in the sector of `raw[0]`."""
    length = frame_length(raw, at, crc_seed)
    if not length:
        return None
    seq, _length, kind, version = unpack_from("<IHBB", raw, at)
    return Frame(generation, origin + at, kind, version, seq, bytes(raw[at + FRAME_HEAD : at + length]))


def is_blank(raw: "bytearray | memoryview | bytes", start: int, end: int) -> bool:
    """Whether these bytes are all FF."""
    step = 64
    blank = b"\xff" * step
    for at in range(start, end, step):
        stop = min(at + step, end)
        if bytes(raw[at:stop]) != blank[: stop - at]:
            return False
    return True


def last_written(raw: "bytearray | memoryview | bytes", start: int, end: int) -> int:
    """Offset just beyond the last byte that is not FF, or `start` when all are."""
    at = end
    while at > start and is_blank(raw, max(start, at - 64), at):
        at = max(start, at - 64)
    while at > start and raw[at - 1] == 0xFF:
        at -= 1
    return at


def generation_of(raw: "bytearray | memoryview | bytes", salt: int, generations: "list[int]") -> int:
    """Which of these generations the first frame that can be read in a sector belongs to, 0 when none."""
    seeds = [(generation, seed(salt, generation)) for generation in generations]
    for at in range(FRAMES_AT, SECTOR, ALIGN):
        for generation, crc_seed in seeds:
            if frame_length(raw, at, crc_seed):
                return generation
    return 0


def silencing(raw: "bytearray | memoryview | bytes", start: int, end: int) -> "bytearray | None":
    """What to program over a torn place, whose cells may drift: it must not speak later, among newer frames. None when
    it is silent already."""
    zeros = bytearray(b"\xff" * (end - start))
    for at in range(start, end, ALIGN):
        if not is_blank(raw, at, min(at + ALIGN, end)):
            zeros[at - start : at - start + ALIGN] = bytes(min(ALIGN, end - at))
    if any([raw[start + i] and not zeros[i] for i in range(end - start)]):
        return zeros
    return None

"""The bytes of the store: sector headers and frames, packed and checked. Pure functions; knows no flash and no meaning.

A frame is committed if and only if its CRC fits. The CRC is seeded with the partition's salt and the sector's
generation, so a frame of an earlier life of the sector never fits again. All integers little-endian; docs/store.md has
the byte tables.
"""

from binascii import crc32
from struct import pack, pack_into, unpack_from

from micropython import const

from firmware.core.errors import StoreError, StoreForeign, StoreNewer, StoreOutdated

SECTOR = const(4096)
PAGE = const(256)
HEADER = const(32)
FRAMES_AT = const(64)  # two copies of the header, then frames
FRAME_HEAD = const(12)
ALIGN = const(16)
MAX_BODY = const(256)

_MAGIC = const(0x4156)  # "VA"
_MAGIC_BEFORE = const(0x53464156)  # "VAFS" began the headers of formats 1 and 2
FORMAT = const(3)  # 1 had bodies in the clear, 2 headers without a tag
HEADER_TAG = const(4)
_BEHIND_MAX = const(0xFFFF)
VERSION = const(1)  # of a frame
# Positions, generation * 64 + cell, have 32 bits. Flash that takes 100,000 erases wears out long before.
LAST_GENERATION = const((1 << 26) - 1)


class Header:
    """A sector's header: `generation` rises by one a sector opened, `seq_high` is the newest SEQ written before,
    `seq_ceiling`: no SEQ above it can have been handed out before. `behind` is the kind's own: of a ring, how many
    generations back the oldest one lies that was still needed; of the small board's cache, the bucket. `tag` says that
    whoever wrote it had the keys; of a header that was read it is believed only when a `Sealer` vouches for it."""

    def __init__(
        self, kind: int, sectors: int, generation: int, salt: int, behind: int, seq_high: int, seq_ceiling: int
    ) -> None:
        self.kind = kind
        self.sectors = sectors
        self.generation = generation
        self.salt = salt
        self.behind = behind
        self.seq_high = seq_high
        self.seq_ceiling = seq_ceiling
        self.format = FORMAT
        self.tag = bytes(HEADER_TAG)


def header_fields(header: Header) -> bytes:
    """What a header's tag covers, 24 bytes. StoreError when the generation could not be told from older ones."""
    if header.generation > LAST_GENERATION or not 0 <= header.behind <= _BEHIND_MAX:
        raise StoreError("generations are used up")
    return pack(
        "<HBBHHIIII",
        _MAGIC,
        FORMAT,
        header.kind,
        header.sectors,
        header.behind,
        header.generation,
        header.salt,
        header.seq_high,
        header.seq_ceiling,
    )


def pack_header(header: Header) -> bytes:
    """Both copies with the tag the header has, 64 bytes, for one program call."""
    fields = header_fields(header) + header.tag
    return (fields + pack("<I", crc32(fields))) * 2


def parse_header(raw: "bytes | bytearray | memoryview") -> "Header | None":
    """The header in the first 32 bytes of `raw`, or None: its CRC fits, its tag was not looked at. One of another
    format is returned with its `format` and `kind` only."""
    magic, version, kind, sectors, behind, generation, salt, high, ceiling, _tag, crc = unpack_from(
        "<HBBHHIIIIII", raw, 0
    )
    if magic != _MAGIC or crc != crc32(memoryview(raw)[:28]):
        return None
    if version == FORMAT:
        header = Header(kind, sectors, generation, salt, behind, high, ceiling)
        header.tag = bytes(raw[24:28])
        return header
    if unpack_from("<I", raw, 0)[0] == _MAGIC_BEFORE:
        version, kind = raw[4], raw[5]
    header = Header(kind, 0, 0, 0, 0, 0, 0)
    header.format = version
    return header


def admit(header: Header, kind: int, sectors: int) -> None:
    """Raise what fits when this is not the header of such a store in this format."""
    if header.format > FORMAT:
        raise StoreNewer("format {}".format(header.format))
    if header.kind == kind and header.format < FORMAT:
        raise StoreOutdated("format {}".format(header.format))
    if header.kind != kind or header.format != FORMAT or header.sectors != sectors:
        raise StoreForeign("another store")


def may_be_torn_header(raw: "bytes | bytearray | memoryview", kind: int, sectors: int) -> bool:
    """Whether these bytes can be the rest of a first header whose program was interrupted: such bits are still 1."""
    first = pack("<HBBH", _MAGIC, FORMAT, kind, sectors)
    for copy in (0, HEADER):
        for i in range(len(first)):
            if raw[copy + i] & first[i] != first[i]:
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

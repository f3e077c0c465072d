"""What `flash` would write, piece by piece, and whether each piece may lie where it would.

The map is that of tools/device/partition.py. A plan never holds the whole chip: no piece may touch a region of the
store or anything it does not fill from its start. Knows no port. Bytes; offsets from the start of the chip (s3), or as
the RP2040 sees its flash (pico).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from tools.device import esp_image, uf2
from tools.device.errors import ImageUnfit, PlanUnfit
from tools.device.images import Image
from tools.device.partition import S3_FLASH, SECTOR, regions, s3_rows

STORE = ("txlog", "members", "vault")
WRITTEN = ("loader", "table", "interpreter")


@dataclass(frozen=True)
class Place:
    """A stretch of the chip with a name."""

    name: str
    start: int
    size: int

    @property
    def end(self) -> int:
        return self.start + self.size


@dataclass(frozen=True)
class Piece:
    """Bytes and where they go."""

    place: str
    at: int
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Plan:
    """`files` go into the file system by name; the pieces are written beneath it."""

    board: str
    version: str
    pieces: tuple[Piece, ...]
    files: dict[str, bytes]


def places(board: str) -> list[Place]:
    """The whole chip's map, in its order."""
    if board == "s3":
        head = [Place("loader", 0, esp_image.TABLE_AT), Place("table", esp_image.TABLE_AT, esp_image.TABLE_SIZE)]
        rows = [
            Place("interpreter" if name == "factory" else name, start, size) for name, _, _, start, size in s3_rows()
        ]
        return head + rows
    base = uf2.STORAGE_AT
    program = Place("interpreter", uf2.FLASH_AT, uf2.STORAGE_AT - uf2.FLASH_AT)
    return [program] + [Place(region.name, base + region.start, region.size) for region in regions(board)]


def plan(image: Image, files: dict[str, bytes]) -> Plan:
    """For this image and these files. Raises ImageUnfit, PlanUnfit."""
    if image.board == "s3":
        found = esp_image.parsed(image.raw)
        pieces = (
            Piece("loader", 0, found.loader),
            Piece("table", esp_image.TABLE_AT, esp_image.table()),
            Piece("interpreter", _place("s3", "interpreter").start, found.application),
        )
    else:
        blocks = uf2.parsed(image.raw)
        if not blocks.keeps_store:
            raise ImageUnfit(
                "its file system would take the place of the store",
                "Take a build for terminals: docs/partitions.md, Raspberry Pi Pico W, tells how it is made.",
            )
        pieces = (Piece("interpreter", blocks.start, _flat(blocks)),)
    made = Plan(image.board, image.version, pieces, files)
    check(made)
    return made


def check(made: Plan) -> None:
    """Each piece in the one region it names, from its start, and in nothing else. Raises PlanUnfit."""
    known = places(made.board)
    for one, other in zip(known, known[1:], strict=False):
        if one.end > other.start:
            raise PlanUnfit(f"{one.name} runs into {other.name}")
    if made.board == "s3" and known[-1].end > S3_FLASH:
        raise PlanUnfit(f"{known[-1].name} goes beyond the flash")
    for piece in made.pieces:
        place = _place(made.board, piece.place)
        if piece.place not in WRITTEN:
            raise PlanUnfit(f"{piece.place} is nothing that is flashed")
        if piece.at != place.start or piece.at % SECTOR:
            raise PlanUnfit(f"{piece.place} would go to {piece.at:#x}, its place begins at {place.start:#x}")
        if not piece.content or piece.at + len(piece.content) > place.end:
            raise PlanUnfit(f"{piece.place} has {len(piece.content)} bytes, its place {place.size}")
        # A write takes whole sectors with it.
        last = -(-(piece.at + len(piece.content)) // SECTOR) * SECTOR
        for other in known:
            if other.name != piece.place and piece.at < other.end and last > other.start:
                raise PlanUnfit(f"{piece.place} would reach into {other.name}")
    if len({piece.place for piece in made.pieces}) != len(made.pieces):
        raise PlanUnfit("a place is named twice")


def same_store(rows: list[tuple[str, int, int, int, int]]) -> bool:
    """Whether a board's own table has the store where ours has it."""
    there = {(name, start, size) for name, _, _, start, size in rows}
    return all((place.name, place.start, place.size) in there for place in places("s3") if place.name in STORE)


def _place(board: str, name: str) -> Place:
    return next(place for place in places(board) if place.name == name)


def _flat(blocks: uf2.Uf2) -> bytes:
    """From the first page to the last, what lies between as it is after an erase."""
    flat = bytearray(b"\xff" * (blocks.end - blocks.start))
    for address, page in blocks.content.items():
        flat[address - blocks.start : address - blocks.start + len(page)] = page
    return bytes(flat)

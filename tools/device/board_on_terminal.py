"""Runs on the terminal at its Python prompt, sent there as text: which board, interpreter, program and store are there.

Says lines `words... sum`; sum is CRC-32 of what stands before it. Needs nothing of ours and changes nothing: it works
on a board that holds only the interpreter, or a program that is damaged. Bytes, offsets as the board's own tools count.
"""

import os
import sys
from binascii import b2a_base64, crc32, hexlify
from hashlib import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_SECTOR = 4096
_PIECE = 1024
_FLASH_AT = 0x10000000  # where the RP2040 sees its flash


class Looking:
    """`say` takes a line. `places` are the store's regions of a Pico W: name -> (start, size)."""

    def __init__(self, say: "Callable[[str], object]", places: "dict[str, tuple[int, int]]") -> None:
        self._say = say
        self._places = places
        self._buffer = bytearray(_SECTOR)

    def about(self) -> None:
        """Who this is."""
        from machine import unique_id

        try:
            import esp32  # noqa: F401 (its being there is the answer)

            board = "s3"
        except ImportError:
            board = "pico"
        self._tell("board {} {}".format(board, hexlify(unique_id()).decode()))
        self._tell("python " + sys.version.replace(" ", "_"))
        try:
            from firmware.version import BUILD, VERSION

            self._tell("program {} {}".format(VERSION, BUILD))
        except ImportError:
            self._tell("program - 0")
        main = sys.modules.get("__main__")
        self._tell("mode {} {}".format(getattr(main, "vafa_mode", "-"), getattr(main, "vafa_slot", "") or "-"))
        said = os.statvfs("/")
        self._tell("space {} {}".format(said[1] * said[2], said[1] * said[3]))

    def store(self) -> None:
        """Of the journal's region: not there, blank, or written; and where it lies on an ESP32."""
        flash = self._region("txlog")
        if flash is None:
            self._tell("store absent -1 0")
            return
        sectors, start = flash.ioctl(4, 0), -1
        try:
            start = flash.info()[2]
        except AttributeError:
            pass  # an RP2040's has no table
        for sector in range(sectors):
            flash.readblocks(sector, self._buffer)
            if any([byte != 0xFF for byte in memoryview(self._buffer)[:64]]) or self._written():
                self._tell("store written {} {}".format(start, sectors * _SECTOR))
                return
        self._tell("store blank {} {}".format(start, sectors * _SECTOR))

    def dump(self) -> None:
        """The journal's raw region; pieces that are blank are not sent."""
        flash, whole = self._region("txlog"), sha256()
        sectors = flash.ioctl(4, 0)
        for sector in range(sectors):
            flash.readblocks(sector, self._buffer)
            whole.update(self._buffer)
            for at in range(0, _SECTOR, _PIECE):
                piece = bytes(memoryview(self._buffer)[at : at + _PIECE])
                if piece.strip(b"\xff"):
                    self._tell("raw {} {}".format(sector * _SECTOR + at, b2a_base64(piece)[:-1].decode()))
        self._tell("over {} {}".format(sectors * _SECTOR, hexlify(whole.digest()).decode()))

    def interpreter(self, start: int, size: int) -> None:
        """Hash of so many bytes of the running interpreter from `start` on; "-" where they cannot be read."""
        try:
            self._tell(
                "interpreter " + (self._hash_esp(size) if "esp32" in sys.modules else self._hash_rp2(start, size))
            )
        except (ImportError, OSError, AttributeError, ValueError):
            self._tell("interpreter -")

    def _hash_esp(self, size: int) -> str:
        import esp32

        partition, digest, at = esp32.Partition(esp32.Partition.RUNNING), sha256(), 0
        while at < size:
            partition.readblocks(at // _SECTOR, self._buffer)
            digest.update(memoryview(self._buffer)[: min(_SECTOR, size - at)])
            at += _SECTOR
        return hexlify(digest.digest()).decode()

    def _hash_rp2(self, start: int, size: int) -> str:
        import rp2  # noqa: F401 (no other chip has its flash there)
        import uctypes

        digest = sha256()
        for at in range(start, start + size, _SECTOR):
            digest.update(uctypes.bytearray_at(at, min(_SECTOR, start + size - at)))
        return hexlify(digest.digest()).decode()

    def _region(self, name: str) -> "Any":
        try:
            import esp32

            found = esp32.Partition.find(esp32.Partition.TYPE_DATA, label=name)
            return found[0] if found else None
        except ImportError:
            import rp2

            start, size = self._places[name]
            return rp2.Flash(start=start, len=size)

    def _written(self) -> bool:
        return bytes(self._buffer).strip(b"\xff") != b""

    def _tell(self, text: str) -> None:
        self._say("{} {:08x}".format(text, crc32(text.encode())))

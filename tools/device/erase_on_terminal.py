"""Runs on a device at its Python prompt, sent there as text: erases what is named, everything else is left alone.

Needs none of our program, so that it finishes what a pulled cable left of an erased file system. A region is named by
its label (ESP32-S3), or by where it lies (Pico). Says lines `words... sum`; sum is CRC-32 of what stands before it. The
PC imports it, too: its tests run it on a modelled flash.
"""

from binascii import crc32, hexlify

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_SECTOR = 4096
_LOOK = 256
_BLANK = b"\xff" * _LOOK
_ZEROS = bytes(_LOOK)
_NOTE = b"# This file is executed on every boot"  # what MicroPython writes itself, as boot.py


class Erasing:
    """`say` takes a line; `device_of` gives the block device of a region."""

    def __init__(
        self,
        say: "Callable[[str], object]",
        device_of: "Callable[[str, int, int], Any] | None" = None,
        unmount: "Callable[[], object] | None" = None,
    ) -> None:
        self._say = say
        self._device_of = device_of or _device
        self._unmount = unmount or _unmount

    def about(self) -> None:
        """Which board this is: the port of a bare interpreter need not say."""
        from machine import unique_id

        try:
            import rp2  # noqa: F401 (its being there is the answer)

            board = "pico"
        except ImportError:
            board = "s3"
        self._tell("board {} {}".format(board, hexlify(unique_id()).decode()))

    def look(self, name: str, start: int, size: int) -> None:
        """How many sectors hold anything but FF or zeros; none where there is no such region."""
        device = self._device_of(name, start, size)
        used = [n for n in range(device.ioctl(4, 0)) if not self._empty(device, n)] if device else []
        self._tell("holds {} {}".format(name, len(used)))

    def left(self, name: str, start: int, size: int) -> None:
        """How many sectors of the file system hold more than a start makes of an empty one: its own two, and the note
        of an interpreter. The first two are erased first, so the others tell of them."""
        device = self._device_of(name, start, size)
        piece = bytearray(len(_NOTE))
        left = 0
        for number in range(2, device.ioctl(4, 0) if device else 0):
            if not self._empty(device, number):
                device.readblocks(number, piece, 0)
                left += piece != _NOTE
        self._tell("holds {} {}".format(name, left))

    def files(self, name: str, start: int, size: int) -> None:
        """Take the file system away and erase all of its flash, the first sector first: what is left of a cut is no
        file system, and a start makes an empty one."""
        device = self._device_of(name, start, size)
        self._unmount()
        failed = 0
        count = device.ioctl(4, 0)
        for number in range(count):
            if not self._erased(device, number):
                failed += 1
            if number % 32 == 31 or number + 1 == count:
                self._tell("erased {} {} {}".format(name, number + 1, count))
        self._tell("over {}".format(failed))

    def _erased(self, device: "Any", number: int) -> bool:
        for _ in range(2):
            device.ioctl(6, number)
            if self._is(device, number, _BLANK):
                return True
        for at in range(0, _SECTOR, _LOOK):
            device.writeblocks(number, _ZEROS, at)
        return False

    def _empty(self, device: "Any", number: int) -> bool:
        return self._is(device, number, _BLANK) or self._is(device, number, _ZEROS)

    def _is(self, device: "Any", number: int, pattern: bytes) -> bool:
        piece = bytearray(_LOOK)
        for at in range(0, _SECTOR, _LOOK):
            device.readblocks(number, piece, at)
            if piece != pattern:
                return False
        return True

    def _tell(self, text: str) -> None:
        self._say("{} {:08x}".format(text, crc32(text.encode())))


def _device(name: str, start: int, size: int) -> "Any":
    try:
        import rp2

        return rp2.Flash(start=start, len=size)
    except ImportError:
        from esp32 import Partition

        found = Partition.find(Partition.TYPE_DATA, label=name)
        return found[0] if found else None


def _unmount() -> None:
    import vfs

    try:
        vfs.umount("/")
    except OSError:
        pass  # there was none

"""Flash as the ring sees it: sectors that are read, programmed and erased, each write checked by reading it back.

Hides the block protocol and the page-only programming of the Pico, whose ROM routine takes whole aligned 256-byte pages
(FF leaves a byte as it is). Of the format it knows a header when it sees one. Addresses are (sector, byte offset).
"""

from firmware.core.errors import FlashUnreadable, StoreError
from firmware.store.frames import HEADER, PAGE, SECTOR, is_blank, parse_header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.core.ports import BlockDevice


class Flash:
    """`sectors` sectors of a block device. `sector_buffer` (4096 bytes, may be shared) is used only inside one call."""

    def __init__(self, device: "BlockDevice", page_only: bool = False, buffer: "bytearray | None" = None) -> None:
        try:
            block, blocks = device.ioctl(5, 0), device.ioctl(4, 0)
        except OSError as error:
            raise FlashUnreadable("no answer from the flash") from error
        if block != SECTOR:
            raise StoreError("flash blocks are not 4096 bytes")
        self._device = device
        self._page_only = page_only
        self.sectors = blocks or 0
        self.sector_buffer = bytearray(SECTOR) if buffer is None else buffer

    def read(self, sector: int, offset: int, length: int) -> bytearray:
        """Raises FlashUnreadable."""
        buf = bytearray(length)
        self._read_into(buf, sector, offset)
        return buf

    def read_sector(self, sector: int) -> bytearray:
        """The whole sector, in the shared buffer. Raises FlashUnreadable."""
        self._read_into(self.sector_buffer, sector, 0)
        return self.sector_buffer

    def _read_into(self, buf: bytearray, sector: int, offset: int) -> None:
        try:
            self._device.readblocks(sector, buf, offset)
        except OSError as error:
            raise FlashUnreadable("sector {}".format(sector)) from error

    def program(self, sector: int, offset: int, data: "bytes | bytearray") -> bool:
        """Program and read back. False when the flash does not hold `data` afterwards or the driver said no."""
        try:
            if self._page_only:
                first = offset - offset % PAGE
                padded = bytearray(b"\xff" * ((offset + len(data) - first + PAGE - 1) // PAGE * PAGE))
                padded[offset - first : offset - first + len(data)] = data
                self._device.writeblocks(sector, padded, first)
            else:
                self._device.writeblocks(sector, data, offset)
            return self.read(sector, offset, len(data)) == data
        except (OSError, FlashUnreadable):
            return False

    def erase(self, sector: int) -> bool:
        """Erase and look. False when the sector is not blank afterwards or the driver said no."""
        try:
            self._device.ioctl(6, sector)
            return is_blank(self.read_sector(sector), 0, SECTOR)
        except (OSError, FlashUnreadable):
            return False

    def silence(self, sector: int) -> bool:
        """Program zeros over what a sector shows that takes no erase: programming needs none. False when something can
        still be read there."""
        try:
            for at in range(0, SECTOR, PAGE):
                if self._shows(sector, at):
                    self.program(sector, at, bytes(PAGE))
            return not any([self._shows(sector, at) for at in range(0, SECTOR, PAGE)])
        except FlashUnreadable:
            return False

    def start_over(self, header_of: "Callable[[int], bytes]") -> None:
        """Erase everything, or make it zero; all there is then is a sector with the header made for it. It is written
        before the last header that is there goes: a cut leaves what is known as it was, or as this."""
        # Those without a header first: none of what is known is gone before the new header is there.
        headed = [sector for sector in range(self.sectors) if self._has_header(sector)]
        order = [sector for sector in range(self.sectors) if sector not in headed] + headed
        written = False
        for sector in order:
            good = self.erase(sector)
            if good and not written:
                good = written = self.program(sector, 0, header_of(sector))
            if not good:
                self.silence(sector)

    def _has_header(self, sector: int) -> bool:
        try:
            return any([parse_header(self.read(sector, copy, HEADER)) is not None for copy in (0, HEADER)])
        except FlashUnreadable:
            return False

    def _shows(self, sector: int, at: int) -> bool:
        """Whether a page is neither blank nor zero."""
        page = self.read(sector, at, PAGE)
        return any(page) and not is_blank(page, 0, PAGE)

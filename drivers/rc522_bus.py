"""The SPI face of an MFRC522: one transaction is one chip-select assertion.

Knows how an address byte is made (MFRC522 datasheet rev 3.9, 8.1.2) and no register's meaning. It gets an SPI object
(`write`, `write_readinto`) and a pin object called with a level. Nothing on this bus is protected by a check sum.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

READ = const(0x80)  # bit 7 of an address byte; bits 6..1 are the address, bit 0 is 0 (8.1.2.3)


class Registers:
    """Registers by their shifted address, singly and as streams."""

    def __init__(self, spi: "Any", cs: "Any") -> None:
        self._spi = spi
        self._cs = cs
        self._pair = bytearray(2)
        self._answer = bytearray(2)
        cs(1)

    def write(self, register: int, value: int) -> None:
        """Write one register."""
        self._pair[0] = register
        self._pair[1] = value
        self.stream(self._pair)

    def read(self, register: int) -> int:
        """Read one register."""
        self._pair[0] = READ | register
        self._pair[1] = 0
        self.transfer(self._pair, self._answer)
        return self._answer[1]

    def stream(self, data: "bytes | bytearray | memoryview") -> None:
        """Write to the register the first byte names all bytes behind it (8.1.2.2)."""
        self._cs(0)
        try:
            self._spi.write(data)
        finally:
            self._cs(1)

    def transfer(self, ask: "bytes | bytearray | memoryview", into: "bytearray | memoryview") -> None:
        """Read with a new address in every byte of `ask`; each answer is one byte later in `into` (8.1.2.1)."""
        self._cs(0)
        try:
            self._spi.write_readinto(ask, into)
        finally:
            self._cs(1)

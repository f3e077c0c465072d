"""The relay without a terminal: its program runs in this process on any reader chip's driver.

Everything but the serial port is as with a terminal. The caller's event loop runs on the chip's clock
(`tools.sim.onhost.run_on`), and `onhost.install` came before this import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.device.on_terminal import CardSide

if TYPE_CHECKING:
    from drivers.rc522 import MFRC522


class ChipLine:
    """A `Line` to a chip."""

    def __init__(self, chip: MFRC522) -> None:
        self._side = CardSide(chip)

    async def ask(self, line: str) -> str:
        """As the program on a terminal answers it."""
        return await self._side.answer(line)

    def close(self) -> None:
        """Field off."""
        self._side.rest()

"""Stand-in for `spidev`: bus 0, device 0 is the modelled chip. Ours; has what the foreign drivers use and no more."""

from __future__ import annotations

from tools.peers.rig import Rig


class SpiDev:
    """One opened device."""

    def __init__(self) -> None:
        self.max_speed_hz = 500_000

    def open(self, bus: int, device: int) -> None:
        """Only the first device is there."""
        if (bus, device) != (0, 0):
            raise FileNotFoundError(f"/dev/spidev{bus}.{device}")

    def close(self) -> None:
        """Nothing is held."""

    def xfer2(self, values: list[int]) -> list[int]:
        """One transaction, chip select low throughout. A value that is no byte is a ValueError."""
        return Rig.current.transfer(bytes(values), self.max_speed_hz)

    xfer = xfer2

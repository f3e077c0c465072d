"""A standard data file of an NTAG 424 DNA or a DESFire: content, communication mode and access rights.

Access rights are four key numbers in two bytes as sent, ReadWrite and Change first, then Read and Write; Eh is free,
Fh is never (NT4H2421Gx section 8.2.3.3). It knows no command and no cryptography.
"""

from __future__ import annotations

from tools.sim.cards.ev2 import PLAIN
from tools.sim.cards.sdm import Sdm

FREE, NEVER = 0xE, 0xF


class NotAuthenticated(Exception):
    """A key would open it, but not the one that is authenticated."""


class Locked(Exception):
    """No key opens it."""


class StdFile:
    """`iso_id` is its two-byte identifier for ISO SELECT, where it has one."""

    def __init__(self, size: int, mode: int, rights: bytes, *, content: bytes = b"", iso_id: int | None = None) -> None:
        self.memory = bytearray(content.ljust(size, b"\x00"))
        self.mode = mode
        self.rights = rights
        self.iso_id = iso_id
        self.sdm: Sdm | None = None

    @property
    def read_keys(self) -> tuple[int, int]:
        """Access conditions any of which lets read."""
        return self.rights[1] >> 4, self.rights[0] >> 4

    @property
    def write_keys(self) -> tuple[int, int]:
        """Access conditions any of which lets write."""
        return self.rights[1] & 15, self.rights[0] >> 4

    @property
    def change_keys(self) -> tuple[int]:
        """The access condition for changing the settings."""
        return (self.rights[0] & 15,)

    def mode_for(self, conditions: tuple[int, ...], key_number: int | None, mode: int) -> int:
        """`mode` where the authenticated key is one of the conditions, plain where access is free.

        Raises NotAuthenticated or Locked.
        """
        if key_number is not None and key_number in conditions:
            return mode
        if FREE in conditions:
            return PLAIN
        if all(condition == NEVER for condition in conditions):
            raise Locked
        raise NotAuthenticated

    @property
    def settings(self) -> bytes:
        """As GetFileSettings answers."""
        option = self.mode | (0x40 if self.sdm is not None else 0)
        tail = self.sdm.encoded if self.sdm is not None else b""
        return bytes([0, option]) + self.rights + len(self.memory).to_bytes(3, "little") + tail

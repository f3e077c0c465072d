"""The signed file that configuration, rules and hotlist come in: read in place, verified before anything in it counts.

On the terminal a file is `STAGED` bytes of its own (version, length and digest as the switch pinned them), then the
file of docs/lt87.md section 14 as it was signed: 42 bytes of head, the body, the signature. A file that is being loaded
is NAME.new, one in force NAME.dat; one rename takes it. Sizes in bytes, times in UTC seconds.
"""

import os

from micropython import const

from firmware.core import verify
from firmware.core.errors import VafaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator

    from firmware.service.held import Owner

STAGED = const(14)  # version 2, total 4, digest 8
HEAD = const(42)
NAMES = ("", "config", "rules", "hotlist")
SIGNED_AS = (b"", b"vafa-config-1", b"vafa-rules-1", b"vafa-hotlist-1")
TEXT_LONGEST = const(4096)  # of a body that is read as a whole
_MAGIC = const(b"VFD1")
_PIECE = const(1024)

UNSIGNED = "U01"
OLDER = "U02"
FOREIGN = "U03"
UNUSABLE = "U04"
NOT_KEPT = "U05"
EXPIRED = "U06"
DAMAGED = "U07"
AHEAD = "U11"


class DownloadRefused(VafaError):
    """A file is not taken; what was in force stays. `code` of the instance tells why."""

    code = UNUSABLE

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Envelope:
    """One file of a role at `path`. Iterate over `opening` to its end, then the rest may be believed."""

    def __init__(self, path: str, role: int) -> None:
        self.path = path
        self.role = role
        self.version = 0
        self.made_utc = 0
        self.until_utc = 0
        self.size = 0  # of the body

    def opening(self, owner: "Owner") -> "Iterator[None]":
        """Verify, in pieces between which others may work. Raises DownloadRefused; OSError."""
        signed = os.stat(self.path)[6] - STAGED - verify.SIGNATURE
        if signed < HEAD:
            raise DownloadRefused(UNUSABLE, "too short for a signed file")
        digest = verify.begun(SIGNED_AS[self.role])
        with open(self.path, "rb") as file:
            file.seek(STAGED)
            left = signed
            head = b""
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise DownloadRefused(DAMAGED, "cut short")
                head = head or piece[:HEAD]
                digest.update(piece)
                left -= len(piece)
                yield
            signature = file.read(verify.SIGNATURE)
        if not verify.signers(owner.keys, digest.digest(), signature):
            raise DownloadRefused(UNSIGNED, "signed by nobody this terminal knows")
        yield
        self._read(head, signed, owner)

    def _read(self, head: bytes, signed: int, owner: "Owner") -> None:
        """The head, now that it is known to be the signer's word."""
        if head[:4] != _MAGIC or head[4] != self.role:
            raise DownloadRefused(UNUSABLE, "another kind of file: newer firmware may read it")
        self.version = int.from_bytes(head[5:7], "big")
        if head[7:22] != owner.merchant or head[22:30] not in (owner.terminal, b" " * 8):
            raise DownloadRefused(FOREIGN, "made for another merchant or terminal")
        self.made_utc = int.from_bytes(head[30:34], "big")
        self.until_utc = int.from_bytes(head[34:38], "big")
        self.size = int.from_bytes(head[38:42], "big")
        if self.size != signed - HEAD or not self.version:
            raise DownloadRefused(UNUSABLE, "the head says {} bytes, version {}".format(self.size, self.version))

    def body(self) -> bytes:
        """A short body as a whole. Raises DownloadRefused when it is none; OSError."""
        if self.size > TEXT_LONGEST:
            raise DownloadRefused(UNUSABLE, "a body of {} bytes".format(self.size))
        with open(self.path, "rb") as file:
            file.seek(STAGED + HEAD)
            return file.read(self.size)

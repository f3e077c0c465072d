"""A file that grows by pieces for minutes, on a file system that copies a block whenever a file is opened to go on.

So it stays open, and is synced every 8 KB: what a power cut costs at most. Sizes in bytes. Knows nothing of what is in
the file. Raises OSError.
"""

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SYNC = const(8192)  # two blocks


class Growing:
    """The file at `path`, which another start may have begun."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: "Any" = None
        self._unsynced = 0

    def begin(self, head: bytes = b"") -> None:
        """Anew, with what stands before the pieces."""
        self._file = open(self._path, "wb")  # noqa: SIM115 (stays open while it grows)
        if head:
            self._file.write(head)

    def write(self, data: bytes, at: int) -> None:
        """The piece that begins there."""
        if self._file is None:
            self._file = open(self._path, "r+b")  # noqa: SIM115
            self._file.seek(at)
        self._file.write(data)
        self._unsynced += len(data)
        if self._unsynced >= SYNC:
            self._file.flush()
            self._unsynced = 0

    def close(self) -> None:
        """What was written so far is kept."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._unsynced = 0

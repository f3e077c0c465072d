"""Files of numbers and texts beside a module, read where they lie: a table takes flash, not heap.

A table has the suffix `.tbl`; the program's bundle keeps such files as they are, so one can `seek` in them. A program
that is frozen into the runtime has no files: there its tables lie under the same paths on the file system's root.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Table(Protocol):
        """What a reader of a table may use; `readinto` gives less than asked for only at the end."""

        def seek(self, __at: int) -> object: ...

        def readinto(self, __buffer: "bytearray | memoryview") -> "int | None": ...

        def close(self) -> None: ...


def open_table(module_file: str, name: str) -> "Table":
    """The file `name` beside the module whose `__file__` is given. Raises OSError."""
    return open(module_file[: module_file.rfind("/") + 1] + name, "rb")  # noqa: SIM115 (read as long as its owner lives)

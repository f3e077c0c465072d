"""The fault record: what ended the application last, kept over the reset in a small file for support.

The newest records win the room. Holds the class, the text and the trace of an exception, no variable and no secret.
"""

import os

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

PATH = "/fault.txt"
_LIMIT = const(2048)


def record(trace: str, where: str, path: str = PATH) -> None:
    """Append one record; the file stays below 4 KB. A full or broken file system must not hinder the reset."""
    entry = "--- {}\n{}\n".format(where, trace)[:_LIMIT]
    try:
        if _ends_with(path, entry):
            return  # the same fault at every start must not wear the flash out
        with open(path, "a") as file:
            if file.tell() + len(entry) <= 2 * _LIMIT:
                file.write(entry)
                return
        with open(path) as file:
            kept = file.read()[-(_LIMIT - 1) :]
        with open(path + ".new", "w") as file:
            file.write(kept + entry)
        os.rename(path + ".new", path)
    except OSError:
        return


def _ends_with(path: str, entry: str) -> bool:
    """Whether the newest record is this one."""
    try:
        with open(path) as file:
            return file.read().endswith(entry)
    except OSError:
        return False


def trace_of(error: Exception, print_exception: "Callable[[Exception, Any], object]") -> str:
    """The trace of an exception as text; `print_exception` is the platform's."""
    from io import StringIO

    out: "Any" = StringIO()
    print_exception(error, out)
    return out.getvalue()

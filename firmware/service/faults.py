"""The fault record: what ended the application last, kept over the reset in a small file for support.

The newest records win the room. Holds the class, the text and the trace of an exception or the name of a task that
hung, figures, and the last lines of the log, none of which holds a secret; no variable. Survives a power cut: it is
written when the fault happens, and a file that is not finished leaves the one before.
"""

import os

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

PATH = "/fault.txt"
_LIMIT = const(2048)
_TRACE = const(1200)
_BEGIN = const("--- ")
_MORE = const("| ")

# Who tells what was going on: figures first, then the log, oldest first.
about: "list[Callable[[], list[str]]]" = []


def record(trace: str, where: str, path: str = PATH) -> None:
    """Append one record; the file stays below 4 KB. A full or broken file system must not hinder the reset."""
    entry = "{}{}\n{}\n".format(_BEGIN, where, trace)[:_TRACE]
    try:
        if _newest_is(path, entry):
            return  # the same fault at every start must not wear the flash out
        entry += _around(_LIMIT - len(entry) - 1)
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


def _newest_is(path: str, entry: str) -> bool:
    """Whether the newest record begins like this one."""
    try:
        with open(path) as file:
            text = file.read()
    except OSError:
        return False
    at = text.rfind("\n" + _BEGIN)
    return text[at + 1 :].startswith(entry)


def _around(room: int) -> str:
    """What was going on, the newest of it, in so many bytes."""
    lines: "list[str]" = []
    try:
        for tell in about:
            lines += tell()
    except MemoryError:
        return ""
    kept = ""
    for line in reversed(lines[1:]):
        if len(kept) + len(line) + len(lines[0]) + 2 * len(_MORE) + 2 > room:
            break
        kept = _MORE + line + "\n" + kept
    return _MORE + lines[0] + "\n" + kept if lines else ""


def newest(path: str = PATH) -> str:
    """The newest record, "" when there is none."""
    try:
        with open(path) as file:
            text = file.read()
    except OSError:
        return ""
    return text[text.rfind("\n" + _BEGIN) + 1 :]


def forget(path: str = PATH) -> None:
    """Remove the records, when somebody asked for it."""
    try:
        os.remove(path)
    except OSError:
        return  # there are none


def trace_of(error: Exception, print_exception: "Callable[[Exception, Any], object]") -> str:
    """The trace of an exception as text; `print_exception` is the platform's."""
    from io import StringIO

    out: "Any" = StringIO()
    print_exception(error, out)
    return out.getvalue()

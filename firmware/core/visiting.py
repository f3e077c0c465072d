"""Modules that are wanted rarely: loaded for a visit, let go when the last visit is over.

    with visit("firmware.cashier.shift"):
        from firmware.cashier.shift import end_shift

Visits may overlap: as long as one lasts, whoever imports a module again gets the one that is there, so its classes are
the same to all. An object that outlives its visit works on with the code it was made of, as an open file does whose
name was removed; who has to know its exceptions by name must be of the same visit. Which modules are rare is told once,
at the start (`only_visit`); where nobody tells, as in a program on a desk, all stay. Knows names, and no module.
"""

import gc
import sys

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_LOADING_THRESHOLD = const(4096)  # bytes; collected so often, what stays is not scattered between what does not

when_over: "list[Callable[[], object]]" = []  # called when the last visit is over


class Visit:
    """One visit: a `with` of it, or from `begin` to `end`."""

    rare: "list[str]" = []
    lasting = 0  # how many there are
    modules = before = 0  # how many there were when the first one began, and before it was loaded for

    def begin(self) -> "Visit":
        """One more."""
        if not Visit.lasting:
            Visit.modules = Visit.before or len(sys.modules)
        Visit.before = 0
        Visit.lasting += 1
        return self

    def end(self) -> None:
        """One less; after the last the rare modules go."""
        Visit.lasting -= 1
        if not Visit.lasting:
            # Most visits import nothing: looking all the names up would take longer than what they came for.
            if len(sys.modules) != Visit.modules:
                let_go()
            else:
                _tell()

    def __enter__(self) -> "Visit":
        return self.begin()

    def __exit__(self, *_error: object) -> None:
        self.end()


def only_visit(names: str) -> None:
    """These modules are rare; with blanks between them."""
    Visit.rare = names.split()


def visit(*names: str) -> Visit:
    """The visit to begin, with these modules loaded. Raises MemoryError: then nothing half loaded stays."""
    Visit.before = len(sys.modules)
    load(*names)
    return Visit()


def load(*names: str) -> None:
    """Import what is not there, with care for the heap. Raises MemoryError."""
    missing = [name for name in names if name not in sys.modules] if Visit.rare else ()
    if missing:
        whole = False
        try:
            _load(missing)
            whole = True
        finally:
            if not whole and not Visit.lasting:
                let_go()


def _load(names: "list[str]") -> None:
    gc.collect()
    before = gc.threshold()
    gc.threshold(_LOADING_THRESHOLD)
    try:
        for name in names:
            __import__(name)
    finally:
        gc.threshold(before)


def let_go() -> None:
    """The rare modules leave the tables of modules; what nobody holds is garbage then."""
    for name in Visit.rare:
        if name in sys.modules:
            del sys.modules[name]
            parent, _, child = name.rpartition(".")
            if parent in sys.modules and hasattr(sys.modules[parent], child):
                delattr(sys.modules[parent], child)
    _tell()


def _tell() -> None:
    for told in when_over:
        told()

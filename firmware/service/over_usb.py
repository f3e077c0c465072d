"""An update at the Python prompt and in safe mode: judged before it is sent, installed when it lies there.

`python -m tools.device update` calls these functions one line at a time and reads what they print: words, then `done`
or `refused` with code and reason. The file itself comes over as any other, in parts that survive a pulled cable. With
one slot there is nothing to install: the update takes the program's place under its own name. Sizes in bytes.
"""

import os
from binascii import a2b_base64

from firmware import version
from firmware.core.errors import VafaError
from firmware.service import install, slots
from firmware.service.bad_sectors import small_values
from firmware.service.manifest import NOT_NOW, admit, opened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from firmware.board import Board

PART = ".part"  # what the tool calls a file that is not whole yet


class OverUsb:
    """One update. `say` gets the lines for the tool."""

    def __init__(self, board: "Board", say: "Callable[[str], object]" = print) -> None:
        self._board = board
        self._say = say

    def judge(self, head: str) -> None:
        """Whether an update with this head (Base64) is taken, and under which name it has to come. Raises
        UpdateRefused, StoreError."""
        slot = install.target(True)
        root = install.root_in_force()
        found = opened(a2b_base64(head), root)
        admit(found, root, install.here(self._board.name, self._store(), root, True))
        name = slots.file_of(slot) if install.one_slot() else install.NEW
        self._say("board {} build {} slot {} as {}".format(self._board.name, version.BUILD, slot, name))

    def make_room(self, size: int) -> None:
        """Away with what lies in the slot, when the update does not fit beside it. Raises UpdateRefused."""
        slot = install.target(True)
        name = slots.file_of(slot) if install.one_slot() else install.NEW
        there = 0
        for path in (install.NEW, name + PART):
            try:
                there += os.stat(path)[6]
            except OSError:
                pass  # nothing is left of an earlier run
        install.make_room(slot, size, there)

    def install(self) -> None:
        """Verify what lies there and put it into its slot. Raises UpdateRefused, OSError, StoreError."""
        root = install.root_in_force()
        slot = install.target(True)
        store = self._store()
        update = install.Update(install.NEW, root, install.here(self._board.name, store, root, True))
        for _ in update.opening():
            pass
        found = update.manifest
        assert found is not None
        install.take(slot, install.NEW, found, store, install.marks_of(self._board))
        self._say("installed {} build {} slot {}".format(found.version, found.build, slot))

    def change_root(self, text: str) -> None:
        """The next root file, as Base64. Raises UpdateRefused, OSError."""
        self._say("root {}".format(install.change_root(a2b_base64(text)).version))

    def _store(self) -> "Any":
        store = small_values(self._board, bytearray(4096))
        store.open()
        return store


def try_it(work: "Callable[[], object]", say: "Callable[[str], object]" = print) -> None:
    """Do it and say `done`, or `refused` with code and reason."""
    try:
        work()
        say("done")
    except VafaError as error:
        say("refused {} {}".format(error.code, error))
    except OSError as error:
        say("refused {} the flash did not take it: {}".format(NOT_NOW, error))


def lying_there(board: "Board", say: "Callable[[str], object]") -> bool:
    """In safe mode, the word `update`: install what a tool has put there. Whether a restart has to follow."""
    try:
        os.stat(install.NEW)
    except OSError:
        say("no update lies here: python -m tools.device update puts one there over this cable")
        return False
    before = slots.read().packed()
    try_it(OverUsb(board, say).install, say)
    return slots.read().packed() != before or not _is_there()


def _is_there() -> bool:
    try:
        os.stat(install.NEW)
        return True
    except OSError:
        return False

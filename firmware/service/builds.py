"""What a terminal remembers of its programs, in one small value: the floors no update may go below, and what is tried.

Apart from the slots: a program that was lost or taken back opens no way to an older one. Floors rise when a trial is
confirmed, never before; a build that did not pass is not loaded again over the line. Safe mode reads this, too.
"""

from struct import pack, unpack

from micropython import const

from firmware import version
from firmware.service import slots
from firmware.service.manifest import NOT_NOW, RETURNED, ROOT, Root, UpdateRefused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from firmware.store.slots import Slots

NAME = "builds"
_FORM = const(">BHHIIIHIIIH")  # the version of the record, then each of:
_FIELDS = const(("root", "epoch", "lowest", "refused", "tried", "tried_root", "salt", "generation", "seq", "gaps"))
_VERSION = const(1)
UNKNOWN = const(0xFFFF)


class Builds:
    """`root` and `epoch`: the floor and the root file it belongs to; `lowest` build; `refused`: the one that did not
    pass; `tried`: the one on trial, signed under `tried_root`. The journal as it was when that began: `salt` and
    `generation` of its newest sector, highest `seq`, `gaps` (UNKNOWN at the Python prompt)."""

    def __init__(self, raw: bytes = b"") -> None:
        self.root = self.epoch = self.lowest = self.refused = self.tried = self.tried_root = 0
        self.salt = self.generation = self.seq = 0
        self.gaps = UNKNOWN
        if len(raw) == len(self.packed()) and raw[0] == _VERSION:
            found = unpack(_FORM, raw)
            for at, name in enumerate(_FIELDS):
                setattr(self, name, found[at + 1])

    def packed(self) -> bytes:
        """As it is kept."""
        return pack(_FORM, _VERSION, *[getattr(self, name) for name in _FIELDS])

    def floor(self, root: Root) -> int:
        """The lowest epoch that is taken: a new root brings its own. Raises UpdateRefused for a root file that was
        replaced by one before it."""
        if root.version < self.root:
            raise UpdateRefused(ROOT, "root {} lies there, {} was in force".format(root.version, self.root))
        return self.epoch if root.version == self.root else root.epoch

    def confirmed(self) -> None:
        """What was tried runs, and stays."""
        self.epoch = version.EPOCH if self.tried_root > self.root else max(self.epoch, version.EPOCH)
        self.root = max(self.root, self.tried_root)
        self.lowest = max(self.lowest, version.BUILD)
        self.tried = 0
        if self.refused <= version.BUILD:
            self.refused = 0


def read(store: "Slots") -> Builds:
    """From the small values, opened before."""
    return Builds(store.get(NAME) or b"")


def keep(store: "Slots", found: Builds) -> None:
    """Durable on return. Raises StoreError."""
    store.put(NAME, found.packed())


def at_start(store: "Slots", tell: "Callable[[str], object]") -> None:
    """A trial that ended in the program before: remember which build it was, and tell it once. Raises StoreError."""
    found, state = read(store), slots.read()
    if found.tried == version.BUILD and not state.trial:
        found.confirmed()  # the power went behind the confirmation; or there is one slot, and nothing to try
        keep(store, found)
    if not found.tried or not state.trial or slots.running() == state.trial:
        return
    if state.tries:  # boot.py passed it over: what lies there is damaged
        try:
            slots.give_up()
        except OSError as error:
            tell("{} the trial is not ended, the flash does not take it: {}".format(NOT_NOW, error))
            return
    tell("{} build {} was tried and did not pass; build {} runs".format(RETURNED, found.tried, version.BUILD))
    found.refused, found.tried = found.tried, 0
    keep(store, found)

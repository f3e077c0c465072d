"""Lines of the console's `status` about the flash: what idle work has done, what it still has to do, what failed.

Loaded when somebody asks. Numbers since the start unless a word says otherwise.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.service.housekeeping import Housekeeping

    class Store(Protocol):
        """A store as this asks it."""

        def care(self) -> "tuple[int, int, int, int, int]": ...

    class Journal(Store, Protocol):
        """The journal as this asks it."""

        def loading(self) -> int: ...
        def gaps(self) -> int: ...
        def mended(self) -> int: ...

    class Members(Store, Protocol):
        """The member cache as this asks it."""

        def working(self) -> bool: ...
        def speaking(self) -> int: ...


def lines(journal: "Journal", members: "Members", housekeeping: "Housekeeping", key_copies: int = 2) -> "list[str]":
    """Idle work, journal, members; the keys when one of their two sectors fails."""
    left = journal.loading()
    idle = "has nothing to do" if housekeeping.resting else "goes on"
    worn = ["key store one copy only: replace the terminal"] if key_copies < 2 else []
    if members.speaking():
        worn.append("members: {} sectors take no erase and show what they held".format(members.speaking()))
    return worn + [
        "idle work {}".format("reads, {} sectors left".format(left) if left else idle),
        "journal {}".format(_care(journal)),
        "members {}".format(_care(members) if members.working() else "closed: flash failed or nothing of ours (S05)"),
        "store missing or altered {} mended {}".format(journal.gaps(), journal.mended()),
    ]


def _care(store: "Store") -> str:
    sectors, free, erased, given_up, waited = store.care()
    return "sectors {} free {} erased {} given up {}, erases waited for {}".format(
        sectors, free, erased, given_up, waited
    )

"""A member cache that did not take what must not come back: the next start forgets it whole, a small value says so.

The cache is closed then, so nothing of it counts until that start, and it is advisory: what was lost is told again at
the next tap. The note stays as long as the cache cannot be emptied.
"""

from micropython import const

from firmware.core.errors import StoreError
from firmware.core.visiting import visit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from firmware.app import App

    class Cache(Protocol):
        """The member cache as this uses it."""

        def forget_all(self) -> None: ...
        def working(self) -> bool: ...


NAME = "members.drop"
_DUE = const(b"\x01")


def note(app: "App") -> None:
    """Durable on return. Raises StoreError."""
    _put(app, _DUE)
    app.log.event("the member cache fails and is forgotten at the next start")


def at_start(app: "App", members: "Cache") -> None:
    """Do what was noted. Its own failure is told, and nothing else."""
    members.forget_all()
    if not members.working():
        return
    try:
        _put(app, b"")
    except StoreError:
        pass  # told; the next start forgets them once more


def _put(app: "App", value: bytes) -> None:
    with visit("firmware.store.slots"):
        try:
            slots = app.small_values()
            slots.open()
            slots.put(NAME, value)
        except StoreError as error:
            app.log.error(error, NAME)
            raise

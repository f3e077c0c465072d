"""How long a test waits for something real: a process, a thread, a socket.

Nothing is measured by it: what is waited for comes at once on a PC with nothing else to do, and late on a busy one. It
ends before pytest's own limit, so that a test that waits in vain says what for.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_S = 300.0


def wait_for(holds: Callable[[], object], told: Callable[[], object] = lambda: "it never came") -> None:
    """Until something holds that another process or thread brings about."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, told()
        time.sleep(0.01)

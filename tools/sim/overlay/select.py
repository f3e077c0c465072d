"""Runs inside MicroPython: `select.poll` that waits on the simulated clock; objects tell their readiness."""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import _bus
import uselect
from uselect import POLLERR, POLLHUP, POLLIN, POLLOUT  # noqa: F401 (re-exported)

POLLPRI = 2  # the boards have it in asyncio's sense only


class poll:
    def __init__(self):
        self._poll = uselect.poll()
        self._registered = 0

    def register(self, obj, eventmask=POLLIN | POLLOUT):
        self._poll.register(obj, eventmask)
        self._registered += 1

    def unregister(self, obj):
        self._poll.unregister(obj)
        self._registered -= 1

    def modify(self, obj, eventmask):
        self._poll.modify(obj, eventmask)

    def poll(self, timeout=-1):
        if self._registered and (ready := self._poll.poll(0)):
            return ready
        if timeout == 0:
            return ()
        until = -1 if timeout < 0 else _bus.ticks() + timeout * 1000
        while True:
            left = -1 if until < 0 else until - _bus.now - _bus.spent
            if until >= 0 and left <= 0:
                return ()
            _bus.idle(left)
            if self._registered and (ready := self._poll.poll(0)):
                return ready

    def ipoll(self, timeout=-1, flags=0):
        return self.poll(timeout)

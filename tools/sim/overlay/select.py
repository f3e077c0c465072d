"""Runs inside MicroPython: `select.poll` that waits on the simulated clock; objects tell their readiness."""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import sys

import _bus
import uselect
from uselect import POLLERR, POLLHUP, POLLIN, POLLOUT  # noqa: F401 (re-exported)

POLLPRI = 2  # the boards have it in asyncio's sense only


class poll:
    """Streams without a file descriptor are asked apart: the built-in poll() sleeps a millisecond of real time when
    one is registered, so they are asked only when the network changed or a registration did."""

    def __init__(self):
        self._files = uselect.poll()
        self._streams = uselect.poll()
        self._file_count = self._stream_count = 0
        self._asked_at = -1

    def register(self, obj, eventmask=POLLIN | POLLOUT):
        if obj is sys.stdin or obj is sys.stdout:
            self._files.register(obj, eventmask)
            self._file_count += 1
        else:
            self._streams.register(obj, eventmask)
            self._stream_count += 1
            self._asked_at = -1

    def unregister(self, obj):
        if obj is sys.stdin or obj is sys.stdout:
            self._files.unregister(obj)
            self._file_count -= 1
        else:
            self._streams.unregister(obj)
            self._stream_count -= 1

    def modify(self, obj, eventmask):
        (self._files if obj is sys.stdin or obj is sys.stdout else self._streams).modify(obj, eventmask)
        self._asked_at = -1

    def _ready(self):
        ready = self._files.poll(0) if self._file_count else ()
        if self._stream_count and self._asked_at != _bus.network_changes:
            asked_at = _bus.network_changes
            streams = self._streams.poll(0)
            if streams:
                return list(ready) + streams
            self._asked_at = asked_at
        return ready

    def poll(self, timeout=-1):
        if (ready := self._ready()) or timeout == 0:
            return ready
        until = -1 if timeout < 0 else _bus.ticks() + timeout * 1000
        while True:
            left = -1 if until < 0 else until - _bus.now - _bus.spent
            if until >= 0 and left <= 0:
                return ()
            _bus.idle(left)
            if ready := self._ready():
                return ready

    def ipoll(self, timeout=-1, flags=0):
        return self.poll(timeout)

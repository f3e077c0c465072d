"""Runs inside MicroPython: `os` with random bytes that a seed decides, other ones after every start."""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import _bus
from uhashlib import sha256
from uos import *  # noqa: F403 (an extended built-in is this)

_drawn = 0


def urandom(n):
    global _drawn
    result = b""
    while len(result) < n:
        _drawn += 1
        result += sha256(b"%d %d %d" % (_bus.info["seed"], _bus.info["starts"], _drawn)).digest()
    return result[:n]

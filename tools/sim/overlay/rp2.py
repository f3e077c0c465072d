"""Runs inside MicroPython: `rp2.Flash` over the modelled flash. Offered on the Pico only; programs whole pages."""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import _bus
import _flash


class Flash(_flash.Flash):
    def __init__(self, *, start=-1, len=-1):
        if start == -1 and len == -1:
            start, len = 0, _bus.info["flash_size"]
        elif start < 0 or len < 1 or start % 4096 or len % 4096 or start + len > _bus.info["flash_size"]:
            raise ValueError("start and len must lie in the area, in blocks")
        super().__init__(start, len)


def country(_code=None):
    return "XX"

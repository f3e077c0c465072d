"""What both runtimes compute: a dictionary of names to plain values, JSON-able, without any hardware or clock.

Runs on CPython and on MicroPython: keep to the subset both have.
"""

from binascii import hexlify


def _hex(data: "bytes | bytearray") -> str:
    return hexlify(data).decode()


def _core() -> "dict[str, object]":
    from firmware.core.calendar import from_utc, to_utc
    from firmware.core.cmac import Cmac

    key = bytes(range(16))
    answers: "dict[str, object]" = {}
    for length in (0, 1, 15, 16, 17, 32, 159):
        answers["cmac/%d" % length] = _hex(Cmac(key).tag(bytes(i & 255 for i in range(length))))
    for seconds in (0, 951782399, 951782400, 1709164800, 1900000000):
        answers["calendar/%d" % seconds] = list(from_utc(seconds)) + [to_utc(*from_utc(seconds))]
    return answers


def run() -> "dict[str, object]":
    """All answers."""
    answers: "dict[str, object]" = {}
    for part in (_core,):
        answers.update(part())
    return answers

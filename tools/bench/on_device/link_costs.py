"""Runs on the device's interpreter: a full accrual encoded and sealed, its answer's like verified and parsed.

Prints a line of JSON for each spelling: bytes on the line, processor microseconds a message (the least of several
rounds, so that what else the machine does is not in it) and bytes of heap a message takes.
"""

import gc
import json
import sys
import time

from firmware.switch import iso8583, tlv
from firmware.switch.mac import MacKeys

_ROUNDS = 5
_MESSAGES = 2000  # `time.clock` counts milliseconds


def _least_us(step: "object") -> float:
    best = 1e9
    for _ in range(_ROUNDS):
        gc.collect()
        begun = time.clock()
        for _ in range(_MESSAGES):
            step()
        best = min(best, (time.clock() - begun) * 1e6 / _MESSAGES)
    return best


def _heap(step: "object") -> int:
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    step()
    taken = gc.mem_alloc() - before
    gc.enable()
    return taken


def _figures(keys: MacKeys, fields: "dict[int, str | bytes]", tags: "list[tuple[int, bytes]]", packed: bool) -> object:
    def send() -> bytes:
        fields[48] = tlv.pack(tags)
        return keys.seal(iso8583.encode("0200", fields, packed))

    raw = send()

    def read() -> object:
        if keys.authentic(raw) is None:
            raise ValueError
        return tlv.parse(iso8583.decode(raw, packed)[1][48])

    figures = {"packed": packed, "bytes": len(raw), "send_us": _least_us(send), "read_us": _least_us(read)}
    figures["send_heap"], figures["read_heap"] = _heap(send), _heap(read)
    return figures


def main() -> None:
    """Read the message as a line of JSON, print what it costs."""
    given = json.loads(sys.stdin.readline())
    key = bytes(range(16))
    fields = {int(de): value for de, value in given["fields"].items()}
    tags = [(tag, bytes(value)) for tag, value in given["tags"]]
    for packed in (False, True):
        print(json.dumps(_figures(MacKeys(1, key, key), fields, tags, packed)))


if __name__ == "__main__":
    main()

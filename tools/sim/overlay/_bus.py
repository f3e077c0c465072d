"""Runs inside MicroPython: the one way out of the firmware's process, a request and its answer as one datagram each.

Every answer carries the simulated time, which is kept here; `spent` is what the program used since (clock readings),
reported with the next request. Must not know what a request means. Units: microseconds since the processor's start.
The numbers of the operations and the layout of both headers are those of tools/sim/link.py.
"""

# ruff: noqa: D101, D103, RET503 (the names and their meaning are MicroPython's)

import uctypes
import uos
from micropython import const

_HEADER = const(16)
_PAYLOAD = const(4352)  # one flash block, or the longest bus transfer
_BUSY_US = const(1000)  # a loop that only reads the clock reports at least this often

buffer = bytearray(_HEADER + _PAYLOAD)
_view = memoryview(buffer)
_request = uctypes.struct(
    uctypes.addressof(buffer),
    {
        "op": uctypes.UINT8 | 0,
        "seq": uctypes.UINT8 | 1,
        "reply": uctypes.UINT16 | 2,
        "a": uctypes.INT32 | 4,
        "b": uctypes.INT32 | 8,
        "spent": uctypes.UINT32 | 12,
    },
    uctypes.NATIVE,
)
_reply = uctypes.struct(
    uctypes.addressof(buffer),
    {
        "flags": uctypes.UINT8 | 0,
        "seq": uctypes.UINT8 | 1,
        "status": uctypes.INT16 | 2,
        "value": uctypes.INT32 | 4,
        "now": uctypes.UINT64 | 8,
    },
    uctypes.NATIVE,
)
_file = open(int(uos.getenv("TERMINAL_LINK")), "r+b")  # noqa: SIM115 (open as long as the process lives)
_seq = 0

now = 0
spent = 0
network_changes = 0  # rises when a socket may have become readable or writable
info = {}
heap_probe = None


def call(op, a=0, b=0, reply=0, data=None):
    """Ask; returns the value. The answer's payload is read with `payload` before the next call. Raises OSError."""
    global now, spent, network_changes, _seq
    total = _HEADER
    if data is not None:
        n = len(data)
        if n > _PAYLOAD:
            raise ValueError("transfer too long")
        _view[_HEADER : _HEADER + n] = data
        total += n
    _seq = (_seq + 1) & 255
    _request.op = op
    _request.seq = _seq
    _request.reply = reply
    _request.a = a
    _request.b = b
    _request.spent = spent
    spent = 0
    want = _HEADER + reply
    interrupted = got = None
    sent = False
    # An interrupt may be raised at any jump: the loop ends by its condition, never by `break`, so that an answer
    # that was read is never asked for again.
    while got is None:
        try:
            if not sent:
                _file.write(buffer, total)
                sent = True
            got = _file.readinto(buffer, want)
        except KeyboardInterrupt as stop:
            interrupted = stop
    if got != want:
        raise SystemExit
    if _reply.seq != _seq:
        raise RuntimeError("answer to another request")
    now = _reply.now
    flags = _reply.flags
    if flags & 2:
        network_changes += 1
    if interrupted:
        raise interrupted
    if flags & 1:
        raise KeyboardInterrupt
    if _reply.status < 0:
        raise OSError(-_reply.status)
    return _reply.value


def payload(n):
    """The first n bytes of the last answer; a view, valid until the next call."""
    return _view[_HEADER : _HEADER + n]


def spend(us):
    """Time the program used without a request; reported with the next one, or soon by one of its own."""
    global spent
    spent += us
    if spent > _BUSY_US:
        call(2, 0)


def ticks():
    """Microseconds since start. Every reading costs a little, so that a loop waiting for the clock gets on."""
    spend(5)
    return now + spent


def idle(timeout_us):
    """Nothing to do until then (-1: until something happens). May come back early."""
    used = heap_probe() if heap_probe else 0
    call(2, timeout_us if timeout_us < 2_000_000_000 else 2_000_000_000, used)


def sleep_us(us):
    until = ticks() + us
    while (left := until - now - spent) > 0:
        idle(left)


def start():
    import json

    call(1, 0, 0, 1024)
    info.update(json.loads(bytes(payload(1024))))

"""Names of hosts as DNS messages (RFC 1035): one question for an IPv4 address, and the address in the answer.

Knows no socket: `link` asks, because the boards' own resolver stands still until its servers have answered or given
up, which can take longer than the watchdog waits. What the answer says is not trusted: TLS proves who is there.
"""

from micropython import const

_HEAD = const(b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00")  # recursion desired, one question
_A_IN = const(b"\x00\x01\x00\x01")  # type A, class IN


def is_address(host: str) -> bool:
    """Whether this is a dotted IPv4 address already."""
    parts = host.split(".")
    return len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts)


def question(host: str, number: int) -> bytes:
    """The query for a host's address; `number` (16 bits) marks the answer."""
    name = b""
    for label in host.rstrip(".").split("."):
        name += bytes([len(label)]) + label.encode()
    return number.to_bytes(2, "big") + _HEAD + name + b"\x00" + _A_IN


def address(answer: bytes, asked: bytes) -> "str | None":
    """The first address in an answer, "" when it has none, None when it does not answer this question."""
    same = len(answer) >= len(asked) and answer[:2] == asked[:2] and answer[12 : len(asked)] == asked[12:]
    if not same or not answer[2] & 0x80:
        return None
    at = len(asked)
    for _ in range(answer[6] << 8 | answer[7]):
        at = _after_name(answer, at)
        head = answer[at : at + 10]
        if len(head) < 10:
            break
        at += 10
        length = head[8] << 8 | head[9]
        data = answer[at : at + length]
        if head[:4] == _A_IN and length == len(data) == 4:
            return "{}.{}.{}.{}".format(*data)
        at += length
    return ""


def _after_name(answer: bytes, at: int) -> int:
    """Where a name ends: at a zero length, or after a pointer (RFC 1035, 4.1.4)."""
    while at < len(answer):
        length = answer[at]
        if length >= 0xC0:
            return at + 2
        at += length + 1
        if length == 0:
            break
    return at

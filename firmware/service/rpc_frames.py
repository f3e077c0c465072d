"""What a line to a program looks like: CRC, result, an error with the terminal's own code. Pure; docs/console.md."""

import json

from micropython import const

TYPE_CHECKING = False
if TYPE_CHECKING:
    from firmware.core.errors import VafaError

BUSY, MISSING, TORN, FULL = const(1001), const(1002), const(1008), const(1009)
NO_JSON, NO_REQUEST, NO_METHOD = const(-32700), const(-32600), const(-32601)
BAD_PARAMS, OWN, UNFORESEEN = const(-32602), const(-32000), const(-32603)
# Errors of rooms that have a number of their own, by their code.
_NUMBERS = {"K04": MISSING, "K06": 1003, "K01": 1007, "S03": FULL}
# Numbers and their words, in one string: it takes the least of the heap.
_MESSAGES = const(
    "-32700 not JSON;-32600 not a request;-32601 no such method;-32602 bad parameters;-32603 a fault of the terminal;"
    "-32000 the terminal refuses;"
    "1001 busy;1002 right missing;1003 locked;1004 unknown ref;1005 ref with other amount;1006 too late;"
    "1007 not provisioned;1008 line too long or torn;1009 store full;"
)


def crc16(data: bytes) -> int:
    """CRC-16/IBM-3740: polynomial 1021h, begins with FFFFh."""
    crc = 0xFFFF
    for byte in data:
        x = (crc >> 8) ^ byte
        x ^= x >> 4
        crc = ((crc << 8) ^ (x << 12) ^ (x << 5) ^ x) & 0xFFFF
    return crc


def framed(text: str, checked: bool) -> str:
    """With its CRC, where the request had one."""
    return text + "*{:04x}".format(crc16(text.encode())) if checked else text


def result(number: int, text: str, checked: bool) -> str:
    """`text` is JSON already."""
    return framed('{{"jsonrpc":"2.0","id":{},"result":{}}}'.format(number, text), checked)


def failure(number: int, error: "VafaError", checked: bool, next_step: str = "") -> str:
    """`number` is the request's; -1 when it could not be read. `next_step` is what the screen would tell to do."""
    kind = getattr(error, "number", 0) or _NUMBERS.get(error.code, OWN)
    message = _MESSAGES.partition("{} ".format(kind))[2].partition(";")[0]
    text = str(error)
    data: "dict[str, object]" = {"code": error.code, "text": message if text == str(kind) else text}
    if next_step:
        data["next"] = next_step
    retry_ms = getattr(error, "retry_ms", 0)
    if retry_ms:
        data["retry_ms"] = retry_ms
    told = json.dumps({"code": kind, "message": message, "data": data})
    return framed('{{"jsonrpc":"2.0","id":{},"error":{}}}'.format(number if number >= 0 else "null", told), checked)


def id_in(line: str) -> int:
    """The id of a request that is not looked at; -1 when there is none to be seen."""
    number = -1
    # Ten digits at most. Bytes, not characters: the interpreter would keep each one for good.
    for byte in line.partition('"id":')[2].lstrip(" ")[:10].encode():
        if not 0x30 <= byte <= 0x39:
            break
        number = max(0, number) * 10 + byte - 0x30
    return number

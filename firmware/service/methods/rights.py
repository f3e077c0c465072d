"""What a program may ask: levels given by the switch's word, and a register that was paired by a code on the screen.

Level 0 looks. Level 1 is the register's: somebody reads six digits from the terminal's screen into it, once, and it
gets a token that opens the level again after each start. Levels 2 and 3 are a technician's
(firmware/service/rights.py). Nothing that is typed or answered here comes into the log.
"""

from binascii import hexlify
from time import ticks_add, ticks_diff, ticks_ms

from micropython import const

from firmware.core.cmac import tag_equal
from firmware.core.errors import RpcError
from firmware.service.methods import BAD_PARAMS, text
from firmware.service.rights import REGISTER, VALID_S
from firmware.service.rights import RIGHTS as NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RIGHTS = {"have": 0, "ask": 0, "answer": 0, "drop": 0, "pair": 0, "confirm": 0, "register": 0, "forget": 3}
CHANGES = ("ask", "answer", "drop", "pair", "confirm", "register", "forget")
WORDS = {"rights": "have"}
ARGUMENTS = {"ask": "right", "answer": "digits"}
SLOT = "register"  # of the small values: which pairing counts
_PAIR_MS = const(120_000)
_BUSY, _LOCKED, _TOO_LATE = const(1001), const(1003), const(1006)


def have(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The level programs have now."""
    register = rooms.console.paired
    return {"level": max(rooms.rights().level(), REGISTER if register else 0), "register": register}


def ask(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """A nonce for the operator of the switch."""
    right = text(params, "right", 12)
    if right not in NAMES:
        raise RpcError(BAD_PARAMS, "right: " + " or ".join(NAMES))
    _need_calm(rooms)
    nonce = rooms.rights().ask(right)
    rooms.log.event("right {} asked for".format(right))
    return {"nonce": nonce, "right": right, "s": VALID_S}


def answer(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The eight digits that came back."""
    _need_calm(rooms)
    rights = rooms.rights()
    right = rights.answer(text(params, "digits", 8))
    rooms.log.event("right {} given".format(right))
    return {"right": right, "level": rights.level(), "s": VALID_S}


def drop(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The technician has done what there was to do."""
    rooms.rights().use_up()
    return {"level": REGISTER if rooms.console.paired else 0}


# --- the register -----------------------------------------------------------------------------------------------------


def pair(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Show six digits on the idle screen, for two minutes."""
    _need_calm(rooms)
    name = text(params, "ecr", 16)
    code = "{:06d}".format(rooms.board.random_number(32) % 1_000_000)
    until = ticks_add(ticks_ms(), _PAIR_MS)
    catalogue = rooms.counter.panel.text
    shown = catalogue.get("pair_code", code), catalogue.get("pair_next")
    rooms.console.pairing = code, until
    rooms.counter.notice = lambda: shown if rooms.console.pairing and ticks_diff(until, ticks_ms()) > 0 else None
    rooms.log.event("register {} asks to be paired".format(name))
    return {"digits": 6, "s": _PAIR_MS // 1000}


def confirm(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """The digits from the screen; the token the register keeps. A wrong code ends this pairing and counts as a wrong
    answer; a former register's token is worth nothing from now on."""
    typed, found = text(params, "code", 6), rooms.console.pairing
    if found is None or ticks_diff(found[1], ticks_ms()) <= 0:
        raise RpcError(_TOO_LATE, "no code is on the screen: ask for one with rights.pair")
    _need_calm(rooms)
    rooms.console.pairing = rooms.counter.notice = None
    rooms.rights().check("{:0>6}".format(typed), found[0].encode())
    slots = _slots(rooms)
    number = int.from_bytes(slots.get(SLOT) or b"", "big") + 1
    slots.put(SLOT, number.to_bytes(4, "big"))
    rooms.console.paired = True
    rooms.log.event("register paired, number {}".format(number))
    return {"token": _token(rooms, number)}


def register(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """A paired register is there again: after a start of either of the two."""
    token = text(params, "token", 24)
    if not rooms.console.paired or params.get("check"):
        _need_calm(rooms)
        number = int.from_bytes(_slots(rooms).get(SLOT) or b"", "big")
        if not number or not tag_equal(token.encode(), _token(rooms, number).encode()):
            raise RpcError(1002, "this token is not of the register that was paired last")
        rooms.console.paired = True
    return {"level": REGISTER}


def forget(rooms: "Any", params: "dict[str, object]") -> "dict[str, object]":
    """Right 3: no register is paired any more."""
    _need_calm(rooms)
    slots = _slots(rooms)
    number = int.from_bytes(slots.get(SLOT) or b"", "big") + 1  # a number nobody has a token for
    slots.put(SLOT, number.to_bytes(4, "big"))
    rooms.console.paired = False
    rooms.log.event("register forgotten")
    return {"register": False}


def _token(rooms: "Any", number: int) -> str:
    """24 hexadecimal digits that only this terminal can make."""
    raw = number.to_bytes(4, "big")
    return hexlify(raw + rooms.master.tag(b"register" + raw)[:8]).decode()


def _slots(rooms: "Any") -> "Any":
    slots = rooms.small_values()
    slots.open()
    return slots


def _need_calm(rooms: "Any") -> None:
    if not rooms.calm():
        raise RpcError(_BUSY, "the till is in use", retry_ms=1000)

"""PINs of people who work here: what may be one, and the value that is kept instead of it.

    verifier = CMAC(K_pin, PBKDF2-HMAC-SHA256(PIN, salt, 1000))

K_pin follows from the terminal's master key (NIST SP 800-108, counter mode with CMAC), so a copied flash alone lets
nobody try PINs; a thousand rounds cost a terminal less than a second, spread over many turns of the event loop. Never
log or return a PIN. Knows no clerk and no store.
"""

import asyncio
from hashlib import sha256

from micropython import const

from firmware.core.cmac import Cmac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

ROUNDS = const(1000)
SALT = const(16)
DIGITS = const(4)
DIGITS_SENIOR = const(6)
_SLICE = const(20)  # rounds between two turns of the others: some 10 ms on the slowest board
_BLOCK = const(64)
_LABEL = const(b"vafa-pin")


def pin_key(master: Cmac, context: bytes) -> Cmac:
    """K_pin of one terminal; `master` is the CMAC under its master key, `context` its terminal id."""
    return Cmac(master.tag(b"\x01" + _LABEL + b"\x00" + context + b"\x00\x80"))


def too_easy(pin: str) -> bool:
    """One digit, pair or triple again and again, or a row that goes up or down by one."""
    steps = [(int(pin[at + 1]) - int(pin[at])) % 10 for at in range(len(pin) - 1)]
    row = steps[0] in (0, 1, 9) and all([step == steps[0] for step in steps])
    return row or pin == pin[:2] * (len(pin) // 2) or pin == pin[:3] * (len(pin) // 3)


async def verifier(key: Cmac, pin: str, salt: bytes, turn: "Callable[[], object]") -> bytes:
    """What is kept of a PIN. `turn` is called whenever others had theirs; it may raise to give up."""
    inner, outer = _pads(pin.encode())
    block = sha256(outer + sha256(inner + salt + b"\x00\x00\x00\x01").digest()).digest()
    mixed = int.from_bytes(block, "big")
    for done in range(1, ROUNDS):
        block = sha256(outer + sha256(inner + block).digest()).digest()
        mixed ^= int.from_bytes(block, "big")
        if done % _SLICE == 0:
            await asyncio.sleep_ms(0)
            turn()
    return key.tag(mixed.to_bytes(32, "big"))


def _pads(password: bytes) -> "tuple[bytes, bytes]":
    """The two blocks HMAC begins with (RFC 2104); a PIN is shorter than one."""
    padded = password + bytes(_BLOCK - len(password))
    return bytes([byte ^ 0x36 for byte in padded]), bytes([byte ^ 0x5C for byte in padded])

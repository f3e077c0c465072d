"""A key of two components, typed by two people who each know one; and keys made on this computer.

Neither person learns the key, and nothing of it is shown but check values: the first three bytes of CMAC(K, 0^16),
which each person has beside the component on paper. Nothing here is echoed, printed or kept.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from tools.device.provision_errors import PartsRefused
from tools.issuer.keyfile import check_value

SIZE = 16


def combined(one: bytes, other: bytes) -> bytes:
    """XOR of two components. Raises PartsRefused for what would let one person know the key, or is none."""
    if len(one) != SIZE or len(other) != SIZE:
        raise PartsRefused(f"a part has {SIZE} bytes, 32 hexadecimal digits")
    if not any(one) or not any(other):
        raise PartsRefused("a part that is all zeros leaves the key to the other person alone")
    if one == other:
        raise PartsRefused("two equal parts make a key of zeros")
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def injected(what: str, ask: Callable[[str], str], say: Callable[[str], object]) -> bytes:
    """Ask for both parts, without echo, and tell the check value of each and of the key. Raises PartsRefused."""
    parts = []
    for number in (1, 2):
        part = _part(ask(f"{what}, part {number} of 2"))
        say(f"part {number}: check value {check_value(part)}")
        parts.append(part)
    key = combined(*parts)
    say(f"{what}: check value {check_value(key)}")
    return key


def made() -> bytes:
    """A key from this computer's generator: a board without radio has a weak one."""
    return secrets.token_bytes(SIZE)


def _part(typed: str) -> bytes:
    digits = "".join(typed.split()).replace("-", "")
    try:
        part = bytes.fromhex(digits)
    except ValueError:
        part = b""
    if len(part) != SIZE:
        raise PartsRefused(f"a part is {2 * SIZE} hexadecimal digits")
    return part

"""The signed files of docs/lt87.md section 14, written from the page and not from the terminal's reading of it.

Knows no switch and no database. Times in UTC seconds, UIDs in hex.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

CONFIG, RULES, HOTLIST = 1, 2, 3
ROLES = {"config": CONFIG, "rules": RULES, "hotlist": HOTLIST}
SIGNED_AS = {CONFIG: b"vafa-config-1", RULES: b"vafa-rules-1", HOTLIST: b"vafa-hotlist-1"}
EVERY_TERMINAL = ""
LONGEST = 65_536
HOTLIST_MOST = 5_000
LOST, STOLEN = 41, 43
EARNING = ("earn_rate", "earn_unit", "point_value", "redeem_step", "redeem_threshold")


class Signs(Protocol):
    """Who signs."""

    def sign(self, role: bytes, content: bytes) -> bytes: ...


class FileError(ValueError):
    """What shall be signed is no file a terminal would take; the text is for a person."""


def signed(
    signer: Signs,
    role: int,
    version: int,
    merchant: str,
    terminal: str,
    body: bytes,
    made_utc: int,
    until_utc: int = 0,
) -> bytes:
    """A whole file; `terminal` EVERY_TERMINAL is every terminal of the merchant, `until_utc` 0 no end."""
    if not 1 <= version <= 0xFFFF:
        raise FileError(f"version {version} is not 1 to 65535")
    head = b"VFD1" + bytes((role,)) + version.to_bytes(2, "big")
    head += _filled(merchant, 15) + _filled(terminal, 8)
    head += made_utc.to_bytes(4, "big") + until_utc.to_bytes(4, "big") + len(body).to_bytes(4, "big")
    content = head + body
    whole = content + signer.sign(SIGNED_AS[role], content)
    if len(whole) > LONGEST:
        raise FileError(f"a file of {len(whole)} bytes; {LONGEST} is the most")
    return whole


def _filled(text: str, width: int) -> bytes:
    raw = text.encode("ascii")
    if len(raw) > width:
        raise FileError(f"{text!r} has more than {width} characters")
    return raw.ljust(width)


def text_body(role: int, values: Mapping[str, object]) -> bytes:
    """The body of configuration or rules."""
    richer = "2" if role == RULES and set(values) > set(EARNING) else "1"
    form = {CONFIG: "config 1", RULES: f"rules {richer}"}[role]
    lines = [form, *(f"{name}={spelt(values[name])}" for name in sorted(values))]
    if any("\n" in line for line in lines):
        raise FileError("a value has one line")
    return ("\n".join(lines) + "\n").encode()


def spelt(value: object) -> str:
    """A value as it stands in a body."""
    if isinstance(value, tuple):
        rows = value and isinstance(value[0], tuple)
        return ";".join(" ".join(map(str, row)) for row in value) if rows else " ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def hotlist_body(cards: Iterable[tuple[str, int]]) -> bytes:
    """The body of a hotlist: (UID, reason 41 or 43), sorted, each card once."""
    rows = set()
    for uid, reason in cards:
        raw = bytes.fromhex(uid)
        rows.add(raw.ljust(10, b"\0") + bytes((len(raw), reason)))
    if len(rows) > HOTLIST_MOST:
        raise FileError(f"{len(rows)} cards; a hotlist has {HOTLIST_MOST} at most")
    return b"".join(sorted(rows))

"""Amounts of messages into the money of the books, and back: what the terminals' DE 49 means here.

The books are kept in the money the rules are written in (docs/rules.md). A currency whose row of `currencies` has a
whole rate is booked as what it counts for, so amounts before and after a redenomination add up; answers tell money in
the currency of their message. Every other currency is booked as it comes, as a message without DE 49 is. Integers; what
is told to be paid or to be had is rounded down, what is still missing up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from tools.bench_switch.codec import tlv
from tools.bench_switch.programme import NEXT_TIER, Programme

_MONEY_OFF = 2  # kind of an offer: money off
_OFFER_HEAD, _STATEMENT = 17, 45
_UNIT = re.compile(r" @\d+\*(\d+)/")

Told = Mapping[int, "bytes | Sequence[bytes]"]


def unit_of(programme: Programme, fields: Mapping[str, str]) -> int:
    """How much of the books' money the smallest unit of this message's currency is."""
    said = fields.get("49", "")
    if not said.isdigit():
        return 1
    rates = {code: (up, down) for code, up, down in programme.currencies}
    up, down = rates.get(int(said), (1, 1))
    return up if down == 1 else 1


def unit_of_content(content: str) -> int:
    """The same of a booked message, by what is kept of it."""
    found = _UNIT.search(content)
    return int(found[1]) if found else 1


def booked(tags: dict[int, bytes], unit: int) -> dict[int, bytes]:
    """What a message says, with the full price of an offer or voucher in the books' money."""
    said = tags.get(tlv.OFFER, b"")
    if unit == 1 or len(said) < 7:
        return tags
    return {**tags, tlv.OFFER: said[:2] + tlv.u(int.from_bytes(said[2:7], "big") * unit, 5) + said[7:]}


def told(tags: Told, unit: int) -> dict[int, bytes | Sequence[bytes]]:
    """What an answer says, with its money in the currency of the message."""
    said = dict(tags)
    if unit == 1:
        return said
    step = said.get(tlv.NEXT)
    if isinstance(step, bytes) and step[0] == NEXT_TIER:
        said[tlv.NEXT] = step[:1] + tlv.u(-(-int.from_bytes(step[1:5], "big") // unit), 4) + step[5:]
    offers = said.get(tlv.OFFER)
    if isinstance(offers, bytes):
        said[tlv.OFFER] = _offer(offers, unit)
    elif offers is not None:
        said[tlv.OFFER] = [_offer(one, unit) for one in offers]
    whole = said.get(tlv.BLOB)
    if isinstance(whole, bytes) and len(whole) == _STATEMENT:
        amounts = [int.from_bytes(whole[at : at + 6], "big") // unit for at in (21, 27)]
        said[tlv.BLOB] = whole[:21] + b"".join(tlv.u(one, 6) for one in amounts) + whole[33:]
    return said


def _offer(value: bytes, unit: int) -> bytes:
    if len(value) < _OFFER_HEAD:
        return value
    worth, minimum = int.from_bytes(value[3:7], "big"), int.from_bytes(value[10:15], "big")
    if value[2] == _MONEY_OFF:
        worth //= unit
    return value[:3] + tlv.u(worth, 4) + value[7:10] + tlv.u(-(-minimum // unit), 5) + value[15:]

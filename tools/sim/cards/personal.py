"""Writes the member payload and a card's keys into a card model, as the programme's card office would (docs/cards.md).

Classic: payload in block 4; key A of sector 1 = bytes 0..5 of the diversified key, key B = bytes 6..11, access 787788
(key A reads, key B writes). NTAG and Ultralight EV1: payload in pages 4..7, PWD = bytes 0..3, PACK = bytes 4..5,
AUTH0 = 4, PROT = 1. Keys and payload come from the issuer's own code, which shares nothing with the terminal's.
"""

from __future__ import annotations

from tools.issuer.keys import IssuerKeys, legacy_key, member_payload
from tools.sim.cards.classic import Classic1k
from tools.sim.cards.iso14443a import Card
from tools.sim.cards.ntag import Ntag

MEMBER_BLOCK, MEMBER_PAGE = 4, 4
_ACCESS = bytes.fromhex("78778869")


def personalise(card: Card, keys: IssuerKeys | bytes, member_no: int) -> Card:
    """Write payload and keys; returns the card. `keys` may be the bare group key where the family needs no other.
    Raises ValueError for a family that has no place for them."""
    group = keys.group if isinstance(keys, IssuerKeys) else keys
    key = legacy_key(group, card.uid)
    payload = member_payload(group, card.uid, member_no)
    if isinstance(card, Classic1k):
        card.set_block(MEMBER_BLOCK, payload)
        card.set_block(MEMBER_BLOCK | 3, key[:6] + _ACCESS + key[6:12])
    elif isinstance(card, Ntag):
        for i in range(4):
            card.set_page(MEMBER_PAGE + i, payload[i * 4 : i * 4 + 4])
        card.protect(key[:4], key[4:6], auth0=MEMBER_PAGE, reads=True)
    else:
        raise ValueError("this family holds no member")
    return card

"""Models of contactless cards and of the field they lie in. `make_card` builds one by the name of its kind."""

from __future__ import annotations

from tools.sim.cards.classic import Classic1k
from tools.sim.cards.field import Field, Noise
from tools.sim.cards.iso14443a import Card
from tools.sim.cards.iso_dep import IsoDepCard
from tools.sim.cards.ntag import Ntag
from tools.sim.cards.other import DesfireEv1, Phone

__all__ = ["Card", "Classic1k", "DesfireEv1", "Field", "IsoDepCard", "Noise", "Ntag", "Phone", "make_card"]

KINDS = ("classic", "ntag213", "ntag215", "ntag216", "desfire", "phone")


def make_card(
    kind: str, uid: bytes | str, *, blocks: dict[int, bytes] | None = None, pages: dict[int, bytes] | None = None
) -> Card:
    """A card as delivered: kind `classic` (with `blocks`), `ntag213/215/216` (with `pages`), `desfire` (an EV1) or
    `phone`, which takes another UID at once."""
    raw = bytes.fromhex(uid) if isinstance(uid, str) else bytes(uid)
    if kind == "classic" and pages is None:
        return Classic1k(raw, blocks=blocks)
    if kind in ("ntag213", "ntag215", "ntag216") and blocks is None:
        return Ntag(raw, kind, pages=pages)
    if kind == "desfire" and blocks is None and pages is None:
        return DesfireEv1(raw)
    if kind == "phone" and blocks is None and pages is None:
        return Phone(raw)
    raise ValueError(f"no such card: {kind}")

"""Models of contactless cards and of the field they lie in. `make_card` builds one by the name of its kind."""

from __future__ import annotations

from collections.abc import Callable

from tools.sim.cards import ntag, ultralight
from tools.sim.cards.classic import Classic1k, Classic4k
from tools.sim.cards.desfire import Desfire
from tools.sim.cards.field import Field, Noise
from tools.sim.cards.iso14443a import Card
from tools.sim.cards.iso_dep import IsoDepCard
from tools.sim.cards.magic import MagicClassic
from tools.sim.cards.ntag import Ntag
from tools.sim.cards.ntag424 import Ntag424
from tools.sim.cards.other import DesfireEv1, Phone
from tools.sim.cards.ultralight import UltralightEv1

__all__ = ["KINDS", "Card", "Classic1k", "DesfireEv1", "Field", "IsoDepCard", "Noise", "Ntag", "Phone", "make_card"]

_BLOCKS: dict[str, type[Classic1k]] = {"classic": Classic1k, "classic-4k": Classic4k, "classic-magic": MagicClassic}
_PAGES: dict[str, type[Ntag | UltralightEv1]] = {
    **dict.fromkeys(ntag.LAYOUTS, Ntag),
    **dict.fromkeys(ultralight.LAYOUTS, UltralightEv1),
}
_PLAIN: dict[str, Callable[[bytes], Card]] = {
    "ntag424": Ntag424,
    "desfire-ev2": lambda uid: Desfire(uid, "ev2"),
    "desfire-ev3": lambda uid: Desfire(uid, "ev3"),
    "desfire": DesfireEv1,
    "phone": Phone,
}
KINDS = (*_BLOCKS, *_PAGES, *_PLAIN)


def make_card(
    kind: str, uid: bytes | str, *, blocks: dict[int, bytes] | None = None, pages: dict[int, bytes] | None = None
) -> Card:
    """A card as delivered. Kinds with blocks take `blocks`, those with pages `pages`; `desfire` is an EV1, `phone`
    takes another UID at once."""
    raw = bytes.fromhex(uid) if isinstance(uid, str) else bytes(uid)
    if kind in _BLOCKS and pages is None:
        return _BLOCKS[kind](raw, blocks=blocks)
    if kind in _PAGES and blocks is None:
        return _PAGES[kind](raw, kind, pages=pages)
    if kind in _PLAIN and blocks is None and pages is None:
        return _PLAIN[kind](raw)
    raise ValueError(f"no such card: {kind}")

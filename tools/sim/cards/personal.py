"""Writes the member payload and a card's keys into a card model, as the programme's card office would (docs/cards.md).

What a personalised card holds in the end, byte for byte, without the way there: no command is sent. Keys and payload
come from the issuer's own code; file contents and settings are put together here, so that nothing is shared with the
code that writes real cards.
"""

from __future__ import annotations

from tools.issuer.keys import AES_KEYS, KIND_AES, KIND_CLASSIC, KIND_NTAG, IssuerKeys, legacy_key, member_payload
from tools.sim.cards import sdm
from tools.sim.cards.aes_core import Key
from tools.sim.cards.classic import Classic1k
from tools.sim.cards.desfire import Application, Desfire
from tools.sim.cards.ev2 import FULL, PLAIN
from tools.sim.cards.files import StdFile
from tools.sim.cards.iso14443a import Card
from tools.sim.cards.ntag import Ntag
from tools.sim.cards.ntag424 import NDEF_FILE, PRIVATE_FILE, Ntag424
from tools.sim.cards.type2 import Type2

MEMBER_BLOCK, MEMBER_PAGE = 4, 5
_OPEN_MARK = {4: b"VAFA"}
_COUNTER_ON_AND_PROTECTED = 0x18
SUN_HOST = "card.vafa.test"  # RFC 6761: "test" never resolves in the public DNS
DESFIRE_AID = bytes.fromhex("F06AF5")  # as sent; the AID is F56AF0
_ACCESS = bytes.fromhex("78778869")
_PAYLOAD_RIGHTS = bytes.fromhex("0010")  # read with key 1, everything else with key 0
_NDEF_RIGHTS = bytes.fromhex("00E0")  # read free, everything else with key 0
_SDM_HEAD = bytes.fromhex("C1F023")  # UID and counter, counter told to key 0, PICCData under key 2, MAC under key 3
_DESFIRE_SETTINGS, _DESFIRE_FILE_SIZE = 0x09, 32


def personalise(card: Card, keys: IssuerKeys | bytes, member_no: int, *, host: str = SUN_HOST) -> Card:
    """Write payload and keys; returns the card. `keys` may be the bare group key where the family needs no other.

    `host` is that of the URL on cards with secure dynamic messaging. Raises ValueError for a family that has no place
    for a member.
    """
    group = keys.group if isinstance(keys, IssuerKeys) else keys
    kind = KIND_CLASSIC if isinstance(card, Classic1k) else KIND_NTAG if isinstance(card, Type2) else KIND_AES
    key = legacy_key(group, kind, card.uid)
    payload = member_payload(group, kind, card.uid, member_no)
    if isinstance(card, Classic1k):
        card.set_block(MEMBER_BLOCK, payload)
        card.set_block(MEMBER_BLOCK | 3, key[:6] + _ACCESS + key[6:12])
    elif isinstance(card, Type2):
        pages = _OPEN_MARK | {MEMBER_PAGE + i: payload[i * 4 : i * 4 + 4] for i in range(4)}
        for number, content in pages.items():
            card.set_page(number, content)
        counting = _COUNTER_ON_AND_PROTECTED if isinstance(card, Ntag) else 0
        card.protect(key[:4], key[4:6], auth0=MEMBER_PAGE, more=counting)
    elif isinstance(keys, IssuerKeys) and isinstance(card, Ntag424):
        app = card.app
        app.application_keys[:] = _aes_keys(keys, card.uid)
        private, ndef = app.application_files[PRIVATE_FILE], app.application_files[NDEF_FILE]
        private.mode, private.rights, private.memory[: len(payload)] = FULL, _PAYLOAD_RIGHTS, payload
        content, settings = _sun_file(host)
        ndef.mode, ndef.rights, ndef.memory[: len(content)] = PLAIN, _NDEF_RIGHTS, content
        ndef.sdm = sdm.parse(settings, len(ndef.memory), AES_KEYS, None)
    elif isinstance(keys, IssuerKeys) and isinstance(card, Desfire):
        file = StdFile(_DESFIRE_FILE_SIZE, FULL, _PAYLOAD_RIGHTS, content=payload)
        application = Application(_DESFIRE_SETTINGS, _aes_keys(keys, card.uid), {PRIVATE_FILE: file})
        card.app.applications[DESFIRE_AID] = application
    else:
        raise ValueError("this family holds no member, or needs all of the issuer's keys")
    return card


def _aes_keys(keys: IssuerKeys, uid: bytes) -> list[Key]:
    return [Key(keys.aes_key(number, uid), keys.version) for number in range(AES_KEYS)]


def _sun_file(host: str) -> tuple[bytes, bytes]:
    """Content of the NDEF file and the SDM settings that fit it: `https://HOST/c?p=..&m=..` as one URI record."""
    uri = b"\x04" + host.encode() + b"/c?p=" + b"0" * 32 + b"&m=" + b"0" * 16
    record = b"\xd1\x01" + bytes([len(uri)]) + b"U" + uri
    content = len(record).to_bytes(2, "big") + record
    picc_at, mac_at = content.index(b"?p=") + 3, content.index(b"&m=") + 3
    return content, _SDM_HEAD + b"".join(at.to_bytes(3, "little") for at in (picc_at, mac_at, mac_at))

"""The people, cards and keys of the demo: what `make run`, the stories and the terminal tests start from.

Everything secret here is public on purpose: it belongs to the demo and to no shop. It enters a terminal through the
same files that provisioning writes (settings.json, keys.json, ca.der), and the bench switch through its ledger.
Units: points as whole points, money in rial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.bench_switch.programme import Programme
from tools.issuer.keys import IssuerKeys

TERMINAL_ID = "VAFA0001"
MERCHANT_ID = "DEMO-SHOP-00001"
SWITCH_NAME = "switch.vafa.test"  # RFC 6761: "test" never resolves in the public DNS
NII = 311
KID = 1
TMK = bytes.fromhex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf")
MAC_OUT = bytes.fromhex("0f1e2d3c4b5a69788796a5b4c3d2e1f0")
MAC_IN = bytes.fromhex("f0e1d2c3b4a5968778695a4b3c2d1e0f")
CARD_GROUP = bytes.fromhex("00112233445566778899aabbccddeeff")
ISSUER = IssuerKeys(
    version=1,
    master=bytes.fromhex("d0d1d2d3d4d5d6d7d8d9dadbdcdddedf"),
    group=CARD_GROUP,
    sun_meta=bytes.fromhex("a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"),
    sun_mac=bytes.fromhex("b0b1b2b3b4b5b6b7b8b9babbbcbdbebf"),
    relay=bytes.fromhex("c0c1c2c3c4c5c6c7c8c9cacbcccdcecf"),
)
LANGUAGE = "en"  # a story quotes English unless it says otherwise
WIFI_SSID = "demo-shop"
WIFI_PSK = "demo-wifi-key"


@dataclass(frozen=True)
class DemoMember:
    """A member of the programme; `tier` 0 none, 1 bronze, 2 silver, 3 gold."""

    name: str
    member_no: int
    points: int
    tier: int
    visits: int


@dataclass(frozen=True)
class DemoCard:
    """A card in the tray: `kind` as `tools.sim.cards.make_card` takes it, `member` "" when nobody has it.

    `key` says whether the card was issued by the programme and opens with its keys; one that was not earns by its UID
    and never spends. Two cards of one UID are an original and its copy.
    """

    name: str
    kind: str
    uid: bytes
    member: str
    key: bool
    label: str


AES_KINDS = ("ntag424", "desfire-ev2", "desfire-ev3")

MEMBERS: dict[str, DemoMember] = {
    m.name: m
    for m in (
        DemoMember("ali", 1001, 1000, 3, 41),
        DemoMember("sara", 1002, 640, 2, 17),
        DemoMember("reza", 1003, 120, 1, 3),
        DemoMember("maryam", 1004, 800, 1, 6),
    )
}

CARDS: dict[str, DemoCard] = {
    c.name: c
    for c in (
        DemoCard("gold-card", "classic", bytes.fromhex("9C599B32"), "ali", True, "Ali, gold"),
        DemoCard("silver-card", "ntag213", bytes.fromhex("04A1B2C3D4E5F6"), "sara", True, "Sara, silver"),
        DemoCard("bronze-card", "classic", bytes.fromhex("5D0C7A11"), "reza", True, "Reza, bronze"),
        DemoCard("plain-card", "ntag213", bytes.fromhex("04112233445580"), "maryam", False, "Maryam, no key"),
        DemoCard("stranger-card", "classic", bytes.fromhex("A1B2C3D4"), "", False, "new card, not yet known"),
        DemoCard("aes-card", "ntag424", bytes.fromhex("04424D61727961"), "maryam", True, "Maryam, AES"),
        DemoCard("desfire-card", "desfire-ev2", bytes.fromhex("04DE5F1EACC040"), "sara", True, "Sara, DESFire"),
        DemoCard("phone", "phone", bytes.fromhex("08000000"), "", False, "a phone: another number at every tap"),
        DemoCard("copied-card", "classic-magic", bytes.fromhex("5D0C7A11"), "reza", True, "a copy of Reza's card"),
    )
}


def way(card: DemoCard, aes_way: str = "sun") -> str:
    """What the switch wants of a card before it spends, in a shop whose terminals read AES cards by `aes_way`."""
    if not card.key or card.kind not in AES_KINDS:
        return "legacy"
    if aes_way in ("group", "relay"):
        return aes_way
    return "sun" if card.kind == "ntag424" else "relay"


def settings(switch_host: str, switch_port: int, **changes: object) -> dict[str, object]:
    """settings.json of the demo terminal."""
    return {
        "terminal_id": TERMINAL_ID,
        "merchant_id": MERCHANT_ID,
        "wifi_ssid": WIFI_SSID,
        "switch_host": switch_host,
        "switch_port": switch_port,
        "switch_name": SWITCH_NAME,
        "nii": NII,
        "currency": 364,
        "language": LANGUAGE,
        **changes,
    }


def keys() -> dict[str, object]:
    """keys.json of the demo terminal."""
    return {
        "tmk": TMK.hex(),
        "kid": KID,
        "mac_out": MAC_OUT.hex(),
        "mac_in": MAC_IN.hex(),
        "card_group": CARD_GROUP.hex(),
        "wifi_psk": WIFI_PSK,
    }


def switch_options(terminal_settings: Mapping[str, object]) -> dict[str, Any]:
    """What the bench switch is made with; it reserves points when the terminal may spend them offline, and
    bears the risk when the terminal does."""
    programme = Programme(
        allowances=terminal_settings.get("offline_redeem") is True,
        offline_risk=terminal_settings.get("offline_redeem_risk") is True,
    )
    return {"switch_name": SWITCH_NAME, "issuer_keys": ISSUER, "programme": programme}

"""What the switch's office does about the demo terminal in a story: new keys, a block, orders to it."""

from __future__ import annotations

from firmware.version import BUILD
from tools.bench_switch import Ledger, keychange
from tools.sim import demo

_MADE_UTC = 0  # told to people only
ORDERS = {"stop": keychange.STOP_VALUE, "zeroise": keychange.ZEROISE}
BUILDS = {"outdate": BUILD + 1, "suffice": 0}
WORDS = ("rekey", "block", "unblock", *ORDERS, *BUILDS)


def order(ledger: Ledger, word: str) -> None:
    """One of WORDS."""
    if word == "rekey":
        keychange.rekey(ledger, demo.TERMINAL_ID, demo.TMK, _MADE_UTC)
    elif word in ORDERS:
        keychange.give_order(ledger, demo.TERMINAL_ID, ORDERS[word])
    elif word in BUILDS:
        keychange.set_minimum_build(ledger, demo.TERMINAL_ID, BUILDS[word])
    else:
        ledger.block_terminal(demo.TERMINAL_ID, word == "block")

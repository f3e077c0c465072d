"""What a terminal is provisioned with, told in digits: alike on both sides, and giving nothing away."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from firmware.service import fingerprint
from host_tests.patience import PATIENCE_S
from tools.bench_switch.cli_kit import check_value
from tools.sim import demo

ROOT = Path(__file__).parents[2]
GIVEN: dict[str, Any] = {
    "terminal_id": "VAFA0001",
    "merchant_name": 'فروشگاه «"وفا"» \\ \n',
    "switch_port": 8583,
    "tier_percent": [100, 100, 110, 125],
    "greet": False,
}
FILES: dict[str, bytes | None] = {"ca.der": b"a certificate", "config-keys.bin": None}
KEYS = {
    "tmk": demo.TMK,
    "mac_out": demo.MAC_OUT,
    "mac_in": demo.MAC_IN,
    "card_group": b"",
    "kid": b"\x07",
    "wifi_psk": demo.WIFI_PSK.encode(),
}


def test_both_interpreters_tell_the_same_whatever_the_order_of_the_names() -> None:
    here = fingerprint.parts(GIVEN, FILES, KEYS)
    turned = dict(reversed(GIVEN.items()))
    program = (
        "import sys\nsys.path.insert(0, '.')\nfrom firmware.service import fingerprint\nimport json\n"
        f"given = json.loads({json.dumps(json.dumps(turned))})\n"
        f"print(json.dumps(fingerprint.parts(given, {FILES!r}, {KEYS!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert json.loads(done.stdout) == here, done.stderr
    spelt = (
        "greet=false\nmerchant_name=19:" + GIVEN["merchant_name"] + "\nswitch_port=8583\n"
        "terminal_id=8:VAFA0001\ntier_percent=[100,100,110,125]\n"
    )
    assert here["settings"] == hashlib.sha256(spelt.encode()).digest()[:8].hex(), "docs/console.md tells it so"


def test_every_part_moves_the_whole_and_only_its_own_part() -> None:
    before = fingerprint.parts(GIVEN, FILES, KEYS)
    changed = {
        "settings": ({**GIVEN, "greet": True}, FILES, KEYS),
        "ca.der": (GIVEN, {**FILES, "ca.der": b"another"}, KEYS),
        "release-keys.bin": (GIVEN, {**FILES, "release-keys.bin": b"new"}, KEYS),
        "mac_out": (GIVEN, FILES, {**KEYS, "mac_out": bytes(16)}),
        "kid": (GIVEN, FILES, {**KEYS, "kid": b"\x08"}),
        "wifi_psk": (GIVEN, FILES, {**KEYS, "wifi_psk": b"another word"}),
    }
    for name, (given, files, keys) in changed.items():
        after = fingerprint.parts(given, files, keys)
        assert {part for part in after if after[part] != before[part]} == {name, "whole"}


def test_check_values_are_the_ones_everybody_uses_and_a_password_has_none_without_the_master_key() -> None:
    found = fingerprint.parts(GIVEN, FILES, KEYS)
    assert found["tmk"] == check_value(demo.TMK.hex()) and found["card_group"] == ""
    other = fingerprint.parts(GIVEN, FILES, {**KEYS, "tmk": bytes(16)})
    assert other["wifi_psk"] != found["wifi_psk"], "a list of words tells nothing to who lacks the master key"
    assert fingerprint.parts(GIVEN, FILES, {"wifi_psk": b"a word"})["wifi_psk"] == ""

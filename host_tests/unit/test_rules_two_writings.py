"""docs/rules.md, written twice: terminal and switch agree on 10,000 carts, also on the device's interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.service.coherence import contradiction
from host_tests.patience import PATIENCE_S
from host_tests.unit.rules_kit import PROGRAM, by_switch, by_terminal, carts, programme_of, rule_sets
from tools.bench_switch import rules_check

ROOT = Path(__file__).parents[2]
SEED, SETS, CARTS = 87, 500, 20


@pytest.fixture(scope="module")
def cases():
    """Every rule set with its carts."""
    return [(rules, list(carts(number, CARTS))) for number, rules in enumerate(rule_sets(SEED, SETS))]


def test_ten_thousand_carts_earn_the_same_at_both_ends(cases):
    compared = reasons = 0
    for rules, its_carts in cases:
        assert contradiction(rules) == ""
        for cart in its_carts:
            parts = by_terminal(rules, cart)
            assert parts == by_switch(rules, cart), (rules, cart)
            compared += 1
            reasons |= sum(1 << reason for reason, _ in parts)
    assert compared == 10_000
    assert reasons == 0b1111_1110  # every part came up


def test_the_devices_interpreter_says_the_same(cases, tmp_path):
    lines = [json.dumps(line) for rules, its_carts in cases for line in (rules, *its_carts)]
    (tmp_path / "carts").write_text("\n".join(lines) + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "micropython_unix", "-c", PROGRAM, str(tmp_path / "carts")],
        capture_output=True,
        text=True,
        env={**os.environ, "MICROPYPATH": f".frozen:{ROOT}"},
        cwd=ROOT,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    said = [[tuple(part) for part in json.loads(line)] for line in done.stdout.splitlines()]
    assert said == [by_terminal(rules, cart) for rules, its_carts in cases for cart in its_carts]


def test_both_ends_refuse_the_same_rule_sets():
    refused = set()
    for rules in rule_sets(SEED, 2000, wild=True):
        here, there = contradiction(rules), rules_check.contradiction(programme_of(rules))
        assert bool(here) == bool(there), (rules, here, there)
        refused.add(here.split(":")[0])
    assert refused == {
        "", "tier_percent", "cap_sale", "visit_points", "tenure_points", "happy_percent", "redeem_threshold", "rewards",
        "currencies", "six_months_days",
    }  # fmt: skip

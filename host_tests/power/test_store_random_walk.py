"""Long random lives of a journal on a small ring: sales, answers, acknowledgements, housekeeping, and power cuts."""

from __future__ import annotations

import random

import pytest

from firmware.core.errors import StoreFull
from firmware.core.types import APPROVED, REDEMPTION, REFUSED
from host_tests.power.ledger import Ledger, allowed, observe, open_journal
from tools.sim.chips.nor import Nor, PowerCut, Torn


def random_step(ledger: Ledger, rng: random.Random) -> None:
    choice = rng.random()
    unpaid = sorted(ledger.pending)
    if choice < 0.35:
        ledger.offline_sale(rng.randrange(4))
    elif choice < 0.5:
        seq = ledger.online_intent(rng.randrange(4), rng.choice((1, REDEMPTION)))
        if rng.random() < 0.8:
            ledger.answer(seq, rng.choice((APPROVED, REFUSED)))
    elif choice < 0.55 and ledger.open:
        ledger.reverse(min(ledger.open))
    elif choice < 0.85 and unpaid:
        ledger.settle(*unpaid[: rng.choice((1, 1, 5, 20))])
    elif choice < 0.88 and unpaid and len(ledger.dead) < 6:
        ledger.bury(rng.choice(unpaid))
    elif choice < 0.9 and ledger.dead:
        ledger.settle(min(ledger.dead))
    elif choice < 0.95:
        ledger.idle()
    elif choice < 0.97 and unpaid:
        ledger.send(rng.choice(unpaid))
    elif ledger.voidable():
        ledger.void(rng.choice(ledger.voidable()))


@pytest.mark.parametrize("seed", range(6))
def test_a_life_full_of_power_cuts_loses_and_invents_nothing(seed: int) -> None:
    rng = random.Random(seed)
    page_only = bool(seed % 2)
    nor = Nor(rng.choice((5, 8)) * 4096, seed=seed)
    ledger = Ledger(open_journal(nor, page_only))
    ledger.sign_on(seed)
    cuts = full = 0
    for _ in range(1500):
        if not nor._cut_in and rng.random() < 0.05:
            nor.cut_at(rng.randrange(1, 12), rng.choice(list(Torn)))
        try:
            try:
                random_step(ledger, rng)
            except StoreFull:
                full += 1
                ledger.settle(*sorted(ledger.pending)[:20])
                ledger.idle()
        except PowerCut:
            cuts += 1
            recover(ledger, nor, page_only, rng)
    assert cuts > 30
    assert nor.erases > 5
    assert observe(ledger.journal, ledger.probe) == ledger.state()


def recover(ledger: Ledger, nor: Nor, page_only: bool, rng: random.Random) -> None:
    """Start again, perhaps with a cut in the recovery; take over what the store shows of the call that was cut."""
    while True:
        nor.power_on()
        if rng.random() < 0.3:
            nor.cut_at(1, rng.choice(list(Torn)))
        try:
            ledger.journal = open_journal(nor, page_only)
            break
        except PowerCut:
            continue
    nor.power_on()
    seen = observe(ledger.journal, ledger.probe)
    assert allowed(seen, ledger.before, ledger.after, ledger.batch), (seen, ledger.before, ledger.after)
    adopt(ledger, seen)


def adopt(ledger: Ledger, seen: dict) -> None:
    def seqs(key: str) -> set[int]:
        return {dict(r)["seq"] for r in seen[key]}

    in_flight = ledger.probe[-1] if ledger.probe else 0
    ledger.pending, ledger.open = seqs("pending"), seqs("unanswered")
    ledger.dead = {dict(r)["seq"]: rc for r, rc in seen["dead"]}
    ledger.voided -= ledger.pending  # the void was cut before it was there
    if in_flight in ledger.transactions and seen["found"][in_flight] is None:
        del ledger.transactions[in_flight]
    for seq, entry in seen["found"].items():
        if entry and entry[2] is None:
            ledger.results.pop(seq, None)
    ledger.before = ledger.after = ledger.state()
    ledger.batch = False
